export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** The text by which Maps hold a partition. A topic's name may end in `-1`, but the last dash decides, so keys are unique. */
export function partitionKey(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}

export function keyOf(each: TopicPartition): string {
  return partitionKey(each.topic, each.partition);
}

/** Only that, of something that has more. */
export function placeOf({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition };
}

export function comparePartitions(a: TopicPartition, b: TopicPartition): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1;
  return a.partition - b.partition;
}

/** By topic, in the order of first appearance. */
export function groupByTopic<T extends TopicPartition>(partitions: Iterable<T>): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const each of partitions) {
    const group = groups.get(each.topic);
    if (group === undefined) groups.set(each.topic, [each]);
    else group.push(each);
  }
  return groups;
}

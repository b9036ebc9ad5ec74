/**
 * Sets of partitions by topic id, as assignments are made of them. Neither map nor sets change once they are made.
 * An assigned partition carries the epoch that it was assigned in: a commit of an older epoch cannot be of its owner.
 */
export type TopicPartitions = ReadonlyMap<string, ReadonlySet<number>>;
export type AssignedPartitions = ReadonlyMap<string, ReadonlyMap<number, number>>;

export const NO_PARTITIONS: AssignedPartitions & TopicPartitions = new Map<string, never>();

/** The topics that groups subscribe to, as the cluster has them now. */
export interface TopicsView {
  byName(name: string): { readonly topicId: string; readonly partitionCount: number } | undefined;
  nameOf(topicId: string): string | undefined;
  names(): Iterable<string>;
}

export const NO_TOPICS: TopicsView = { byName: () => undefined, nameOf: () => undefined, names: () => [] };

type AnyPartitions = ReadonlyMap<
  string,
  { has(partition: number): boolean; readonly size: number; keys(): Iterable<number> }
>;

export function hasPartition(partitions: AnyPartitions, topicId: string, partition: number): boolean {
  return partitions.get(topicId)?.has(partition) ?? false;
}

export function countOf(partitions: AnyPartitions): number {
  let count = 0;
  for (const each of partitions.values()) count += each.size;
  return count;
}

export function* partitionsOf(partitions: AnyPartitions): Generator<readonly [topicId: string, partition: number]> {
  for (const [topicId, each] of partitions) for (const partition of each.keys()) yield [topicId, partition];
}

export function isSubset(inner: AnyPartitions, outer: AnyPartitions): boolean {
  for (const [topicId, partition] of partitionsOf(inner)) if (!hasPartition(outer, topicId, partition)) return false;
  return true;
}

export function samePartitions(a: AnyPartitions, b: AnyPartitions): boolean {
  return countOf(a) === countOf(b) && isSubset(a, b);
}

export function sameAssigned(a: AssignedPartitions, b: AssignedPartitions): boolean {
  if (!samePartitions(a, b)) return false;
  for (const [topicId, epochs] of a) {
    for (const [partition, epoch] of epochs) if (b.get(topicId)?.get(partition) !== epoch) return false;
  }
  return true;
}

/** As messages list them: without topics that have no partition, partitions in order. */
export function listed(partitions: AnyPartitions): { topicId: string; partitions: number[] }[] {
  return [...partitions]
    .filter(([, each]) => each.size > 0)
    .map(([topicId, each]) => ({ topicId, partitions: [...each.keys()].sort((a, b) => a - b) }));
}

export function topicPartitionsOf(
  list: readonly { readonly topicId: string; readonly partitions: readonly number[] }[],
): TopicPartitions {
  const partitions = new Map<string, Set<number>>();
  for (const each of list) {
    const known = partitions.get(each.topicId);
    if (known === undefined) partitions.set(each.topicId, new Set(each.partitions));
    else for (const partition of each.partitions) known.add(partition);
  }
  return partitions;
}

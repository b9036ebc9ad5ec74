/** The share coordinator's APIs name partitions by topic; the coordinator knows them one by one. */
interface Named {
  readonly topicId: string;
}

export function flattened<P extends object>(
  topics: readonly { readonly topicId: string; readonly partitions: readonly P[] }[],
): (P & Named)[] {
  return topics.flatMap(({ topicId, partitions }) => partitions.map((each) => ({ ...each, topicId })));
}

/** Answers by topic, in the order in which topics came first. */
export function groupedByTopic<A extends Named>(answers: readonly A[]): { topicId: string; partitions: A[] }[] {
  const topics = new Map<string, A[]>();
  for (const answer of answers) {
    const partitions = topics.get(answer.topicId);
    if (partitions === undefined) topics.set(answer.topicId, [answer]);
    else partitions.push(answer);
  }
  return [...topics].map(([topicId, partitions]) => ({ topicId, partitions }));
}

/** A request that names no group, no topic, or a topic without partitions is answered with nothing at all, as Kafka does. */
export function isVoid(request: {
  readonly groupId: string;
  readonly topics: readonly { readonly partitions: readonly unknown[] }[];
}): boolean {
  return request.groupId === '' || request.topics.some(({ partitions }) => partitions.length === 0);
}

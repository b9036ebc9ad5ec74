import { AssignmentBuilder, type Assignor } from './assignor.ts';

/**
 * `range`: each topic's partitions in order, cut into one run for each of its subscribers, so that equally numbered partitions of topics with equal partition
 * counts meet at one member. Members stand in the order of their instance ids, then of their ids; the first ones get one more where it does not divide.
 */
export const range: Assignor = (spec) => {
  const assignment = new AssignmentBuilder(spec);
  const inOrder = [...spec.members].sort((a, b) => {
    if ((a.instanceId === null) !== (b.instanceId === null)) return a.instanceId === null ? 1 : -1;
    return compare(a.instanceId ?? a.memberId, b.instanceId ?? b.memberId);
  });
  for (const [topicId, count] of spec.partitionCounts) {
    const subscribers = inOrder.filter((member) => member.topicIds.has(topicId));
    if (subscribers.length === 0) continue;
    const quota = Math.floor(count / subscribers.length);
    const larger = count % subscribers.length;
    let partition = 0;
    subscribers.forEach(({ memberId }, i) => {
      const end = partition + quota + (i < larger ? 1 : 0);
      for (; partition < end; partition++) assignment.add(memberId, topicId, partition);
    });
  }
  return assignment.build();
};

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

import type { Assignor, AssignorMember } from './assignors/assignor.ts';
import { range } from './assignors/range.ts';
import { uniform } from './assignors/uniform.ts';
import type { GroupDraft } from './consumer-group.ts';
import { NO_PARTITIONS, samePartitions, type TopicsView } from './topic-partitions.ts';

/** The server-side assignors by their names in requests and in group.consumer.assignors. */
export const ASSIGNORS: ReadonlyMap<string, Assignor> = new Map([
  ['uniform', uniform],
  ['range', range],
]);

/** Ids of the topics that exist among these. */
export function topicIdsOf(topics: TopicsView, names: Iterable<string>): Set<string> {
  const ids = new Set<string>();
  for (const name of names) {
    const topic = topics.byName(name);
    if (topic !== undefined) ids.add(topic.topicId);
  }
  return ids;
}

/** Emits a new target for the group's epoch: one record for each member whose target is another one, then the epoch. */
export function updateTarget(draft: GroupDraft, topics: TopicsView, defaultAssignor: string, wallNowMs: number): void {
  const { group } = draft;
  const partitionCounts = new Map<string, number>();
  for (const name of group.subscribedTopics()) {
    const topic = topics.byName(name);
    if (topic !== undefined) partitionCounts.set(topic.topicId, topic.partitionCount);
  }
  const members: AssignorMember[] = [...group.members.values()].map((member) => ({
    memberId: member.memberId,
    instanceId: member.instanceId,
    topicIds: topicIdsOf(topics, group.topicsOf(member)),
    assigned: group.targets.get(member.memberId) ?? NO_PARTITIONS,
  }));
  const assignor = ASSIGNORS.get(group.preferredAssignor() ?? defaultAssignor) ?? uniform;
  const { groupId, groupEpoch } = group;
  for (const [memberId, value] of assignor({ members, partitionCounts })) {
    const before = group.targets.get(memberId);
    if (before === undefined || !samePartitions(before, value))
      draft.emit({ type: 'targetMember', groupId, memberId, value });
  }
  draft.emit({ type: 'targetEpoch', groupId, value: { epoch: groupEpoch, timestampMs: wallNowMs } });
}

/** Over what an assignment depends on: 0 when no subscribed topic exists, another value whenever one comes, goes or grows. */
export function metadataHashOf(topics: TopicsView, names: Iterable<string>): bigint {
  let high = 0;
  let low = 0;
  for (const name of names) {
    const topic = topics.byName(name);
    if (topic === undefined) continue;
    const text = `${topic.topicId} ${topic.partitionCount} ${name}`;
    let a = 0x811c_9dc5;
    let b = 0x9e37_79b9;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      a = Math.imul(a ^ code, 0x0100_0193);
      b = Math.imul(b ^ code, 0x85eb_ca6b);
      b ^= b >>> 13;
    }
    // A sum: the order of the topics does not matter.
    high = (high + a) | 0;
    low = (low + b) | 0;
  }
  return BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low >>> 0));
}

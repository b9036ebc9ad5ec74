import { hasPartition, partitionsOf } from '../topic-partitions.ts';
import { AssignmentBuilder, type AssignmentSpec, type Assignor, type AssignorMember } from './assignor.ts';

/**
 * `uniform`, the default: the same number of partitions for every member, within one, while members keep what they have (sticky).
 *
 * Where all members subscribe to the same topics that is exact, and no more partitions move than balance asks for. Where subscriptions differ, free
 * partitions go to the subscriber with the fewest, those with the fewest possible owners first, and then single partitions move from a
 * member to one that has at least two fewer until there is no such pair: each move lowers the sum of squares, so this ends.
 */
export const uniform: Assignor = (spec) => {
  const [first, ...others] = spec.members;
  if (first === undefined) return new Map();
  return others.every((member) => sameTopics(member, first)) ? homogeneous(spec, first) : heterogeneous(spec);
};

type Partition = readonly [topicId: string, partition: number];

function sameTopics(a: AssignorMember, b: AssignorMember): boolean {
  if (a.topicIds.size !== b.topicIds.size) return false;
  for (const topicId of a.topicIds) if (!b.topicIds.has(topicId)) return false;
  return true;
}

/** What the member has and may keep: of topics it subscribes to, partitions that exist, and that no member before it keeps. */
function kept(member: AssignorMember, spec: AssignmentSpec, taken: Map<string, Set<number>>): Partition[] {
  const found: Partition[] = [];
  for (const [topicId, partition] of partitionsOf(member.assigned)) {
    if (!member.topicIds.has(topicId) || partition >= (spec.partitionCounts.get(topicId) ?? 0)) continue;
    if (!hasPartition(taken, topicId, partition)) found.push([topicId, partition]);
  }
  return found;
}

function take(taken: Map<string, Set<number>>, [topicId, partition]: Partition): void {
  const partitions = taken.get(topicId);
  if (partitions === undefined) taken.set(topicId, new Set([partition]));
  else partitions.add(partition);
}

function* free(
  topicIds: Iterable<string>,
  spec: AssignmentSpec,
  taken: Map<string, Set<number>>,
): Generator<Partition> {
  for (const topicId of topicIds) {
    const count = spec.partitionCounts.get(topicId) ?? 0;
    for (let partition = 0; partition < count; partition++) {
      if (!hasPartition(taken, topicId, partition)) yield [topicId, partition];
    }
  }
}

function homogeneous(spec: AssignmentSpec, { topicIds }: AssignorMember) {
  const assignment = new AssignmentBuilder(spec);
  let total = 0;
  for (const topicId of topicIds) total += spec.partitionCounts.get(topicId) ?? 0;
  const quota = Math.floor(total / spec.members.length);
  let larger = total % spec.members.length;
  const taken = new Map<string, Set<number>>();
  // Who has more than the quota comes first to the places for one more.
  const holding = spec.members.map((member) => ({ member, has: kept(member, spec, new Map()).length }));
  holding.sort((a, b) => b.has - a.has);
  const missing: { memberId: string; count: number }[] = [];
  for (const { member } of holding) {
    const mine = kept(member, spec, taken);
    const isLarger = larger > 0 && mine.length > quota;
    if (isLarger) larger--;
    const keeps = mine.slice(0, isLarger ? quota + 1 : quota);
    for (const each of keeps) {
      take(taken, each);
      assignment.add(member.memberId, ...each);
    }
    if (!isLarger) missing.push({ memberId: member.memberId, count: quota - keeps.length });
  }
  const rest = free(topicIds, spec, taken);
  for (const { memberId, count } of missing) {
    let wanted = count;
    if (larger > 0) {
      larger--;
      wanted++;
    }
    for (; wanted > 0; wanted--) assignment.add(memberId, ...(rest.next().value as Partition));
  }
  return assignment.build();
}

function heterogeneous(spec: AssignmentSpec) {
  const subscribers = new Map<string, string[]>();
  const loads = new Map<string, number>();
  const owners = new Map<string, Map<number, string>>();
  const taken = new Map<string, Set<number>>();
  for (const topicId of spec.partitionCounts.keys()) owners.set(topicId, new Map());
  const give = (memberId: string, [topicId, partition]: Partition): void => {
    owners.get(topicId)!.set(partition, memberId);
    loads.set(memberId, (loads.get(memberId) ?? 0) + 1);
  };
  for (const member of spec.members) {
    loads.set(member.memberId, loads.get(member.memberId) ?? 0);
    for (const topicId of member.topicIds) {
      const others = subscribers.get(topicId);
      if (others === undefined) subscribers.set(topicId, [member.memberId]);
      else others.push(member.memberId);
    }
    for (const each of kept(member, spec, taken)) {
      take(taken, each);
      give(member.memberId, each);
    }
  }
  const leastLoaded = (topicId: string): string =>
    subscribers.get(topicId)!.reduce((least, each) => (loads.get(each)! < loads.get(least)! ? each : least));
  const byChoice = [...subscribers.keys()].sort((a, b) => subscribers.get(a)!.length - subscribers.get(b)!.length);
  for (const each of free(byChoice, spec, taken)) give(leastLoaded(each[0]), each);
  for (let isMoving = true; isMoving; ) {
    isMoving = false;
    for (const [topicId, partitions] of owners) {
      for (const [partition, owner] of partitions) {
        const least = leastLoaded(topicId);
        if (loads.get(owner)! < loads.get(least)! + 2) continue;
        loads.set(owner, loads.get(owner)! - 1);
        give(least, [topicId, partition]);
        isMoving = true;
      }
    }
  }
  const assignment = new AssignmentBuilder(spec);
  for (const [topicId, partitions] of owners) {
    for (const [partition, memberId] of partitions) assignment.add(memberId, topicId, partition);
  }
  return assignment.build();
}

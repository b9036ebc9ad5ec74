import { partitionsOf } from '../topic-partitions.ts';
import { AssignmentBuilder, type Assignor, type AssignorMember } from './assignor.ts';

/**
 * `simple`, of share groups: every partition to as many members as it takes to keep all of them busy, and at least to one. Members have the same
 * number of partitions within one, and keep what they have as far as that allows.
 *
 *     sharing  = members ÷ partitions, rounded up: members of each partition
 *     quota    = sharing × partitions ÷ members, rounded so that it sums up: partitions of each member
 *
 * Where all members subscribe to the same topics this is done once over all partitions, otherwise topic by topic among its subscribers.
 *
 * Invariant: no member has a partition twice, and none that is not in `partitions` of the spec.
 */
export const simple: Assignor = (spec) => {
  const assignment = new AssignmentBuilder(spec);
  const [first, ...others] = spec.members;
  if (first === undefined) return assignment.build();
  const topicIds = [...spec.partitionCounts.keys()];
  const isHomogeneous = others.every((member) => member.topicIds.symmetricDifference(first.topicIds).size === 0);
  const scopes = isHomogeneous ? [topicIds] : topicIds.map((topicId) => [topicId]);
  for (const scope of scopes) {
    const partitions = scope.flatMap((topicId) => partitionsOfTopic(topicId, spec));
    const members = spec.members.filter((member) => scope.some((topicId) => member.topicIds.has(topicId)));
    for (const [{ memberId }, shares] of spread(members, partitions)) {
      for (const [topicId, partition] of shares) assignment.add(memberId, topicId, partition);
    }
  }
  return assignment.build();
};

type Partition = readonly [topicId: string, partition: number];

function partitionsOfTopic(topicId: string, spec: Parameters<Assignor>[0]): Partition[] {
  const assignable = spec.assignable?.get(topicId);
  const count = spec.partitionCounts.get(topicId) ?? 0;
  return Array.from({ length: count }, (_, partition) => [topicId, partition] as const).filter(
    ([, partition]) => spec.assignable === undefined || assignable?.has(partition) === true,
  );
}

function spread(
  members: readonly AssignorMember[],
  partitions: readonly Partition[],
): Map<AssignorMember, readonly Partition[]> {
  const shares = new Map<AssignorMember, Partition[]>();
  if (partitions.length === 0 || members.length === 0) return shares;
  const sharing = Math.ceil(members.length / partitions.length);
  const exact = (sharing * partitions.length) / members.length;
  const quotas = members.map((_, i) => Math.ceil(exact * (i + 1)) - Math.ceil(exact * i));
  const holders = new Map<string, Set<AssignorMember>>(partitions.map((each) => [keyOf(each), new Set()]));
  // 1. What a member has it keeps, up to its quota and to the sharing of the partition.
  members.forEach((member, i) => {
    const kept: Partition[] = [];
    for (const each of partitionsOf(member.assigned)) {
      const others = holders.get(keyOf(each));
      if (others === undefined || others.size >= sharing || kept.length >= quotas[i]!) continue;
      others.add(member);
      kept.push(each);
    }
    shares.set(member, kept);
  });
  // 2. Partitions with too few members go round among the members with too few partitions.
  const unfilled = members.filter((member, i) => shares.get(member)!.length < quotas[i]!);
  const quotaOf = new Map(members.map((member, i) => [member, quotas[i]!]));
  let next = 0;
  for (const each of partitions) {
    const others = holders.get(keyOf(each))!;
    // One that all of them have already stays with fewer members than it might have.
    for (let refused = 0; others.size < sharing && refused < unfilled.length; ) {
      next %= unfilled.length;
      const member = unfilled[next]!;
      if (others.has(member)) {
        refused++;
        next++;
        continue;
      }
      refused = 0;
      others.add(member);
      const mine = shares.get(member)!;
      mine.push(each);
      if (mine.length >= quotaOf.get(member)!) unfilled.splice(next, 1);
      else next++;
    }
  }
  return shares;
}

function keyOf([topicId, partition]: Partition): string {
  return `${topicId}:${partition}`;
}

import type { ConsumerGroup, ConsumerMember } from './consumer-group.ts';
import {
  type AssignedPartitions,
  hasPartition,
  NO_PARTITIONS,
  partitionsOf,
  type TopicPartitions,
} from './topic-partitions.ts';

/**
 * One step of a member from what it has to what it should have (KIP-848, "reconciliation").
 *
 *     Stable ── newer target: must give up partitions ──► UnrevokedPartitions ── member no longer names them as its own ──┐
 *       ▲  │                                                                                                             │
 *       │  └── newer target: nothing to give up ──► assigned what is free ◄─────────────────────────────────────────────┘
 *       │                                              │ some still have another owner
 *       └────────── all were released ──────── UnreleasedPartitions
 *
 * Invariant: a partition is given only while nobody has it, and a member that is asked to give up partitions is not given any. The member's epoch rises to
 * the target's only when it has given up everything that the target takes from it.
 */
export function reconcile(
  group: ConsumerGroup,
  member: ConsumerMember,
  /** What the member says that it has; null: as in its last request. */
  owned: TopicPartitions | null,
  /** Its subscription is another one since its last heartbeat. */
  hasSubscriptionChanged: boolean,
  /** Ids of the topics that the member subscribes to. */
  subscribedTopicIds: ReadonlySet<string>,
): ConsumerMember {
  const target = group.targets.get(member.memberId) ?? NO_PARTITIONS;
  switch (member.state) {
    case 'Stable':
      if (member.memberEpoch !== group.assignmentEpoch) return next(group, member, target, owned);
      return hasSubscriptionChanged ? withoutUnsubscribed(member, owned, subscribedTopicIds) : member;
    case 'UnrevokedPartitions':
      if (ownsAny(owned, member.pendingRevocation)) {
        return hasSubscriptionChanged ? withoutUnsubscribed(member, owned, subscribedTopicIds) : member;
      }
      return next(group, member, target, owned);
    case 'UnreleasedPartitions':
      return next(group, member, target, owned);
  }
}

function ownsAny(owned: TopicPartitions | null, revoked: AssignedPartitions): boolean {
  if (owned === null) return true;
  for (const [topicId, partition] of partitionsOf(revoked)) if (hasPartition(owned, topicId, partition)) return true;
  return false;
}

function put(partitions: Map<string, Map<number, number>>, topicId: string, partition: number, epoch: number): void {
  let epochs = partitions.get(topicId);
  if (epochs === undefined) partitions.set(topicId, (epochs = new Map()));
  epochs.set(partition, epoch);
}

function next(
  group: ConsumerGroup,
  member: ConsumerMember,
  target: TopicPartitions,
  owned: TopicPartitions | null,
): ConsumerMember {
  const assigned = new Map<string, Map<number, number>>();
  const revoked = new Map<string, Map<number, number>>();
  for (const [topicId, epochs] of member.assigned) {
    for (const [partition, epoch] of epochs) {
      put(hasPartition(target, topicId, partition) ? assigned : revoked, topicId, partition, epoch);
    }
  }
  if (revoked.size > 0 && ownsAny(owned, revoked)) {
    return {
      ...member,
      state: 'UnrevokedPartitions',
      ...epochs(member, member.memberEpoch),
      assigned,
      pendingRevocation: revoked,
    };
  }
  let isWaiting = false;
  for (const [topicId, partition] of partitionsOf(target)) {
    if (hasPartition(member.assigned, topicId, partition)) continue;
    // Also what this member itself was still to give up: it is free from its next heartbeat on.
    if (group.ownerOf(topicId, partition) === undefined) put(assigned, topicId, partition, group.assignmentEpoch);
    else isWaiting = true;
  }
  return {
    ...member,
    state: isWaiting ? 'UnreleasedPartitions' : 'Stable',
    ...epochs(member, group.assignmentEpoch),
    assigned,
    pendingRevocation: NO_PARTITIONS,
  };
}

/** The member's epoch moves; the one before it is kept, for an answer that gets lost. */
function epochs(
  member: ConsumerMember,
  memberEpoch: number,
): Pick<ConsumerMember, 'memberEpoch' | 'previousMemberEpoch'> {
  return { memberEpoch, previousMemberEpoch: member.memberEpoch };
}

/** Topics that the member no longer subscribes to are taken from it at once, before there is a new target. */
function withoutUnsubscribed(
  member: ConsumerMember,
  owned: TopicPartitions | null,
  subscribedTopicIds: ReadonlySet<string>,
): ConsumerMember {
  const assigned = new Map<string, ReadonlyMap<number, number>>();
  const revoked = new Map<string, Map<number, number>>();
  for (const [topicId, epochs] of member.pendingRevocation) revoked.set(topicId, new Map(epochs));
  let isChanged = false;
  for (const [topicId, epochs] of member.assigned) {
    if (subscribedTopicIds.has(topicId)) {
      assigned.set(topicId, epochs);
      continue;
    }
    isChanged = true;
    for (const [partition, epoch] of epochs) put(revoked, topicId, partition, epoch);
  }
  if (!isChanged) return member;
  if (ownsAny(owned, revoked)) {
    return {
      ...member,
      state: 'UnrevokedPartitions',
      ...epochs(member, member.memberEpoch),
      assigned,
      pendingRevocation: revoked,
    };
  }
  return { ...member, ...epochs(member, member.memberEpoch), assigned };
}

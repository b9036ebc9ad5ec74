import { ErrorCode } from '../protocol/errors.ts';
import { simple } from './assignors/simple.ts';
import { type HeartbeatRefusal, refuse } from './consumer-heartbeat.ts';
import {
  JOIN_EPOCH,
  LEAVE_EPOCH,
  newShareMember,
  type ShareGroup,
  ShareGroupDraft,
  type ShareMember,
  type SharePartitions,
} from './share-group.ts';
import type { ShareGroupRecord, ShareMemberMetadata } from './share-group-records.ts';
import { hasUnassigned, initializing, partitionsToInitialize } from './share-partition-states.ts';
import { metadataHashOf, topicIdsOf } from './target-assignment.ts';
import { NO_PARTITIONS, samePartitions, type TopicPartitions, type TopicsView } from './topic-partitions.ts';

/**
 * How a share group moves (KIP-932): a member's heartbeat, its leaving, and what happens to one that is not heard from. Pure: each function takes the group and the
 * event, and says which records are to be stored and what is answered; the group changes when they are replayed.
 *
 * A heartbeat does, in this order: 1. the member's metadata; 2. if its subscription, the topics, or the partitions with state changed, the group's epoch;
 * 3. if that is ahead of the target's, a new target, but not more often than the assignment interval (KIP-1263); 4. the member takes its target;
 * 5. subscribed partitions without state begin to get one.
 */
export interface ShareGroupLimits {
  /** group.share.max.size */
  readonly sizeMax: number;
  /** group.share.initialize.retry.interval.ms */
  readonly initializeRetryMs: number;
}

export interface ShareHeartbeat {
  readonly memberId: string;
  readonly memberEpoch: number;
  /** Null, here and below: as before. */
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly subscribedTopicNames: readonly string[] | null;
}

export interface ShareGroupEnvironment {
  readonly limits: ShareGroupLimits;
  readonly heartbeatIntervalMs: number;
  readonly assignmentIntervalMs: number;
  readonly topics: TopicsView;
  /** The topics may have changed since the group last looked at them. */
  readonly isMetadataStale: boolean;
  readonly wallNowMs: number;
}

export interface ShareHeartbeatAnswer {
  readonly errorCode: typeof ErrorCode.NONE;
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly heartbeatIntervalMs: number;
  /** Null: as before. */
  readonly assignment: TopicPartitions | null;
}

export type ShareHeartbeatOutcome =
  | { readonly kind: 'refused'; readonly refusal: HeartbeatRefusal }
  | {
      readonly kind: 'accepted';
      readonly answer: ShareHeartbeatAnswer;
      readonly records: readonly ShareGroupRecord[];
      /** Partitions whose state is to be initialized once the records are stored. */
      readonly toInitialize: ReadonlyMap<string, SharePartitions>;
    };

/** What can be said of a request without looking at its group; null: nothing is wrong. */
export function validateShareHeartbeat(groupId: string, request: ShareHeartbeat) {
  const invalid = (text: string) => refuse(ErrorCode.INVALID_REQUEST, text);
  const { memberEpoch, subscribedTopicNames } = request;
  if (request.memberId.trim() === '') return invalid("MemberId can't be empty.");
  if (groupId.trim() === '') return invalid("GroupId can't be empty.");
  if (request.rackId?.trim() === '') return invalid("RackId can't be empty.");
  if (memberEpoch < LEAVE_EPOCH) return invalid('MemberEpoch is invalid.');
  if (memberEpoch === JOIN_EPOCH && (subscribedTopicNames === null || subscribedTopicNames.length === 0)) {
    return invalid('SubscribedTopicNames must be set in first request.');
  }
  return null;
}

/** For epochs ≥ 0. */
export function shareHeartbeat(
  group: ShareGroup,
  request: ShareHeartbeat,
  env: ShareGroupEnvironment,
): ShareHeartbeatOutcome {
  const { memberId, memberEpoch } = request;
  const known = group.members.get(memberId);
  if (group.members.size >= env.limits.sizeMax && known === undefined) {
    return refuse(
      ErrorCode.GROUP_MAX_SIZE_REACHED,
      `The share group has reached its maximum capacity of ${env.limits.sizeMax} members.`,
    );
  }
  if (known === undefined && memberEpoch !== JOIN_EPOCH) return unknownShareMember(group, memberId);
  const before = known ?? newShareMember(memberId);
  const fenced = checkEpoch(before, memberEpoch);
  if (fenced !== null) return fenced;
  const draft = new ShareGroupDraft(group, env.wallNowMs);
  const hasSubscriptionChanged = updateMember(draft, before, request, known === undefined);
  const isAssignmentMissing = group.assignmentEpoch >= group.groupEpoch && hasUnassigned(group, env.topics);
  const isBumped = hasSubscriptionChanged || isAssignmentMissing;
  const hasNewEpoch = (isBumped || env.isMetadataStale) && bumpEpochIfNeeded(draft, env, isBumped);
  updateTargetIfDue(draft, env);
  const after = takeTarget(draft, memberId, hasNewEpoch, env.topics);
  const toInitialize = partitionsToInitialize(draft.group, env.topics, env.limits.initializeRetryMs, env.wallNowMs);
  if (toInitialize.size > 0) draft.emit(initializing(draft.group, toInitialize));
  const isFull = memberEpoch === JOIN_EPOCH || request.subscribedTopicNames !== null;
  return {
    kind: 'accepted',
    records: draft.records,
    toInitialize,
    answer: {
      errorCode: ErrorCode.NONE,
      memberId,
      memberEpoch: after.memberEpoch,
      heartbeatIntervalMs: env.heartbeatIntervalMs,
      assignment: isFull || !samePartitions(before.assigned, after.assigned) ? after.assigned : null,
    },
  };
}

function unknownShareMember(group: ShareGroup, memberId: string) {
  return refuse(ErrorCode.UNKNOWN_MEMBER_ID, `Member ${memberId} is not a member of group ${group.groupId}.`);
}

function checkEpoch({ memberEpoch, previousMemberEpoch }: ShareMember, received: number) {
  // The answer that raised the epoch may have been lost: then the member comes with the one before.
  if (received === JOIN_EPOCH || received === memberEpoch || received === previousMemberEpoch) return null;
  const known = `than the one known by the group coordinator (${memberEpoch})`;
  const rest = 'The member must abandon all its partitions and rejoin.';
  return refuse(
    ErrorCode.FENCED_MEMBER_EPOCH,
    received > memberEpoch
      ? `The share group member has a greater member epoch (${received}) ${known}. ${rest}`
      : `The share group member has a smaller member epoch (${received}) ${known}, and it does not match the previous member epoch (${previousMemberEpoch}). ${rest}`,
  );
}

/** True when it subscribes to other topics than before. */
function updateMember(draft: ShareGroupDraft, before: ShareMember, request: ShareHeartbeat, isNew: boolean): boolean {
  const { groupId } = draft.group;
  const { memberId } = before;
  const value: ShareMemberMetadata = {
    rackId: request.rackId ?? before.rackId,
    clientId: request.clientId,
    clientHost: request.clientHost,
    // In order, so that the same subscription is seen to be the same.
    subscribedTopicNames:
      request.subscribedTopicNames === null
        ? before.subscribedTopicNames
        : [...new Set(request.subscribedTopicNames)].sort(),
  };
  const isSameSubscription = sameNames(value.subscribedTopicNames, before.subscribedTopicNames);
  const isSame =
    !isNew &&
    isSameSubscription &&
    value.rackId === before.rackId &&
    value.clientId === before.clientId &&
    value.clientHost === before.clientHost;
  if (!isSame) draft.emit({ type: 'shareMember', groupId, memberId, value });
  return !isSameSubscription;
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i]);
}

function bumpEpochIfNeeded(draft: ShareGroupDraft, { topics }: ShareGroupEnvironment, isForced: boolean): boolean {
  const { groupId, groupEpoch, metadataHash } = draft.group;
  const hash = metadataHashOf(topics, draft.group.subscribedTopics());
  if (!isForced && hash === metadataHash) return false;
  draft.emit({ type: 'shareGroup', groupId, value: { epoch: groupEpoch + 1, metadataHash: hash } });
  return true;
}

function updateTargetIfDue(draft: ShareGroupDraft, env: ShareGroupEnvironment): void {
  const { groupId, groupEpoch, assignmentEpoch, assignmentTimestampMs, targets } = draft.group;
  const { topics, assignmentIntervalMs, wallNowMs } = env;
  if (assignmentEpoch >= groupEpoch) return;
  const isDue =
    assignmentTimestampMs === 0 ||
    assignmentIntervalMs === 0 ||
    wallNowMs >= assignmentTimestampMs + assignmentIntervalMs;
  if (!isDue) return;
  const partitionCounts = new Map<string, number>();
  for (const name of draft.group.subscribedTopics()) {
    const topic = topics.byName(name);
    if (topic !== undefined) partitionCounts.set(topic.topicId, topic.partitionCount);
  }
  const members = [...draft.group.members.values()].map(({ memberId, subscribedTopicNames }) => ({
    memberId,
    instanceId: null,
    topicIds: topicIdsOf(topics, subscribedTopicNames),
    assigned: targets.get(memberId) ?? NO_PARTITIONS,
  }));
  const initialized = draft.group.partitionStates?.initialized ?? new Map<string, SharePartitions>();
  const assignable = new Map([...initialized].map(([topicId, { partitions }]) => [topicId, partitions]));
  for (const [memberId, value] of simple({ members, partitionCounts, assignable })) {
    const before = targets.get(memberId);
    if (before !== undefined && samePartitions(before, value)) continue;
    draft.emit({ type: 'shareTargetMember', groupId, memberId, value });
  }
  draft.emit({ type: 'shareTargetEpoch', groupId, value: { epoch: groupEpoch, timestampMs: wallNowMs } });
}

/** The member gets what its target says, of topics that it subscribes to. */
function takeTarget(draft: ShareGroupDraft, memberId: string, hasChanged: boolean, topics: TopicsView): ShareMember {
  const { groupId, assignmentEpoch, targets } = draft.group;
  const member = draft.group.members.get(memberId)!;
  const isBehind = member.memberEpoch !== assignmentEpoch;
  if (!isBehind && !hasChanged) return member;
  const subscribed = topicIdsOf(topics, member.subscribedTopicNames);
  const target = targets.get(memberId) ?? NO_PARTITIONS;
  const assigned = new Map([...target].filter(([topicId]) => subscribed.has(topicId)));
  if (!isBehind && samePartitions(assigned, member.assigned)) return member;
  const previousMemberEpoch = isBehind ? member.memberEpoch : member.previousMemberEpoch;
  const value = { memberEpoch: assignmentEpoch, previousMemberEpoch, assigned };
  draft.emit({ type: 'shareCurrentAssignment', groupId, memberId, value });
  return draft.group.members.get(memberId)!;
}

/** A member leaves with epoch −1. */
export function leaveShareGroup(
  group: ShareGroup,
  { memberId, memberEpoch }: ShareHeartbeat,
  env: ShareGroupEnvironment,
): ShareHeartbeatOutcome {
  if (!group.members.has(memberId)) return unknownShareMember(group, memberId);
  return {
    kind: 'accepted',
    answer: { errorCode: ErrorCode.NONE, memberId, memberEpoch, heartbeatIntervalMs: 0, assignment: null },
    records: removeShareMembers(group, [memberId], env),
    toInitialize: new Map(),
  };
}

/** They left, or were not heard from: the group goes on without them. */
export function removeShareMembers(
  group: ShareGroup,
  memberIds: readonly string[],
  env: ShareGroupEnvironment,
): readonly ShareGroupRecord[] {
  const draft = new ShareGroupDraft(group, env.wallNowMs);
  const { groupId } = group;
  for (const memberId of memberIds) {
    draft.emit({ type: 'shareCurrentAssignment', groupId, memberId, value: null });
    draft.emit({ type: 'shareTargetMember', groupId, memberId, value: null });
    draft.emit({ type: 'shareMember', groupId, memberId, value: null });
  }
  bumpEpochIfNeeded(draft, env, true);
  return draft.records;
}

/** Everything that is stored of an empty group is removed. */
export function shareDeleteRecordsOf({ groupId }: ShareGroup): readonly ShareGroupRecord[] {
  return [
    { type: 'shareTargetEpoch', groupId, value: null },
    { type: 'sharePartitionStates', groupId, value: null },
    { type: 'shareGroup', groupId, value: null },
  ];
}

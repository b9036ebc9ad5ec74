import { ErrorCode } from '../protocol/errors.ts';
import {
  type ConsumerGroup,
  type ConsumerMember,
  GroupDraft,
  JOIN_EPOCH,
  LEAVE_EPOCH,
  LEFT_FOR_A_WHILE_EPOCH,
  newMember,
} from './consumer-group.ts';
import type { ClassicMemberMetadata, ConsumerGroupRecord, MemberMetadata } from './consumer-group-records.ts';
import { reconcile } from './consumer-reconcile.ts';
import { ASSIGNORS, metadataHashOf, topicIdsOf, updateTarget } from './target-assignment.ts';
import {
  isSubset,
  NO_PARTITIONS,
  sameAssigned,
  samePartitions,
  type TopicPartitions,
  type TopicsView,
} from './topic-partitions.ts';
import { compileTopicRegex } from './topic-regex.ts';

/** Which way groups may change their protocol while they have members. */
export type MigrationPolicy = 'disabled' | 'upgrade' | 'downgrade' | 'bidirectional';

/**
 * How a consumer group moves (KIP-848): a member's heartbeat, its leaving, and what happens to one that is not heard from. Pure: each function takes the group and the
 * event, and says which records are to be stored and what is answered; the group changes when they are replayed.
 *
 * A heartbeat does, in this order: 1. the member's metadata; 2. if subscriptions or topics changed, the group's epoch; 3. if that is ahead of the
 * target's, a new target, but not more often than the assignment interval (KIP-1263); 4. one step of this member towards the target.
 */
export interface ConsumerGroupLimits {
  /** group.consumer.session.timeout.ms */
  readonly sessionTimeoutMs: number;
  /** group.consumer.heartbeat.interval.ms */
  readonly heartbeatIntervalMs: number;
  /** group.consumer.assignment.interval.ms */
  readonly assignmentIntervalMs: number;
  /** group.consumer.max.size */
  readonly sizeMax: number;
  /** group.consumer.migration.policy */
  readonly migrationPolicy: MigrationPolicy;
  /** group.consumer.assignors: the first is the default. */
  readonly assignors: readonly string[];
}

export interface ConsumerHeartbeat {
  readonly memberId: string;
  readonly memberEpoch: number;
  /** Null, here and below: as before. */
  readonly instanceId: string | null;
  readonly rackId: string | null;
  /** −1: as before. */
  readonly rebalanceTimeoutMs: number;
  readonly clientId: string;
  readonly clientHost: string;
  readonly subscribedTopicNames: readonly string[] | null;
  /** Empty: none. */
  readonly subscribedTopicRegex: string | null;
  readonly serverAssignor: string | null;
  readonly owned: TopicPartitions | null;
  /** v1+: members make their own ids (KIP-1082). */
  readonly requiresMemberId: boolean;
}

export interface ConsumerGroupEnvironment {
  readonly limits: ConsumerGroupLimits;
  readonly topics: TopicsView;
  /** Of the topics. */
  readonly metadataVersion: number;
  /** The topics may have changed since the group last looked at them. */
  readonly isMetadataStale: boolean;
  readonly wallNowMs: number;
}

export interface HeartbeatRefusal {
  readonly errorCode: number;
  readonly errorMessage: string;
}

export interface HeartbeatAnswer {
  readonly errorCode: typeof ErrorCode.NONE;
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly heartbeatIntervalMs: number;
  /** Null: as before. */
  readonly assignment: TopicPartitions | null;
}

export type HeartbeatOutcome =
  | { readonly kind: 'refused'; readonly refusal: HeartbeatRefusal }
  | { readonly kind: 'accepted'; readonly answer: HeartbeatAnswer; readonly records: readonly ConsumerGroupRecord[] };

export function refuse(
  errorCode: number,
  errorMessage: string,
): { readonly kind: 'refused'; readonly refusal: HeartbeatRefusal } {
  return { kind: 'refused', refusal: { errorCode, errorMessage } };
}

/** What can be said of a request without looking at its group; null: nothing is wrong. */
export function validateHeartbeat(groupId: string, request: ConsumerHeartbeat, limits: ConsumerGroupLimits) {
  const invalid = (text: string) => refuse(ErrorCode.INVALID_REQUEST, text);
  const { memberEpoch } = request;
  if (groupId === '') return invalid("GroupId can't be empty.");
  if (request.instanceId === '') return invalid("InstanceId can't be empty.");
  if (request.rackId === '') return invalid("RackId can't be empty.");
  const needsMemberId = request.requiresMemberId || memberEpoch !== JOIN_EPOCH;
  if (needsMemberId && request.memberId === '') return invalid("MemberId can't be empty.");
  if (memberEpoch < LEFT_FOR_A_WHILE_EPOCH) return invalid('MemberEpoch is invalid.');
  if (memberEpoch === LEFT_FOR_A_WHILE_EPOCH && request.instanceId === null)
    return invalid("InstanceId can't be null.");
  if (memberEpoch === JOIN_EPOCH) {
    if (request.rebalanceTimeoutMs === -1) return invalid('RebalanceTimeoutMs must be provided in first request.');
    if (request.owned === null || request.owned.size > 0)
      return invalid('TopicPartitions must be empty when (re-)joining.');
    if (request.subscribedTopicNames === null && request.subscribedTopicRegex === null) {
      return invalid('Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.');
    }
  }
  const { serverAssignor } = request;
  if (serverAssignor !== null && !(limits.assignors.includes(serverAssignor) && ASSIGNORS.has(serverAssignor))) {
    return refuse(
      ErrorCode.UNSUPPORTED_ASSIGNOR,
      `ServerAssignor ${serverAssignor} is not supported. Supported assignors: ${limits.assignors.join(', ')}.`,
    );
  }
  return null;
}

/** For epochs ≥ 0. `request.memberId` is set. */
export function heartbeat(
  group: ConsumerGroup,
  request: ConsumerHeartbeat,
  env: ConsumerGroupEnvironment,
): HeartbeatOutcome {
  const { limits } = env;
  const { memberId } = request;
  if (group.members.size >= limits.sizeMax && !group.members.has(memberId)) {
    return refuse(
      ErrorCode.GROUP_MAX_SIZE_REACHED,
      `The consumer group has reached its maximum capacity of ${limits.sizeMax} members.`,
    );
  }
  const seat =
    request.instanceId === null ? dynamicSeat(group, request) : staticSeat(group, request, request.instanceId);
  if (seat.kind === 'refused') return seat;
  const draft = new GroupDraft(group);
  const isNew = seat.kind === 'new';
  if (seat.kind === 'replaces') replaceMember(draft, seat.member, memberId);
  const before = isNew ? newMember(memberId) : draft.group.members.get(memberId)!;
  const metadata = updated(before, request);
  const regex = metadata.subscribedTopicRegex;
  if (regex !== '' && regex !== before.subscribedTopicRegex) {
    const problem = compileTopicRegex(regex).problem;
    if (problem !== null) {
      return refuse(
        ErrorCode.INVALID_REGULAR_EXPRESSION,
        `SubscribedTopicRegex \`${regex}\` is not a valid regular expression: ${problem}.`,
      );
    }
  }
  const after = progress(draft, { before, metadata, isNew, owned: request.owned }, env);
  // A full request comes with a join and after an error: its sender does not know what it has.
  const isFull =
    request.memberEpoch === JOIN_EPOCH ||
    (request.rebalanceTimeoutMs !== -1 &&
      (request.subscribedTopicNames !== null || request.subscribedTopicRegex !== null) &&
      request.owned !== null);
  return {
    kind: 'accepted',
    records: draft.records,
    answer: {
      errorCode: ErrorCode.NONE,
      memberId,
      memberEpoch: after.memberEpoch,
      heartbeatIntervalMs: limits.heartbeatIntervalMs,
      assignment: isFull || !samePartitions(before.assigned, after.assigned) ? partitionsOnly(after) : null,
    },
  };
}

/**
 * What a member's word leads to, whichever protocol it comes by: its metadata, perhaps a new epoch and target of the group, and its own next step.
 * Returns the member after it.
 */
export function progress(
  draft: GroupDraft,
  word: {
    readonly before: ConsumerMember;
    readonly metadata: MemberMetadata;
    readonly isNew: boolean;
    readonly owned: TopicPartitions | null;
  },
  env: ConsumerGroupEnvironment,
): ConsumerMember {
  const { limits, topics } = env;
  const { before, metadata, isNew, owned } = word;
  const { memberId } = before;
  const { groupId } = draft.group;
  if (isNew || !sameMetadata(before, metadata)) {
    draft.emit({ type: 'memberMetadata', groupId, memberId, value: metadata });
  }
  const hasSubscriptionChanged =
    isNew ||
    metadata.subscribedTopicRegex !== before.subscribedTopicRegex ||
    !sameNames(metadata.subscribedTopicNames, before.subscribedTopicNames);
  if (hasSubscriptionChanged || env.isMetadataStale) {
    dropUnusedRegex(draft, before.subscribedTopicRegex);
    const haveTopicsChanged = resolveRegexes(draft, env);
    bumpEpochIfNeeded(draft, env, hasSubscriptionChanged || haveTopicsChanged);
  }
  const { assignmentTimestampMs, groupEpoch, assignmentEpoch } = draft.group;
  const isDue =
    assignmentTimestampMs === 0 ||
    limits.assignmentIntervalMs === 0 ||
    env.wallNowMs >= assignmentTimestampMs + limits.assignmentIntervalMs;
  if (groupEpoch > assignmentEpoch && isDue)
    updateTarget(draft, topics, limits.assignors[0] ?? 'uniform', env.wallNowMs);
  const member = draft.group.members.get(memberId)!;
  const subscribed = topicIdsOf(topics, draft.group.topicsOf(member));
  const after = reconcile(draft.group, member, owned, !isNew && hasSubscriptionChanged, subscribed);
  if (!sameAssignment(member, after)) draft.emit(currentAssignmentOf(groupId, after));
  return after;
}

export function partitionsOnly({ assigned }: ConsumerMember): TopicPartitions {
  return new Map([...assigned].map(([topicId, epochs]) => [topicId, new Set(epochs.keys())]));
}

type Seat =
  | { readonly kind: 'new' }
  | { readonly kind: 'known' }
  | { readonly kind: 'replaces'; readonly member: ConsumerMember }
  | ReturnType<typeof refuse>;

function dynamicSeat(group: ConsumerGroup, request: ConsumerHeartbeat): Seat {
  const member = group.members.get(request.memberId);
  if (member !== undefined) return checkEpoch(member, request) ?? { kind: 'known' };
  return request.memberEpoch === JOIN_EPOCH ? { kind: 'new' } : unknownMember(group, request.memberId);
}

function staticSeat(group: ConsumerGroup, request: ConsumerHeartbeat, instanceId: string): Seat {
  const member = group.staticMember(instanceId);
  if (request.memberEpoch === JOIN_EPOCH) {
    if (member === undefined) return { kind: 'new' };
    // One that left for a while, or that spoke the classic protocol, is followed by whoever has its instance id.
    if (member.memberEpoch === LEFT_FOR_A_WHILE_EPOCH || member.classic !== null) return { kind: 'replaces', member };
    return refuse(
      ErrorCode.UNRELEASED_INSTANCE_ID,
      `Static member ${request.memberId} with instance id ${instanceId} cannot join the group because the instance id is owned by ${member.memberId} member.`,
    );
  }
  return seatedStatic(member, request.memberId, instanceId) ?? checkEpoch(member!, request) ?? { kind: 'known' };
}

export function seatedStatic(member: ConsumerMember | undefined, memberId: string, instanceId: string) {
  if (member === undefined) return refuse(ErrorCode.UNKNOWN_MEMBER_ID, `Instance id ${instanceId} is unknown.`);
  if (member.memberId === memberId) return null;
  return refuse(
    ErrorCode.FENCED_INSTANCE_ID,
    `Static member ${memberId} with instance id ${instanceId} was fenced by member ${member.memberId}.`,
  );
}

export function unknownMember(group: ConsumerGroup, memberId: string) {
  return refuse(ErrorCode.UNKNOWN_MEMBER_ID, `Member ${memberId} is not a member of group ${group.groupId}.`);
}

function checkEpoch(member: ConsumerMember, { memberEpoch, owned }: ConsumerHeartbeat) {
  if (memberEpoch === JOIN_EPOCH || memberEpoch === member.memberEpoch) return null;
  // The answer that raised the epoch may have been lost: then the member has no more than it was given.
  const isRetry = memberEpoch < member.memberEpoch && memberEpoch === member.previousMemberEpoch;
  if (isRetry && owned !== null && isSubset(owned, member.assigned)) return null;
  const relation = memberEpoch > member.memberEpoch ? 'greater' : 'smaller';
  return refuse(
    ErrorCode.FENCED_MEMBER_EPOCH,
    `The consumer group member has a ${relation} member epoch (${memberEpoch}) than the one known by the group coordinator (${member.memberEpoch}). The member must abandon all its partitions and rejoin.`,
  );
}

export function replaceMember(draft: GroupDraft, old: ConsumerMember, memberId: string): void {
  const { groupId } = draft.group;
  const target = draft.group.targets.get(old.memberId) ?? NO_PARTITIONS;
  const member: ConsumerMember = { ...old, memberId, memberEpoch: JOIN_EPOCH, previousMemberEpoch: JOIN_EPOCH };
  removeMember(draft, old.memberId);
  draft.emit({ type: 'memberMetadata', groupId, memberId, value: metadataOf(member) });
  draft.emit({ type: 'targetMember', groupId, memberId, value: target });
  draft.emit(currentAssignmentOf(groupId, member));
}

function removeMember(draft: GroupDraft, memberId: string): void {
  const { groupId } = draft.group;
  draft.emit({ type: 'currentAssignment', groupId, memberId, value: null });
  draft.emit({ type: 'targetMember', groupId, memberId, value: null });
  draft.emit({ type: 'memberMetadata', groupId, memberId, value: null });
}

function updated(member: ConsumerMember, request: ConsumerHeartbeat): MemberMetadata {
  return {
    instanceId: request.instanceId ?? member.instanceId,
    rackId: request.rackId ?? member.rackId,
    clientId: request.clientId,
    clientHost: request.clientHost,
    // In order, so that the same subscription is seen to be the same.
    subscribedTopicNames:
      request.subscribedTopicNames === null
        ? member.subscribedTopicNames
        : [...new Set(request.subscribedTopicNames)].sort(),
    subscribedTopicRegex: request.subscribedTopicRegex ?? member.subscribedTopicRegex,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs === -1 ? member.rebalanceTimeoutMs : request.rebalanceTimeoutMs,
    serverAssignor: request.serverAssignor ?? member.serverAssignor,
    classic: null,
  };
}

function metadataOf(member: ConsumerMember): MemberMetadata {
  const { memberId, memberEpoch, previousMemberEpoch, state, assigned, pendingRevocation, ...metadata } = member;
  return metadata;
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i]);
}

function sameMetadata(a: MemberMetadata, b: MemberMetadata): boolean {
  return (
    a.instanceId === b.instanceId &&
    a.rackId === b.rackId &&
    a.clientId === b.clientId &&
    a.clientHost === b.clientHost &&
    sameNames(a.subscribedTopicNames, b.subscribedTopicNames) &&
    a.subscribedTopicRegex === b.subscribedTopicRegex &&
    a.rebalanceTimeoutMs === b.rebalanceTimeoutMs &&
    a.serverAssignor === b.serverAssignor &&
    sameClassic(a.classic, b.classic)
  );
}

function sameClassic(a: ClassicMemberMetadata | null, b: ClassicMemberMetadata | null): boolean {
  if (a === null || b === null) return a === b;
  return (
    a.sessionTimeoutMs === b.sessionTimeoutMs &&
    a.protocols.length === b.protocols.length &&
    a.protocols.every((each, i) => each.name === b.protocols[i]!.name && each.metadata.equals(b.protocols[i]!.metadata))
  );
}

function sameAssignment(a: ConsumerMember, b: ConsumerMember): boolean {
  return (
    a === b ||
    (a.memberEpoch === b.memberEpoch &&
      a.previousMemberEpoch === b.previousMemberEpoch &&
      a.state === b.state &&
      sameAssigned(a.assigned, b.assigned) &&
      sameAssigned(a.pendingRevocation, b.pendingRevocation))
  );
}

function currentAssignmentOf(groupId: string, member: ConsumerMember): ConsumerGroupRecord {
  const { memberId, memberEpoch, previousMemberEpoch, state, assigned, pendingRevocation } = member;
  const value = { memberEpoch, previousMemberEpoch, state, assigned, pendingRevocation };
  return { type: 'currentAssignment', groupId, memberId, value };
}

function dropUnusedRegex(draft: GroupDraft, regex: string): void {
  const { group } = draft;
  if (regex === '' || !group.regexes.has(regex) || group.isRegexInUse(regex)) return;
  draft.emit({ type: 'regex', groupId: group.groupId, regex, value: null });
}

/** Looks up what the regular expressions stand for now; true when that changed for one of them. */
function resolveRegexes(draft: GroupDraft, { topics, metadataVersion, wallNowMs }: ConsumerGroupEnvironment): boolean {
  const texts = new Set([...draft.group.members.values()].map((member) => member.subscribedTopicRegex));
  texts.delete('');
  let hasChanged = false;
  for (const regex of texts) {
    const { matcher } = compileTopicRegex(regex);
    const found = new Set<string>();
    if (matcher !== null) for (const name of topics.names()) if (matcher.matches(name)) found.add(name);
    const known = draft.group.regexes.get(regex);
    if (known !== undefined && known.topics.size === found.size && found.isSubsetOf(known.topics)) continue;
    hasChanged = true;
    const value = { topics: found, version: metadataVersion, timestampMs: wallNowMs };
    draft.emit({ type: 'regex', groupId: draft.group.groupId, regex, value });
  }
  return hasChanged;
}

function bumpEpochIfNeeded(draft: GroupDraft, { topics }: ConsumerGroupEnvironment, isForced: boolean): void {
  const { group } = draft;
  const metadataHash = metadataHashOf(topics, group.subscribedTopics());
  if (!isForced && metadataHash === group.metadataHash) return;
  draft.emit({ type: 'consumerGroup', groupId: group.groupId, value: { epoch: group.groupEpoch + 1, metadataHash } });
}

/** A member that leaves: epoch −1 for good, −2 for a while as a static one. */
export function leaveGroup(
  group: ConsumerGroup,
  request: ConsumerHeartbeat,
  env: ConsumerGroupEnvironment,
): HeartbeatOutcome {
  const { memberId, instanceId, memberEpoch } = request;
  const member = instanceId === null ? group.members.get(memberId) : group.staticMember(instanceId);
  const refused =
    instanceId === null
      ? member === undefined
        ? unknownMember(group, memberId)
        : null
      : seatedStatic(member, memberId, instanceId);
  if (refused !== null) return refused;
  const answer = { errorCode: ErrorCode.NONE, memberId, memberEpoch, heartbeatIntervalMs: 0, assignment: null };
  if (memberEpoch === LEAVE_EPOCH) return { kind: 'accepted', answer, records: removeMembers(group, [memberId], env) };
  const { groupId } = group;
  const away = { ...member!, memberEpoch: LEFT_FOR_A_WHILE_EPOCH, pendingRevocation: NO_PARTITIONS };
  return { kind: 'accepted', answer, records: [currentAssignmentOf(groupId, away)] };
}

/** They left, or were not heard from: the group goes on without them. */
export function removeMembers(
  group: ConsumerGroup,
  memberIds: readonly string[],
  env: ConsumerGroupEnvironment,
): readonly ConsumerGroupRecord[] {
  const draft = new GroupDraft(group);
  for (const memberId of memberIds) {
    const regex = draft.group.members.get(memberId)?.subscribedTopicRegex ?? '';
    removeMember(draft, memberId);
    dropUnusedRegex(draft, regex);
  }
  bumpEpochIfNeeded(draft, env, true);
  return draft.records;
}

/** Everything that is stored of the group is removed. */
export function deleteRecordsOf(group: ConsumerGroup): readonly ConsumerGroupRecord[] {
  const { groupId } = group;
  const draft = new GroupDraft(group);
  for (const memberId of group.members.keys()) removeMember(draft, memberId);
  for (const regex of group.regexes.keys()) draft.emit({ type: 'regex', groupId, regex, value: null });
  draft.emit({ type: 'targetEpoch', groupId, value: null });
  if (group.hasPartitionMetadata) draft.emit({ type: 'partitionMetadata', groupId, isPresent: false });
  draft.emit({ type: 'consumerGroup', groupId, value: null });
  return draft.records;
}

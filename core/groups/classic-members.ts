import { ErrorCode } from '../protocol/errors.ts';
import { type ConsumerGroup, type ConsumerMember, GroupDraft, newMember } from './consumer-group.ts';
import type { ConsumerGroupRecord } from './consumer-group-records.ts';
import { type ConsumerGroupEnvironment, progress, replaceMember, seatedStatic } from './consumer-heartbeat.ts';
import { encodeAssignment, parseSubscription } from './consumer-protocol.ts';
import { NO_PARTITIONS, partitionsOf } from './topic-partitions.ts';

/**
 * Members of a consumer group that speak the classic protocol, while a group moves from one protocol to the other (KIP-848). Pure.
 *
 * To such a member the coordinator is the leader: its generation is its member epoch, a join is a step of reconciliation, a sync fetches what was assigned,
 * and a heartbeat that says REBALANCE_IN_PROGRESS asks for the next join.
 */
export interface ClassicJoin {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly protocolType: string;
  readonly protocols: readonly { readonly name: string; readonly metadata: Buffer }[];
  readonly requireKnownMemberId: boolean;
  /** The id to use when the member has none. */
  readonly newMemberId: string;
}

export type ClassicJoinOutcome =
  | { readonly kind: 'refused'; readonly errorCode: number; readonly memberId: string }
  | {
      readonly kind: 'accepted';
      readonly memberId: string;
      readonly generationId: number;
      readonly protocolName: string;
      readonly records: readonly ConsumerGroupRecord[];
    };

export function joinAsClassic(
  group: ConsumerGroup,
  event: ClassicJoin,
  env: ConsumerGroupEnvironment,
): ClassicJoinOutcome {
  const { groupInstanceId } = event;
  const isUnknown = event.memberId === '';
  const memberId = isUnknown ? event.newMemberId : event.memberId;
  const refused = (errorCode: number, id = event.memberId) => ({ kind: 'refused', errorCode, memberId: id }) as const;
  if (group.members.size >= env.limits.sizeMax && !group.members.has(memberId)) {
    return refused(ErrorCode.GROUP_MAX_SIZE_REACHED, '');
  }
  const [protocol] = event.protocols;
  const subscription = protocol === undefined ? null : parseSubscription(protocol.metadata);
  if (event.protocolType !== 'consumer' || subscription === null || !sharesProtocol(group, event, memberId)) {
    return refused(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  }
  if (isUnknown && groupInstanceId === null && event.requireKnownMemberId) {
    return refused(ErrorCode.MEMBER_ID_REQUIRED, memberId);
  }
  const draft = new GroupDraft(group);
  let isNew = !group.members.has(memberId);
  if (groupInstanceId !== null) {
    const seated = group.staticMember(groupInstanceId);
    if (isUnknown) {
      isNew = seated === undefined;
      if (seated !== undefined) replaceMember(draft, seated, memberId);
    } else {
      const problem = seatedStatic(seated, memberId, groupInstanceId);
      if (problem !== null) return refused(problem.refusal.errorCode);
    }
  }
  const before = isNew ? newMember(memberId) : draft.group.members.get(memberId)!;
  const metadata = {
    instanceId: groupInstanceId ?? before.instanceId,
    rackId: subscription.rackId ?? before.rackId,
    clientId: event.clientId,
    clientHost: event.clientHost,
    subscribedTopicNames: [...new Set(subscription.topics)].sort(),
    subscribedTopicRegex: '',
    rebalanceTimeoutMs: event.rebalanceTimeoutMs,
    serverAssignor: before.serverAssignor,
    classic: { sessionTimeoutMs: event.sessionTimeoutMs, protocols: event.protocols },
  };
  const owned = subscription.ownedIds(env.topics);
  const after = progress(draft, { before, metadata, isNew, owned }, env);
  const { name: protocolName } = protocol!;
  return { kind: 'accepted', memberId, generationId: after.memberEpoch, protocolName, records: draft.records };
}

/** Whether the member has a protocol that all classic members of the group have. */
function sharesProtocol(group: ConsumerGroup, event: ClassicJoin, memberId: string): boolean {
  const others = [...group.members.values()].filter((each) => each.classic !== null && each.memberId !== memberId);
  return event.protocols.some(({ name }) =>
    others.every((other) => other.classic!.protocols.some((each) => each.name === name)),
  );
}

/** The classic member who speaks, or why it may not. */
export function classicMember(
  group: ConsumerGroup,
  memberId: string,
  groupInstanceId: string | null,
  generationId: number,
): { readonly errorCode: number; readonly member: ConsumerMember | null } {
  const refused = (errorCode: number) => ({ errorCode, member: null });
  const seated = groupInstanceId === null ? group.members.get(memberId) : group.staticMember(groupInstanceId);
  if (seated === undefined) return refused(ErrorCode.UNKNOWN_MEMBER_ID);
  if (seated.memberId !== memberId) return refused(ErrorCode.FENCED_INSTANCE_ID);
  if (seated.classic === null) return refused(ErrorCode.UNKNOWN_MEMBER_ID);
  if (seated.memberEpoch !== generationId) return refused(ErrorCode.ILLEGAL_GENERATION);
  return { errorCode: ErrorCode.NONE, member: seated };
}

/** Whether the member is to join again: there is a newer epoch, it has to give something up, or what it waits for is free. */
export function hasToRejoin(group: ConsumerGroup, member: ConsumerMember): boolean {
  if (member.memberEpoch < group.groupEpoch || member.state === 'UnrevokedPartitions') return true;
  if (member.state !== 'UnreleasedPartitions') return false;
  for (const [topicId, partition] of partitionsOf(group.targets.get(member.memberId) ?? NO_PARTITIONS)) {
    const isMine = member.assigned.get(topicId)?.has(partition) ?? false;
    if (!isMine && group.ownerOf(topicId, partition) !== undefined) return false;
  }
  return true;
}

/** What SyncGroup answers to the member. */
export function classicAssignment(member: ConsumerMember, topics: ConsumerGroupEnvironment['topics']): Buffer {
  const metadata = member.classic?.protocols[0]?.metadata ?? null;
  return encodeAssignment(member.assigned, topics, metadata === null ? 0 : (parseSubscription(metadata)?.version ?? 0));
}

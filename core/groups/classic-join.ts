import { ErrorCode } from '../protocol/errors.ts';
import { type Effects, effects, failedJoin, failedSync, type Now, type RebalanceLimits } from './classic-effects.ts';
import type { ClassicGroup, GroupProtocol, JoinResult, Member, Reply } from './classic-group.ts';
import { completeJoinIfAllJoined, joinAnswer, prepareRebalance, rebalanceOrCompleteJoin } from './classic-rebalance.ts';

/**
 * JoinGroup: who may come in, who is known already, and who takes a static member's seat. It ends in a rebalance, in the answer of the present
 * generation, or in a refusal; the rebalance itself is in `classic-rebalance.ts`.
 * Source: KIP-345 (static members), KIP-394 (member id required), KIP-814 (static leader skips the assignment).
 */
const NO_BYTES = Buffer.alloc(0);

export interface JoinEvent {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly protocolType: string;
  readonly protocols: readonly GroupProtocol[];
  /** v4+: a dynamic member first gets its id and joins with it (KIP-394). */
  readonly requireKnownMemberId: boolean;
  /** v9+: a static leader that came back may be told not to assign anew. */
  readonly supportsSkipAssignment: boolean;
  /** The id to use when the member has none. */
  readonly newMemberId: string;
  readonly reply: Reply<JoinResult>;
}

/** A join that is parked without a known member id is given up after this: a client that retries blindly would pile up dead members. */
const NEW_MEMBER_JOIN_TIMEOUT_MS = 5 * 60_000;

export function join(group: ClassicGroup, event: JoinEvent, limits: RebalanceLimits, now: Now): Effects {
  const out = effects();
  const refuse = (errorCode: number, memberId = event.memberId): Effects => {
    out.replies.push(() => event.reply(failedJoin(errorCode, memberId)));
    return out;
  };
  if (!acceptsMember(group, event.memberId, limits.sizeMax)) {
    if (event.memberId !== '') group.remove(event.memberId);
    return refuse(ErrorCode.GROUP_MAX_SIZE_REACHED, '');
  }
  if (group.state === 'Dead') return refuse(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  if (!group.supportsProtocols(event.protocolType, event.protocols))
    return refuse(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  if (event.memberId === '') {
    const seated = event.groupInstanceId === null ? undefined : group.staticMembers.get(event.groupInstanceId);
    if (seated !== undefined) return replaceStatic(group, group.members.get(seated) as Member, event, limits, now, out);
    if (event.groupInstanceId === null && event.requireKnownMemberId) {
      group.pendingMembers.set(event.newMemberId, now.mono + event.sessionTimeoutMs);
      return refuse(ErrorCode.MEMBER_ID_REQUIRED, event.newMemberId);
    }
    return addMember(group, event.newMemberId, event, limits, now, out);
  }
  if (group.pendingMembers.has(event.memberId)) {
    if (event.groupInstanceId !== null) return refuse(ErrorCode.UNKNOWN_MEMBER_ID);
    return addMember(group, event.memberId, event, limits, now, out);
  }
  const invalid = group.validateMember(event.memberId, event.groupInstanceId);
  if (invalid !== ErrorCode.NONE) return refuse(invalid);
  return rejoin(group, group.members.get(event.memberId) as Member, event, limits, now, out);
}

function acceptsMember(group: ClassicGroup, memberId: string, sizeMax: number): boolean {
  switch (group.state) {
    case 'Empty':
    case 'Dead':
      return true;
    case 'PreparingRebalance': {
      // Counted by who waits, not by who is known: so the last to rejoin are turned away when the limit was lowered.
      if (group.members.get(memberId)?.awaitingJoin) return true;
      let awaiting = 0;
      for (const member of group.members.values()) if (member.awaitingJoin) awaiting++;
      return awaiting < sizeMax;
    }
    case 'CompletingRebalance':
    case 'Stable':
      return group.members.has(memberId) || group.members.size < sizeMax;
  }
}

function addMember(
  group: ClassicGroup,
  memberId: string,
  event: JoinEvent,
  limits: RebalanceLimits,
  now: Now,
  out: Effects,
): Effects {
  group.add(
    {
      memberId,
      groupInstanceId: event.groupInstanceId,
      clientId: event.clientId,
      clientHost: event.clientHost,
      rebalanceTimeoutMs: event.rebalanceTimeoutMs,
      sessionTimeoutMs: event.sessionTimeoutMs,
      protocols: event.protocols,
      assignment: NO_BYTES,
      awaitingJoin: event.reply,
      awaitingSync: null,
      sessionDeadline: now.mono + NEW_MEMBER_JOIN_TIMEOUT_MS,
      isNew: true,
    },
    event.protocolType,
  );
  if (group.initialDelay !== null) group.initialDelay.newMemberAdded = true;
  return rebalanceOrCompleteJoin(group, limits, now, out);
}

function updateMember(member: Member, event: JoinEvent, out: Effects): void {
  const parked = member.awaitingJoin;
  if (parked !== null) out.replies.push(() => parked(failedJoin(ErrorCode.REBALANCE_IN_PROGRESS, member.memberId)));
  member.protocols = event.protocols;
  member.rebalanceTimeoutMs = event.rebalanceTimeoutMs;
  member.sessionTimeoutMs = event.sessionTimeoutMs;
  member.awaitingJoin = event.reply;
}

function rejoin(
  group: ClassicGroup,
  member: Member,
  event: JoinEvent,
  limits: RebalanceLimits,
  now: Now,
  out: Effects,
): Effects {
  const same = sameProtocols(member.protocols, event.protocols);
  switch (group.state) {
    case 'PreparingRebalance':
      updateMember(member, event, out);
      return rebalanceOrCompleteJoin(group, limits, now, out);
    case 'CompletingRebalance':
      // The same metadata again: the answer to the first join may have been lost, so it is given again.
      if (same) return answerCurrent(group, member, group.isLeader(member.memberId), event.reply, out);
      updateMember(member, event, out);
      return rebalanceOrCompleteJoin(group, limits, now, out);
    case 'Stable':
      // A leader that joins again wants to assign again (topics may have changed); a follower only if its metadata changed.
      if (same && !group.isLeader(member.memberId)) return answerCurrent(group, member, false, event.reply, out);
      updateMember(member, event, out);
      return rebalanceOrCompleteJoin(group, limits, now, out);
    case 'Empty':
    case 'Dead':
      out.replies.push(() => event.reply(failedJoin(ErrorCode.UNKNOWN_MEMBER_ID, member.memberId)));
      return out;
  }
}

function sameProtocols(a: readonly GroupProtocol[], b: readonly GroupProtocol[]): boolean {
  return (
    a.length === b.length &&
    a.every((protocol, i) => protocol.name === b[i]!.name && protocol.metadata.equals(b[i]!.metadata))
  );
}

function answerCurrent(
  group: ClassicGroup,
  member: Member,
  withMembers: boolean,
  reply: Reply<JoinResult>,
  out: Effects,
): Effects {
  const answer = joinAnswer(group, member, withMembers);
  out.replies.push(() => reply(answer));
  return out;
}

/** A static member is back under a new id: it takes its seat, and whoever holds the old id is fenced. */
function replaceStatic(
  group: ClassicGroup,
  member: Member,
  event: JoinEvent,
  limits: RebalanceLimits,
  now: Now,
  out: Effects,
): Effects {
  const leaderBefore = group.leaderId ?? '';
  const { awaitingJoin, awaitingSync, memberId: oldId } = member;
  if (awaitingJoin !== null) out.replies.push(() => awaitingJoin(failedJoin(ErrorCode.FENCED_INSTANCE_ID, oldId)));
  if (awaitingSync !== null) out.replies.push(() => awaitingSync(failedSync(ErrorCode.FENCED_INSTANCE_ID)));
  member.awaitingJoin = null;
  member.awaitingSync = null;
  group.rename(member, event.newMemberId);
  updateMember(member, event, out);
  member.sessionDeadline = now.mono + member.sessionTimeoutMs;
  switch (group.state) {
    case 'Stable':
      if (group.selectProtocol() !== group.protocolName) return rebalanceOrCompleteJoin(group, limits, now, out);
      // Nothing that the assignment depends on has changed: no rebalance, only the new id is stored.
      out.store = {
        assignments: null,
        done: (errorCode, later) => {
          const after = effects();
          if (member.awaitingJoin !== event.reply) return after;
          member.awaitingJoin = null;
          member.sessionDeadline = later.mono + member.sessionTimeoutMs;
          const isLeader = group.isLeader(member.memberId);
          const answer: JoinResult =
            errorCode !== ErrorCode.NONE
              ? failedJoin(errorCode, '')
              : event.supportsSkipAssignment
                ? { ...joinAnswer(group, member, isLeader), skipAssignment: isLeader }
                : { ...joinAnswer(group, member, false), leader: leaderBefore };
          after.replies.push(() => event.reply(answer));
          return after;
        },
      };
      return out;
    case 'CompletingRebalance':
      // The leader may be assigning to the old id right now.
      return prepareRebalance(group, limits, now, out);
    default:
      return completeJoinIfAllJoined(group, now, out);
  }
}

import { ErrorCode } from '../protocol/errors.ts';
import { type Effects, effects, failedJoin, failedSync, type Now, type RebalanceLimits } from './classic-effects.ts';
import type { ClassicGroup, JoinResult, Member, Reply, SyncResult } from './classic-group.ts';

/**
 * How a classic group moves: rebalance, sync, heartbeat, leave, and the passing of time (joining: `classic-join.ts`). Each function takes the group, the event and the time,
 * changes the group, and says in `Effects` what is to be answered and stored; it does no I/O and knows no clock.
 *
 * The order in which answers leave: `replies` at once, except that what a `store` decides waits for its commit and comes back by `done`.
 * Source: KIP-62 (background heartbeats), KIP-134 (initial delay), KIP-345 (static members), KIP-394 (member id required),
 * KIP-559, KIP-814 (static leader skips the assignment).
 */
export interface SyncEvent {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly generationId: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly assignments: ReadonlyMap<string, Buffer>;
  readonly reply: Reply<SyncResult>;
}

export interface LeavingMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

const NO_BYTES = Buffer.alloc(0);
export function joinAnswer(group: ClassicGroup, member: Member, withMembers: boolean): JoinResult {
  return {
    errorCode: ErrorCode.NONE,
    generationId: group.generationId,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    leader: group.leaderId ?? '',
    skipAssignment: false,
    memberId: member.memberId,
    members: withMembers ? group.memberList() : [],
  };
}

export function rebalanceOrCompleteJoin(group: ClassicGroup, limits: RebalanceLimits, now: Now, out: Effects): Effects {
  return group.canRebalance() ? prepareRebalance(group, limits, now, out) : completeJoinIfAllJoined(group, now, out);
}

/** The group came here from elsewhere: its members are to join anew. */
export function startRebalance(group: ClassicGroup, limits: RebalanceLimits, now: Now): Effects {
  return prepareRebalance(group, limits, now, effects());
}

export function prepareRebalance(group: ClassicGroup, limits: RebalanceLimits, now: Now, out: Effects): Effects {
  if (group.state === 'CompletingRebalance') answerAllSyncs(group, ErrorCode.REBALANCE_IN_PROGRESS, now, out);
  group.syncDeadline = null;
  const isInitial = group.state === 'Empty';
  group.transition('PreparingRebalance', now.wall);
  if (isInitial) {
    const delayMs = limits.initialRebalanceDelayMs;
    group.initialDelay = {
      delayMs,
      remainingMs: Math.max(group.rebalanceTimeoutMs() - delayMs, 0),
      newMemberAdded: false,
    };
    group.joinDeadline = now.mono + delayMs;
    return delayMs === 0 ? completeJoin(group, now, out) : out;
  }
  if (group.hasAllMembersJoined()) return completeJoin(group, now, out);
  group.joinDeadline = now.mono + group.rebalanceTimeoutMs();
  return out;
}

export function completeJoinIfAllJoined(group: ClassicGroup, now: Now, out: Effects): Effects {
  if (group.state !== 'PreparingRebalance' || group.initialDelay !== null || !group.hasAllMembersJoined()) return out;
  return completeJoin(group, now, out);
}

function completeJoin(group: ClassicGroup, now: Now, out: Effects): Effects {
  group.joinDeadline = null;
  group.initialDelay = null;
  for (const member of [...group.members.values()]) {
    // Static members keep their seat until their session ends.
    if (member.awaitingJoin === null && member.groupInstanceId === null) group.remove(member.memberId);
  }
  const leader = group.leaderId === null ? undefined : group.members.get(group.leaderId);
  if (leader !== undefined && leader.awaitingJoin === null) {
    const next = [...group.members.values()].find((member) => member.awaitingJoin !== null);
    if (next === undefined) {
      // Only silent static members are left: wait for them to come back or to time out.
      group.joinDeadline = now.mono + group.rebalanceTimeoutMs();
      return out;
    }
    group.leaderId = next.memberId;
  }
  group.generationId += 1;
  group.pendingSync.clear();
  if (group.members.size === 0) {
    group.protocolName = null;
    group.leaderId = null;
    group.transition('Empty', now.wall);
    out.store = { assignments: null, done: () => effects() };
    return out;
  }
  group.protocolName = group.selectProtocol();
  group.transition('CompletingRebalance', now.wall);
  for (const member of group.members.values()) {
    const reply = member.awaitingJoin;
    member.awaitingJoin = null;
    member.isNew = false;
    group.pendingSync.add(member.memberId);
    if (reply === null) continue;
    member.sessionDeadline = now.mono + member.sessionTimeoutMs;
    const answer = joinAnswer(group, member, group.isLeader(member.memberId));
    out.replies.push(() => reply(answer));
  }
  group.syncDeadline = now.mono + group.rebalanceTimeoutMs();
  return out;
}

export function sync(group: ClassicGroup, event: SyncEvent, limits: RebalanceLimits, now: Now): Effects {
  const out = effects();
  const refuse = (errorCode: number): Effects => {
    out.replies.push(() => event.reply(failedSync(errorCode)));
    return out;
  };
  if (group.state === 'Dead') return refuse(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  const invalid = group.validateMember(event.memberId, event.groupInstanceId);
  if (invalid !== ErrorCode.NONE) return refuse(invalid);
  if (event.generationId !== group.generationId) return refuse(ErrorCode.ILLEGAL_GENERATION);
  if (event.protocolType !== null && event.protocolType !== group.protocolType)
    return refuse(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  if (event.protocolName !== null && event.protocolName !== group.protocolName)
    return refuse(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  const member = group.members.get(event.memberId) as Member;
  switch (group.state) {
    case 'Empty':
      return refuse(ErrorCode.UNKNOWN_MEMBER_ID);
    case 'PreparingRebalance':
      return refuse(ErrorCode.REBALANCE_IN_PROGRESS);
    case 'Stable':
      group.pendingSync.delete(member.memberId);
      member.sessionDeadline = now.mono + member.sessionTimeoutMs;
      out.replies.push(() => event.reply(syncAnswer(group, member)));
      return out;
    case 'CompletingRebalance': {
      const earlier = member.awaitingSync;
      if (earlier !== null) out.replies.push(() => earlier(failedSync(ErrorCode.REBALANCE_IN_PROGRESS)));
      member.awaitingSync = event.reply;
      group.pendingSync.delete(member.memberId);
      if (!group.isLeader(member.memberId)) return out;
      const generationId = group.generationId;
      out.store = {
        assignments: event.assignments,
        done: (errorCode, later) => {
          const after = effects();
          // Somebody may have joined or left while the record was on its way.
          if (group.state !== 'CompletingRebalance' || group.generationId !== generationId) return after;
          if (errorCode !== ErrorCode.NONE) {
            answerAllSyncs(group, errorCode, later, after);
            return rebalanceOrCompleteJoin(group, limits, later, after);
          }
          for (const each of group.members.values()) each.assignment = event.assignments.get(each.memberId) ?? NO_BYTES;
          group.transition('Stable', later.wall);
          answerAllSyncs(group, ErrorCode.NONE, later, after);
          return after;
        },
      };
      return out;
    }
  }
}

function syncAnswer(group: ClassicGroup, member: Member): SyncResult {
  return {
    errorCode: ErrorCode.NONE,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    assignment: member.assignment,
  };
}

function answerAllSyncs(group: ClassicGroup, errorCode: number, now: Now, out: Effects): void {
  for (const member of group.members.values()) {
    const reply = member.awaitingSync;
    if (errorCode !== ErrorCode.NONE) member.assignment = NO_BYTES;
    if (reply === null) continue;
    member.awaitingSync = null;
    member.sessionDeadline = now.mono + member.sessionTimeoutMs;
    const answer = errorCode === ErrorCode.NONE ? syncAnswer(group, member) : failedSync(errorCode);
    out.replies.push(() => reply(answer));
  }
}

/** The heartbeat's error code. */
export function heartbeat(
  group: ClassicGroup,
  memberId: string,
  groupInstanceId: string | null,
  generationId: number,
  now: Now,
): number {
  if (group.state === 'Dead') return ErrorCode.COORDINATOR_NOT_AVAILABLE;
  const invalid = group.validateMember(memberId, groupInstanceId);
  if (invalid !== ErrorCode.NONE) return invalid;
  if (generationId !== group.generationId) return ErrorCode.ILLEGAL_GENERATION;
  if (group.state === 'Empty') return ErrorCode.UNKNOWN_MEMBER_ID;
  touch(group, memberId, now);
  return group.state === 'PreparingRebalance' ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
}

/** The member was heard from. */
export function touch(group: ClassicGroup, memberId: string, now: Now): void {
  const member = group.members.get(memberId);
  if (member !== undefined) member.sessionDeadline = now.mono + member.sessionTimeoutMs;
}

/** One error code for each leaving member. */
export function leave(
  group: ClassicGroup,
  leaving: readonly LeavingMember[],
  limits: RebalanceLimits,
  now: Now,
): { readonly errorCodes: readonly number[]; readonly effects: Effects } {
  const out = effects();
  const errorCodes = leaving.map(({ memberId, groupInstanceId }) => {
    if (memberId === '') {
      const seated = groupInstanceId === null ? undefined : group.staticMembers.get(groupInstanceId);
      if (seated === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
      removeMember(group, seated, out);
      return ErrorCode.NONE;
    }
    if (group.pendingMembers.delete(memberId)) return ErrorCode.NONE;
    const invalid = group.validateMember(memberId, groupInstanceId);
    if (invalid === ErrorCode.NONE) removeMember(group, memberId, out);
    return invalid;
  });
  if (errorCodes.includes(ErrorCode.NONE)) afterRemoval(group, limits, now, out);
  return { errorCodes, effects: out };
}

function removeMember(group: ClassicGroup, memberId: string, out: Effects): void {
  const member = group.members.get(memberId);
  const parkedJoin = member?.awaitingJoin;
  const parkedSync = member?.awaitingSync;
  if (parkedJoin) out.replies.push(() => parkedJoin(failedJoin(ErrorCode.UNKNOWN_MEMBER_ID, '')));
  if (parkedSync) out.replies.push(() => parkedSync(failedSync(ErrorCode.UNKNOWN_MEMBER_ID)));
  group.remove(memberId);
}

function afterRemoval(group: ClassicGroup, limits: RebalanceLimits, now: Now, out: Effects): void {
  if (group.state === 'Stable' || group.state === 'CompletingRebalance') prepareRebalance(group, limits, now, out);
  else completeJoinIfAllJoined(group, now, out);
}

/** Whose join or sync is parked is alive, unless it joined without an id and may be long gone. */
function isParked(member: Member): boolean {
  return (member.awaitingJoin !== null && !member.isNew) || member.awaitingSync !== null;
}

/** When the next deadline of the group is, or null. */
export function nextDeadline(group: ClassicGroup): number | null {
  let next = Number.POSITIVE_INFINITY;
  if (group.joinDeadline !== null) next = Math.min(next, group.joinDeadline);
  if (group.syncDeadline !== null) next = Math.min(next, group.syncDeadline);
  for (const deadline of group.pendingMembers.values()) next = Math.min(next, deadline);
  for (const member of group.members.values()) {
    if (!isParked(member)) next = Math.min(next, member.sessionDeadline);
  }
  return next === Number.POSITIVE_INFINITY ? null : next;
}

/** Everything that is due happens. A rebalance that a time-out starts can only make later deadlines. */
export function tick(group: ClassicGroup, limits: RebalanceLimits, now: Now): Effects {
  const out = effects();
  let removed = false;
  for (const [memberId, deadline] of [...group.pendingMembers]) {
    if (deadline <= now.mono) removed = group.pendingMembers.delete(memberId) || removed;
  }
  for (const member of [...group.members.values()]) {
    if (isParked(member) || member.sessionDeadline > now.mono) continue;
    removeMember(group, member.memberId, out);
    removed = true;
  }
  if (group.syncDeadline !== null && group.syncDeadline <= now.mono) {
    group.syncDeadline = null;
    if ((group.state === 'CompletingRebalance' || group.state === 'Stable') && group.pendingSync.size > 0) {
      for (const memberId of [...group.pendingSync]) removeMember(group, memberId, out);
      removed = true;
    }
  }
  if (removed) afterRemoval(group, limits, now, out);
  if (group.joinDeadline !== null && group.joinDeadline <= now.mono) {
    const initial = group.initialDelay;
    if (initial?.newMemberAdded && initial.remainingMs > 0) {
      const delayMs = Math.min(limits.initialRebalanceDelayMs, initial.remainingMs);
      group.initialDelay = { delayMs, remainingMs: Math.max(initial.remainingMs - delayMs, 0), newMemberAdded: false };
      group.joinDeadline = now.mono + delayMs;
    } else {
      completeJoin(group, now, out);
    }
  }
  return out;
}

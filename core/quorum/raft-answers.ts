import { ErrorCode } from '../protocol/errors.ts';
import type { Raft } from './raft.ts';
import type { FetchAnswer, FetchSnapshotAnswer, PeerAnswer, VoteAnswer } from './raft-events.ts';
import { type SnapshotId, truncationOffset } from './raft-log.ts';
import type { FetchState, FollowerRole } from './roles.ts';

/** What the core makes of the answers of other nodes, and of requests that failed. Whatever an answer says, its epoch and leader are believed. */
const FAILURES_MAX = 6;
const NEVER = Number.POSITIVE_INFINITY;

export function handleAnswer(raft: Raft, id: number, from: number, answer: PeerAnswer): void {
  const { role } = raft;
  const isFetch = (role.kind === 'follower' || role.kind === 'unattached') && role.fetch.openId === id;
  if (isFetch) fetchEnded(raft, role.fetch, answer.errorCode !== ErrorCode.NONE);
  raft.learn(from, answer.leaderId, answer.epoch);
  switch (answer.kind) {
    case 'vote':
      return handleVoteAnswer(raft, id, from, answer);
    case 'beginEpoch':
      return handleBeginAnswer(raft, id, from, answer.errorCode);
    case 'endEpoch':
      if (raft.role.kind === 'resigned') raft.role.outbox.remove(from);
      return;
    case 'fetch':
      if (isFetch) handleFetchAnswer(raft, from, answer);
      return;
    case 'fetchSnapshot':
      if (isFetch) handleSnapshotAnswer(raft, from, answer);
  }
}

export function handleFailure(raft: Raft, id: number, from: number, isGone: boolean): void {
  const { role, nowMs } = raft;
  const { retryBackoffMs } = raft.settings;
  switch (role.kind) {
    case 'prospective':
    case 'candidate':
      return role.ballot.outbox.failed(from, id, nowMs, retryBackoffMs);
    case 'leader':
    case 'resigned':
      return role.outbox.failed(from, id, nowMs, retryBackoffMs);
    case 'follower':
      if (role.fetch.openId !== id) return;
      fetchEnded(raft, role.fetch, true);
      if (isGone) leaderIsGone(raft, role);
      return;
    case 'unattached':
      if (role.fetch.openId === id) fetchEnded(raft, role.fetch, true);
  }
}

/**
 * Where nobody listens there is no leader: whatever starts there next does not lead this epoch again. So the vote before the vote, in which others may say that
 * they do hear the leader, need not wait for the whole fetch timeout; only for a moment, a different one at each follower. Once: who was answered so waits.
 */
function leaderIsGone(raft: Raft, role: FollowerRole): void {
  if (!role.isLeaderAlive) return;
  role.isLeaderAlive = false;
  role.fetchDeadlineMs = Math.min(role.fetchDeadlineMs, raft.nowMs + raft.electionBackoffMs(0));
}

/** The next fetch is due at once, or after a pause that grows with failures in a row. */
function fetchEnded(raft: Raft, fetch: FetchState, isFailed: boolean): void {
  fetch.openId = null;
  const backoffMs = isFailed ? raft.settings.retryBackoffMs * 2 ** fetch.failures : 0;
  fetch.failures = isFailed ? Math.min(fetch.failures + 1, FAILURES_MAX) : 0;
  fetch.dueMs = raft.nowMs + backoffMs;
}

function handleVoteAnswer(raft: Raft, id: number, from: number, answer: VoteAnswer): void {
  const { role } = raft;
  if (role.kind !== 'candidate' && role.kind !== 'prospective') return;
  // An answer to another election than this one.
  if (answer.isPreVote !== (role.kind === 'prospective') || answer.epoch !== raft.epoch) return;
  const { granted, rejected, outbox } = role.ballot;
  if (answer.errorCode !== ErrorCode.NONE) {
    return outbox.failed(from, id, raft.nowMs, raft.settings.retryBackoffMs);
  }
  outbox.remove(from);
  (answer.isGranted ? granted : rejected).add(from);
  if (granted.size >= raft.voters.majority) {
    if (role.kind === 'candidate') raft.becomeLeader([...granted].sort((a, b) => a - b));
    else raft.becomeCandidate(role.losses);
  } else if (raft.voters.ids.length - rejected.size < raft.voters.majority) {
    if (role.kind === 'candidate') {
      role.deadlineMs = Math.min(role.deadlineMs, raft.nowMs + raft.electionBackoffMs(role.losses));
    } else giveUp(raft, role.leaderId);
  }
}

/** The others want no election: back to the leader that was, or to waiting for one. */
export function giveUp(raft: Raft, leaderId: number): void {
  if (leaderId >= 0) raft.becomeFollower(leaderId, raft.epoch);
  else raft.becomeUnattached(raft.epoch);
}

function handleBeginAnswer(raft: Raft, id: number, from: number, errorCode: number): void {
  const { role, nowMs } = raft;
  if (role.kind !== 'leader') return;
  if (errorCode === ErrorCode.NONE) role.outbox.answered(from, id, nowMs + raft.settings.fetchTimeoutMs / 2);
  else role.outbox.failed(from, id, nowMs, raft.settings.retryBackoffMs);
}

/** The role, when the answer is from the leader that is followed. */
function followerOf(raft: Raft, from: number, epoch: number): FollowerRole | null {
  const { role } = raft;
  return role.kind === 'follower' && role.leaderId === from && raft.epoch === epoch ? role : null;
}

function leaderAnswered(raft: Raft, role: FollowerRole): void {
  raft.leaderHeard(role.leaderId);
  role.isLeaderAlive = true;
  role.fetchDeadlineMs = raft.nowMs + raft.settings.fetchTimeoutMs;
}

function handleFetchAnswer(raft: Raft, from: number, answer: FetchAnswer): void {
  const role = followerOf(raft, from, answer.epoch);
  if (role === null) return;
  if (answer.errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER) role.isLeaderAlive = false;
  if (answer.errorCode !== ErrorCode.NONE) return;
  leaderAnswered(raft, role);
  const { log } = raft;
  if (answer.diverging !== null) {
    const offset = truncationOffset(log, answer.diverging);
    if (offset < raft.highWatermark) {
      const { epoch, offset: end } = answer.diverging;
      const said = `node ${from} says that epoch ${epoch} ends at ${end}`;
      throw new Error(`${said}: the log would be cut to ${offset}, below what is committed, ${raft.highWatermark}`);
    }
    raft.emit({ kind: 'truncate', offset });
  } else if (answer.snapshotId !== null) {
    if (answer.snapshotId.offset <= raft.highWatermark) {
      // Everything in it is known here; asking again would end in the same.
      throw new Error(`node ${from} offers a snapshot that ends at ${answer.snapshotId.offset}, which is known here`);
    }
    role.snapshot = { id: answer.snapshotId, position: 0, isInstalling: false };
  } else {
    if (answer.records !== null && answer.records.length > 0) {
      raft.emit({ kind: 'appendFetched', records: answer.records });
      role.fetch.dueMs = NEVER; // Until they are on the device.
      raft.highWatermarkAfterAppend = answer.highWatermark;
    } else raft.raiseHighWatermark(answer.highWatermark);
  }
}

/** Records are on the device. */
export function handleFlushed(raft: Raft, isRefused: boolean): void {
  const { role, log } = raft;
  if (role.kind === 'leader') {
    raft.raiseHighWatermark(role.committedOffset(log.flushedOffset));
    return;
  }
  if (role.kind !== 'follower' || role.fetch.dueMs !== NEVER) return;
  if (isRefused) fetchEnded(raft, role.fetch, true);
  else {
    role.fetch.dueMs = raft.nowMs;
    raft.raiseHighWatermark(raft.highWatermarkAfterAppend);
  }
}

function handleSnapshotAnswer(raft: Raft, from: number, answer: FetchSnapshotAnswer): void {
  const role = followerOf(raft, from, answer.epoch);
  if (role === null || role.snapshot === null) return;
  const { snapshot } = role;
  const isSame = answer.snapshotId.offset === snapshot.id.offset && answer.snapshotId.epoch === snapshot.id.epoch;
  if (answer.errorCode !== ErrorCode.NONE || !isSame || answer.position !== snapshot.position) {
    // It is gone, or was never there: the next fetch is told of another one.
    if (answer.errorCode !== ErrorCode.NOT_LEADER_OR_FOLLOWER) role.snapshot = null;
    return;
  }
  leaderAnswered(raft, role);
  const { bytes, position, size } = answer;
  snapshot.position += bytes.length;
  snapshot.isInstalling = snapshot.position >= size;
  raft.emit({ kind: 'snapshotPiece', snapshotId: snapshot.id, position, bytes, isLast: snapshot.isInstalling });
}

/** Whether a snapshot whose last piece has come is still to take the log's place. */
export function isInstalling(raft: Raft, { offset, epoch }: SnapshotId): boolean {
  const { role } = raft;
  if (role.kind !== 'follower' || role.snapshot?.isInstalling !== true) return false;
  return role.snapshot.id.offset === offset && role.snapshot.id.epoch === epoch;
}

export function handleInstalled(raft: Raft, id: SnapshotId, isSound: boolean): void {
  const { role } = raft;
  if (isSound) raft.raiseHighWatermark(id.offset);
  if (role.kind !== 'follower' || !isInstalling(raft, id)) return;
  role.snapshot = null;
  role.fetchDeadlineMs = raft.nowMs + raft.settings.fetchTimeoutMs;
  fetchEnded(raft, role.fetch, !isSound);
}

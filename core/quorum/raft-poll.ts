import { ZERO_UUID } from '../protocol/writer.ts';
import type { Raft } from './raft.ts';
import { giveUp } from './raft-answers.ts';
import { answerExpired } from './raft-requests.ts';
import type {
  CandidateRole,
  FetchState,
  FollowerRole,
  ProspectiveRole,
  ResignedRole,
  UnattachedRole,
} from './roles.ts';

/** What is due in the present role: deadlines that have passed, requests that are to be sent. May end in another role. */
const FETCH_WAIT_MAX_MS = 500;

export function poll(raft: Raft): void {
  const { role, nowMs } = raft;
  switch (role.kind) {
    case 'unattached':
      return pollUnattached(raft, role);
    case 'prospective':
      return pollProspective(raft, role);
    case 'candidate':
      return pollCandidate(raft, role);
    case 'follower':
      return pollFollower(raft, role);
    case 'leader': {
      answerExpired(raft, role);
      if (nowMs >= role.quorumDeadlineMs) return raft.becomeResigned();
      const silentMs = raft.settings.fetchTimeoutMs / 2;
      for (const id of role.outbox.due(nowMs)) {
        const { lastFetchMs } = role.voters.get(id)!;
        const silentFromMs = lastFetchMs + silentMs;
        // Who fetches knows. The sum is compared, not the difference: they may round differently, and what is postponed must not be due at once.
        if (lastFetchMs >= 0 && nowMs < silentFromMs) role.outbox.postpone(id, silentFromMs);
        else role.outbox.sent(id, raft.send(id, { kind: 'beginEpoch', leaderId: raft.self, epoch: raft.epoch }));
      }
      return;
    }
    case 'resigned':
      return pollResigned(raft, role);
  }
}

export function nextDeadlineMs(raft: Raft): number {
  const { role } = raft;
  switch (role.kind) {
    case 'unattached':
      return Math.min(role.electionDeadlineMs, fetchDueMs(raft, role.fetch));
    case 'prospective':
    case 'candidate':
      return Math.min(role.deadlineMs, role.ballot.outbox.nextDueMs);
    case 'follower':
      if (role.snapshot?.isInstalling === true) return Number.POSITIVE_INFINITY;
      return Math.min(role.fetchDeadlineMs, fetchDueMs(raft, role.fetch));
    case 'leader':
      return Math.min(role.quorumDeadlineMs, role.outbox.nextDueMs, role.nextParkedDeadlineMs);
    case 'resigned':
      return Math.min(role.deadlineMs, role.outbox.nextDueMs);
  }
}

/** While the log is not settled the next `flushed` says when. */
function fetchDueMs(raft: Raft, fetch: FetchState): number {
  return fetch.openId === null && raft.log.isSettled ? fetch.dueMs : Number.POSITIVE_INFINITY;
}

function pollUnattached(raft: Raft, role: UnattachedRole): void {
  if (raft.nowMs >= role.electionDeadlineMs) return raft.becomeProspective(-1, 0);
  const { others, nowMs } = raft;
  if (others.length === 0 || nowMs < fetchDueMs(raft, role.fetch)) return;
  const asked = others[raft.nextAsked % others.length]!;
  raft.nextAsked = (raft.nextAsked + 1) % others.length;
  sendFetch(raft, role.fetch, asked);
}

function pollProspective(raft: Raft, { ballot, deadlineMs, leaderId, losses }: ProspectiveRole): void {
  if (ballot.granted.size >= raft.voters.majority) return raft.becomeCandidate(losses);
  if (raft.nowMs >= deadlineMs) return giveUp(raft, leaderId);
  sendVotes(raft, { ballot, isPreVote: true });
}

function pollCandidate(raft: Raft, { ballot, deadlineMs, losses }: CandidateRole): void {
  if (ballot.granted.size >= raft.voters.majority) return raft.becomeLeader([...ballot.granted].sort((a, b) => a - b));
  if (raft.nowMs >= deadlineMs) return raft.becomeProspective(-1, losses + 1);
  sendVotes(raft, { ballot, isPreVote: false });
}

function sendVotes(
  raft: Raft,
  { ballot, isPreVote }: Pick<CandidateRole, 'ballot'> & { readonly isPreVote: boolean },
): void {
  const { self, epoch, log } = raft;
  for (const id of ballot.outbox.due(raft.nowMs)) {
    const request = { candidateId: self, epoch, lastEpoch: log.lastEpoch, endOffset: log.endOffset, isPreVote };
    ballot.outbox.sent(id, raft.send(id, { kind: 'vote', ...request }));
  }
}

function pollFollower(raft: Raft, role: FollowerRole): void {
  const { nowMs } = raft;
  // What the disk needs for a snapshot is nobody's silence.
  if (role.snapshot?.isInstalling === true) return;
  if (nowMs >= role.fetchDeadlineMs) {
    if (raft.isVoter) return raft.becomeProspective(role.leaderId, 0);
    return raft.becomeUnattached(raft.epoch);
  }
  if (nowMs < fetchDueMs(raft, role.fetch)) return;
  if (role.snapshot === null) return sendFetch(raft, role.fetch, role.leaderId);
  const { id: snapshotId, position } = role.snapshot;
  role.fetch.openId = raft.send(role.leaderId, {
    kind: 'fetchSnapshot',
    replicaId: raft.self,
    epoch: raft.epoch,
    snapshotId,
    position,
    maxBytes: raft.settings.fetchSnapshotMaxBytes,
  });
}

function sendFetch(raft: Raft, fetch: FetchState, to: number): void {
  const { log } = raft;
  fetch.openId = raft.send(to, {
    kind: 'fetch',
    replicaId: raft.self,
    directoryId: ZERO_UUID, // The caller knows its own.
    epoch: raft.epoch,
    fetchOffset: log.endOffset,
    lastFetchedEpoch: log.lastEpoch,
    highWatermark: raft.highWatermark,
    // An answer has to come before the follower doubts its leader.
    maxWaitMs: Math.min(FETCH_WAIT_MAX_MS, Math.floor(raft.settings.fetchTimeoutMs / 2)),
    maxBytes: raft.settings.fetchMaxBytes,
  });
}

function pollResigned(raft: Raft, role: ResignedRole): void {
  const { nowMs, self, epoch } = raft;
  // In its own epoch it can neither vote nor follow.
  if (nowMs >= role.deadlineMs) return raft.becomeUnattached(epoch + 1);
  for (const id of role.outbox.due(nowMs)) {
    const { preferredCandidates } = role;
    role.outbox.sent(id, raft.send(id, { kind: 'endEpoch', leaderId: self, epoch, preferredCandidates }));
  }
}

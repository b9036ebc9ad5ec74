import { ErrorCode } from '../protocol/errors.ts';
import type { LeaderRole, ParkedFetch } from './leader.ts';
import type { Raft } from './raft.ts';
import type {
  BeginEpochRequest,
  EndEpochRequest,
  FetchAnswer,
  FetchRequest,
  FetchSnapshotRequest,
  PeerRequest,
  VoteRequest,
} from './raft-events.ts';
import { isAsUpToDate, judgeFetchPosition } from './raft-log.ts';

/** What the core answers to other nodes. A fetch that has nothing to fetch is answered later. */
const NOTHING = Buffer.alloc(0);

export function handleRequest(raft: Raft, token: number, request: PeerRequest): void {
  switch (request.kind) {
    case 'vote':
      return handleVote(raft, token, request);
    case 'beginEpoch':
      return handleBeginEpoch(raft, token, request);
    case 'endEpoch':
      return handleEndEpoch(raft, token, request);
    case 'fetch':
      return handleFetch(raft, token, request);
    case 'fetchSnapshot':
      return handleFetchSnapshot(raft, token, request);
  }
}

/** An older epoch is refused, a node that is no voter as well. */
function voterError(raft: Raft, nodeId: number, epoch: number): number {
  if (nodeId < 0 || epoch < 0) return ErrorCode.INVALID_REQUEST;
  if (epoch < raft.epoch) return ErrorCode.FENCED_LEADER_EPOCH;
  return raft.voters.has(nodeId) && nodeId !== raft.self ? ErrorCode.NONE : ErrorCode.INCONSISTENT_VOTER_SET;
}

function handleVote(raft: Raft, token: number, request: VoteRequest): void {
  const { candidateId, isPreVote } = request;
  let errorCode = raft.isVoter ? voterError(raft, candidateId, request.epoch) : ErrorCode.INCONSISTENT_VOTER_SET;
  if (request.endOffset < 0 || request.lastEpoch < 0 || request.lastEpoch > request.epoch) {
    errorCode = ErrorCode.INVALID_REQUEST;
  }
  let isGranted = false;
  if (errorCode === ErrorCode.NONE) {
    if (request.epoch > raft.epoch) raft.joinEpoch(request.epoch);
    isGranted = canGrant(raft, request);
    if (isGranted && !isPreVote && raft.votedId !== candidateId) {
      // Waits anew for the candidate to win; also when it was about to stand for election itself.
      raft.becomeUnattached(raft.epoch);
      raft.votedId = candidateId;
    }
  }
  raft.emit({ kind: 'answer', token, answer: { kind: 'vote', errorCode, ...raft.leader, isGranted, isPreVote } });
}

function canGrant(raft: Raft, request: VoteRequest): boolean {
  const { role, votedId } = raft;
  const isUpToDate = isAsUpToDate(raft.log, { offset: request.endOffset, epoch: request.lastEpoch });
  if (request.isPreVote) {
    // Who hears its leader wants no election, whoever does not hear it.
    const isLed = role.kind === 'leader' || (role.kind === 'follower' && role.isLeaderAlive);
    return isUpToDate && !isLed;
  }
  if (votedId >= 0) return votedId === request.candidateId;
  return isUpToDate && raft.leaderId < 0 && role.kind !== 'resigned';
}

function handleBeginEpoch(raft: Raft, token: number, { leaderId, epoch }: BeginEpochRequest): void {
  let errorCode = voterError(raft, leaderId, epoch);
  if (errorCode === ErrorCode.NONE && raft.isOtherLeader(leaderId, epoch)) errorCode = ErrorCode.INVALID_REQUEST;
  if (errorCode === ErrorCode.NONE) {
    raft.learn(leaderId, leaderId, epoch);
    raft.leaderHeard(leaderId);
  }
  raft.emit({ kind: 'answer', token, answer: { kind: 'beginEpoch', errorCode, ...raft.leader } });
}

function handleEndEpoch(raft: Raft, token: number, request: EndEpochRequest): void {
  const { leaderId, epoch, preferredCandidates } = request;
  let errorCode = voterError(raft, leaderId, epoch);
  if (errorCode === ErrorCode.NONE && raft.isOtherLeader(leaderId, epoch)) errorCode = ErrorCode.INVALID_REQUEST;
  if (errorCode === ErrorCode.NONE) {
    raft.learn(leaderId, leaderId, epoch);
    const { role } = raft;
    if (role.kind === 'follower') {
      const place = preferredCandidates.indexOf(raft.self);
      const isFirst = place === 0;
      const backoffMs = isFirst ? 0 : raft.electionBackoffMs(place < 0 ? preferredCandidates.length : place);
      role.isLeaderAlive = false;
      role.fetchDeadlineMs = Math.min(role.fetchDeadlineMs, raft.nowMs + backoffMs);
    }
  }
  raft.emit({ kind: 'answer', token, answer: { kind: 'endEpoch', errorCode, ...raft.leader } });
}

/** What only the leader of exactly this epoch may answer. */
function leaderError(raft: Raft, epoch: number): number {
  if (epoch < raft.epoch) return ErrorCode.FENCED_LEADER_EPOCH;
  if (epoch > raft.epoch) return ErrorCode.UNKNOWN_LEADER_EPOCH;
  return raft.role.kind === 'leader' ? ErrorCode.NONE : ErrorCode.NOT_LEADER_OR_FOLLOWER;
}

function fetchAnswer(raft: Raft, fields: Partial<FetchAnswer>): FetchAnswer {
  return {
    kind: 'fetch',
    errorCode: ErrorCode.NONE,
    ...raft.leader,
    highWatermark: raft.highWatermark,
    logStartOffset: raft.log.startOffset,
    diverging: null,
    snapshotId: null,
    records: NOTHING,
    readFrom: null,
    ...fields,
  };
}

function handleFetch(raft: Raft, token: number, request: FetchRequest): void {
  const { replicaId, epoch, fetchOffset, lastFetchedEpoch } = request;
  const answer = (fields: Partial<FetchAnswer>): void =>
    raft.emit({ kind: 'answer', token, answer: fetchAnswer(raft, fields) });
  if (fetchOffset < 0 || lastFetchedEpoch < 0 || epoch < 0 || request.maxWaitMs < 0 || replicaId === raft.self) {
    return answer({ errorCode: ErrorCode.INVALID_REQUEST });
  }
  const errorCode = leaderError(raft, epoch);
  const { role, log, nowMs } = raft;
  if (errorCode !== ErrorCode.NONE || role.kind !== 'leader') return answer({ errorCode });
  role.voterHeard(replicaId, nowMs);
  const position = judgeFetchPosition(log, fetchOffset, lastFetchedEpoch);
  if (position.kind === 'diverging') return answer({ diverging: position.end });
  if (position.kind === 'snapshot') return answer({ snapshotId: position.id });
  role.fetched(replicaId, request.directoryId, fetchOffset, log.endOffset, nowMs);
  raft.raiseHighWatermark(role.committedOffset(log.flushedOffset));
  const fetch: ParkedFetch = { ...request, token, deadlineMs: nowMs + request.maxWaitMs };
  if (request.maxWaitMs === 0 || isWorthAnswering(raft, fetch)) return answerFetch(raft, fetch);
  for (const replaced of role.park(fetch)) answerFetch(raft, replaced);
}

/** There is more than the fetcher has, or more of it is committed than it knows. */
function isWorthAnswering(raft: Raft, fetch: ParkedFetch): boolean {
  return fetch.fetchOffset < raft.log.endOffset || fetch.highWatermark < raft.highWatermark;
}

function answerFetch(raft: Raft, { token, fetchOffset, maxBytes }: ParkedFetch): void {
  const readFrom = fetchOffset < raft.log.endOffset ? { offset: fetchOffset, maxBytes } : null;
  const records = readFrom === null ? NOTHING : null;
  raft.emit({ kind: 'answer', token, answer: fetchAnswer(raft, { records, readFrom }) });
}

/** To be called when the log has grown or the high watermark has risen. */
export function answerParked(raft: Raft): void {
  if (raft.role.kind !== 'leader') return;
  for (const fetch of raft.role.unpark((each) => isWorthAnswering(raft, each))) answerFetch(raft, fetch);
}

export function answerExpired(raft: Raft, role: LeaderRole): void {
  for (const fetch of role.unpark(({ deadlineMs }) => deadlineMs <= raft.nowMs)) answerFetch(raft, fetch);
}

/** The leader is leader no more. */
export function answerAllParked(raft: Raft, role: LeaderRole): void {
  for (const { token } of role.unpark(() => true)) {
    const fields = { errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER, leaderId: -1 };
    raft.emit({ kind: 'answer', token, answer: fetchAnswer(raft, fields) });
  }
}

function handleFetchSnapshot(raft: Raft, token: number, request: FetchSnapshotRequest): void {
  const { snapshotId, position } = request;
  const isSound = position >= 0 && request.epoch >= 0 && request.maxBytes > 0;
  const errorCode = isSound ? leaderError(raft, request.epoch) : ErrorCode.INVALID_REQUEST;
  const isServed = errorCode === ErrorCode.NONE && raft.role.kind === 'leader';
  if (isServed && raft.role.kind === 'leader') raft.role.voterHeard(request.replicaId, raft.nowMs);
  const maxBytes = isServed ? request.maxBytes : 0;
  raft.emit({
    kind: 'answer',
    token,
    answer: {
      kind: 'fetchSnapshot',
      errorCode,
      ...raft.leader,
      snapshotId,
      position,
      size: 0,
      bytes: NOTHING,
      maxBytes,
    },
  });
}

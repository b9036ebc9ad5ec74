import type { LeaderRole } from './leader.ts';
import { Outbox } from './outbox.ts';
import type { SnapshotId } from './raft-log.ts';

/**
 * What a node is in its epoch. A role lives from one transition to the next; what outlives it (epoch, vote, high watermark) is the node's (`raft.ts`).
 *
 *     unattached → prospective → candidate → leader → resigned
 *         ↑            ↕             follower ← whoever hears of the epoch's leader
 */
export type Role = UnattachedRole | ProspectiveRole | CandidateRole | LeaderRole | FollowerRole | ResignedRole;

/** One fetch at a time, and a pause after one that failed. */
export interface FetchState {
  openId: number | null;
  failures: number;
  dueMs: number;
}

export function newFetchState(nowMs: number): FetchState {
  return { openId: null, failures: 0, dueMs: nowMs };
}

/** Knows no leader: waits for one, and asks the voters in turn. */
export interface UnattachedRole {
  readonly kind: 'unattached';
  /** A voter stands for election then; an observer never. */
  readonly electionDeadlineMs: number;
  readonly fetch: FetchState;
}

export interface Ballot {
  readonly granted: Set<number>;
  readonly rejected: Set<number>;
  /** Those who have not answered. */
  readonly outbox: Outbox;
}

export function newBallot(self: number, others: readonly number[], nowMs: number): Ballot {
  return { granted: new Set([self]), rejected: new Set(), outbox: new Outbox(others, nowMs) };
}

/** Asks whether it would be elected, and disturbs nobody who has a leader (KIP-996). */
export interface ProspectiveRole {
  readonly kind: 'prospective';
  /** Whom it followed; −1: nobody. */
  readonly leaderId: number;
  readonly ballot: Ballot;
  readonly deadlineMs: number;
  /** Elections lost in a row. */
  readonly losses: number;
}

/** Stands for election in a new epoch, with its own vote. */
export interface CandidateRole {
  readonly kind: 'candidate';
  readonly ballot: Ballot;
  /** Sooner, once the election is lost. */
  deadlineMs: number;
  readonly losses: number;
}

export interface FollowerRole {
  readonly kind: 'follower';
  readonly leaderId: number;
  fetchDeadlineMs: number;
  readonly fetch: FetchState;
  /** The leader has answered, and did not say that it ends: who asks for a vote before the vote is refused. */
  isLeaderAlive: boolean;
  /** On the way to a snapshot: what is there so far. */
  snapshot: { readonly id: SnapshotId; position: number; isInstalling: boolean } | null;
}

/** Was leader of the epoch, and can only wait for the next one. */
export interface ResignedRole {
  readonly kind: 'resigned';
  readonly outbox: Outbox;
  readonly preferredCandidates: readonly number[];
  readonly deadlineMs: number;
}

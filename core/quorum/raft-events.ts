import type { OffsetAndEpoch, SnapshotId } from './raft-log.ts';

/**
 * What the core is told and what it asks for. The caller does all of it, in order: effects behind a `persist` wait until that is on the device.
 */
export interface ElectionState {
  readonly epoch: number;
  /** −1: unknown. */
  readonly leaderId: number;
  /** Whom this node gave its vote of the epoch; −1: nobody. */
  readonly votedId: number;
}

export interface LeaderAndEpoch {
  /** −1: unknown. */
  readonly leaderId: number;
  readonly epoch: number;
}

/** A leader that this node followed, and when it last heard of it. */
export interface HeardLeader {
  readonly leaderId: number;
  /** On the monotonic clock. */
  readonly heardMs: number;
}

export interface VoteRequest {
  readonly kind: 'vote';
  readonly candidateId: number;
  /** The epoch to be voted on; of a vote before the vote the candidate's present one. */
  readonly epoch: number;
  readonly lastEpoch: number;
  readonly endOffset: number;
  readonly isPreVote: boolean;
}

export interface BeginEpochRequest {
  readonly kind: 'beginEpoch';
  readonly leaderId: number;
  readonly epoch: number;
}

export interface EndEpochRequest {
  readonly kind: 'endEpoch';
  readonly leaderId: number;
  readonly epoch: number;
  /** Who should stand for election, the best first. */
  readonly preferredCandidates: readonly number[];
}

export interface FetchRequest {
  readonly kind: 'fetch';
  /** −1: nobody who counts. */
  readonly replicaId: number;
  readonly directoryId: string;
  readonly epoch: number;
  readonly fetchOffset: number;
  readonly lastFetchedEpoch: number;
  /** Of the fetcher; −1: it knows none. */
  readonly highWatermark: number;
  readonly maxWaitMs: number;
  readonly maxBytes: number;
}

export interface FetchSnapshotRequest {
  readonly kind: 'fetchSnapshot';
  readonly replicaId: number;
  readonly epoch: number;
  readonly snapshotId: SnapshotId;
  readonly position: number;
  readonly maxBytes: number;
}

export type PeerRequest = VoteRequest | BeginEpochRequest | EndEpochRequest | FetchRequest | FetchSnapshotRequest;

/** Every answer says what its sender knows of the leader. */
interface Answer extends LeaderAndEpoch {
  readonly errorCode: number;
}

export interface VoteAnswer extends Answer {
  readonly kind: 'vote';
  readonly isGranted: boolean;
  /** Of the request, for who sent it. */
  readonly isPreVote: boolean;
}

export interface BeginEpochAnswer extends Answer {
  readonly kind: 'beginEpoch';
}

export interface EndEpochAnswer extends Answer {
  readonly kind: 'endEpoch';
}

export interface FetchAnswer extends Answer {
  readonly kind: 'fetch';
  readonly highWatermark: number;
  readonly logStartOffset: number;
  readonly diverging: OffsetAndEpoch | null;
  readonly snapshotId: SnapshotId | null;
  /** Whole batches from the offset asked for. The leader's core leaves it null where its caller has to read them (`readFrom`). */
  readonly records: Buffer | null;
  readonly readFrom: { readonly offset: number; readonly maxBytes: number } | null;
}

export interface FetchSnapshotAnswer extends Answer {
  readonly kind: 'fetchSnapshot';
  readonly snapshotId: SnapshotId;
  readonly position: number;
  /** Of the whole snapshot in bytes; filled in, as the bytes are, by the caller of the leader's core (`maxBytes` > 0). */
  readonly size: number;
  readonly bytes: Buffer;
  readonly maxBytes: number;
}

export type PeerAnswer = VoteAnswer | BeginEpochAnswer | EndEpochAnswer | FetchAnswer | FetchSnapshotAnswer;

export type RaftEvent =
  /** Time has passed. */
  | { readonly kind: 'tick' }
  /** The leader's owner appended records. */
  | { readonly kind: 'appended' }
  /** `flushedOffset` has risen, or what was fetched was refused (`isRefused`). */
  | { readonly kind: 'flushed'; readonly isRefused: boolean }
  | { readonly kind: 'request'; readonly token: number; readonly request: PeerRequest }
  | { readonly kind: 'answer'; readonly id: number; readonly from: number; readonly answer: PeerAnswer }
  /** No answer came to a request. `isGone`: nobody listens where the node was, so its process has ended. */
  | { readonly kind: 'failed'; readonly id: number; readonly from: number; readonly isGone: boolean }
  /** The last piece of a snapshot was taken: the log begins behind it now, or it was no sound snapshot. */
  | { readonly kind: 'installed'; readonly snapshotId: SnapshotId; readonly isSound: boolean }
  /** The node is about to end. */
  | { readonly kind: 'resign' };

export type Effect =
  | { readonly kind: 'persist'; readonly election: ElectionState }
  | { readonly kind: 'send'; readonly id: number; readonly to: number; readonly request: PeerRequest }
  | { readonly kind: 'answer'; readonly token: number; readonly answer: PeerAnswer }
  /** The first record of an epoch, by its leader. */
  | { readonly kind: 'appendLeaderChange'; readonly epoch: number; readonly granting: readonly number[] }
  | { readonly kind: 'appendFetched'; readonly records: Buffer }
  | { readonly kind: 'truncate'; readonly offset: number }
  | {
      readonly kind: 'snapshotPiece';
      readonly snapshotId: SnapshotId;
      readonly position: number;
      readonly bytes: Buffer;
      readonly isLast: boolean;
    }
  /** Everything below is committed. */
  | { readonly kind: 'highWatermark'; readonly offset: number }
  /** Whom to believe. `isLeader`: this node leads, and knows everything that was committed before. */
  | { readonly kind: 'leader'; readonly leader: LeaderAndEpoch; readonly isLeader: boolean };

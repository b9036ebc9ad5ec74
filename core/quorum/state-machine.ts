import type { LeaderAndEpoch } from './raft-events.ts';

/** What the quorum replicates, on every node. */
export interface CommittedBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly epoch: number;
  readonly appendTimeMs: number;
  readonly values: readonly Buffer[];
}

/** Synchronous. What it throws ends the node's part in the quorum: a node that skipped a committed record would not be a replica. */
export interface StateMachine {
  /** Committed batches in order. Those of a snapshot all have the offset and epoch of the last record that is in it. */
  apply(batch: CommittedBatch): void;
  /** Forget everything: a snapshot follows as batches, then later batches. */
  reset(): void;
  /** Values of records that rebuild the state as applied so far. Taken at once: no batch is applied meanwhile. */
  snapshot(): Iterable<Buffer>;
  /** `isLeader` only once everything that was committed before this epoch is applied: from then on this node may decide. */
  leaderChanged(leader: LeaderAndEpoch, isLeader: boolean): void;
}

import type { AbortedTransaction } from '../log/aborted-index.ts';
import type { Log } from '../log/log.ts';
import type { FileSlice } from '../ports/files.ts';
import { ErrorCode } from '../protocol/errors.ts';

/** A read of a partition: what is asked and answered, and the reading itself once it is clear that the asker may. */
export type IsolationLevel = 'read_uncommitted' | 'read_committed';

/** The follower that reads. */
export interface ReadingFollower {
  readonly brokerId: number;
  /** −1 = it does not say. */
  readonly brokerEpoch: number;
  readonly logStartOffset: number;
  /** Its fetch came in just now: it says how far the follower's log reaches. False when a parked one is looked at again. */
  readonly isNew: boolean;
}

export interface ReadRequest {
  readonly offset: number;
  readonly maxBytes: number;
  readonly minOneBatch: boolean;
  readonly isolationLevel: IsolationLevel;
  /** −1 = the client does not say. */
  readonly currentLeaderEpoch: number;
  /** The epoch of the last batch that the client has, −1 = it does not say (KIP-595). */
  readonly lastFetchedEpoch: number;
  /** A consumer that knows preferred replicas may read where the partition is not led (KIP-392). */
  readonly allowsFollower?: boolean;
  readonly follower?: ReadingFollower | undefined;
}

export interface DivergingEpoch {
  readonly epoch: number;
  readonly endOffset: number;
}

export interface PartitionRead {
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly slice: FileSlice | null;
  /** null for read_uncommitted. */
  readonly abortedTransactions: readonly AbortedTransaction[] | null;
  /** Where the client's log leaves the leader's, or null. */
  readonly divergingEpoch: DivergingEpoch | null;
}

export const NO_OFFSET = -1;

export function failedRead(errorCode: number): PartitionRead {
  return {
    errorCode,
    highWatermark: NO_OFFSET,
    lastStableOffset: NO_OFFSET,
    logStartOffset: NO_OFFSET,
    slice: null,
    abortedTransactions: null,
    divergingEpoch: null,
  };
}

/** Where the history of who asks leaves the log's; an error code when nobody can say; null when it does not. */
export function divergence(log: Log, offset: number, lastFetchedEpoch: number): DivergingEpoch | number | null {
  if (lastFetchedEpoch < 0) return null;
  const known = log.epochs.endOffsetFor(lastFetchedEpoch, log.logEndOffset);
  if (known.endOffset < 0 || offset < log.logStartOffset) return ErrorCode.OFFSET_OUT_OF_RANGE;
  return known.epoch < lastFetchedEpoch || known.endOffset < offset ? known : null;
}

/** What the log has between the offset and `end`, and where it stands. */
export function readLog(log: Log, request: ReadRequest, end: number): PartitionRead {
  const { offset } = request;
  const read = log.read(offset, {
    maxBytes: request.maxBytes,
    maxOffset: end,
    minOneBatch: request.minOneBatch,
  });
  // As in Kafka: beside an error nothing is told of the partition.
  if (read.kind === 'rejected') return failedRead(read.errorCode);
  const abortedTransactions =
    request.isolationLevel === 'read_uncommitted'
      ? null
      : read.slice === null
        ? []
        : log.abortedTransactions(offset, read.endOffset);
  return {
    ...positionOf(log),
    errorCode: ErrorCode.NONE,
    slice: read.slice,
    abortedTransactions,
    divergingEpoch: null,
  };
}

export function divergingRead(log: Log, divergingEpoch: DivergingEpoch): PartitionRead {
  return { ...positionOf(log), errorCode: ErrorCode.NONE, slice: null, abortedTransactions: null, divergingEpoch };
}

function positionOf({ highWatermark, lastStableOffset, logStartOffset }: Log) {
  return { highWatermark, lastStableOffset, logStartOffset };
}

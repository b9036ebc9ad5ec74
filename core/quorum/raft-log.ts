/** The log as the core of the quorum sees it, and what two logs say to each other (KIP-595, KIP-630). */
export interface OffsetAndEpoch {
  readonly offset: number;
  readonly epoch: number;
}

/** A snapshot holds everything below `offset`; `epoch` is that of the last record in it. */
export type SnapshotId = OffsetAndEpoch;

export interface RaftLog {
  readonly startOffset: number;
  readonly endOffset: number;
  /** Everything below is on the device. */
  readonly flushedOffset: number;
  /** Nothing is on its way to the device, and all that the log holds is there. */
  readonly isSettled: boolean;
  /** Of the last record; of the snapshot where the log holds none behind it; 0 when there is nothing at all. */
  readonly lastEpoch: number;
  /** The largest epoch not above `epoch` that the log knows, and where it ends. */
  endOffsetFor(epoch: number): OffsetAndEpoch;
  readonly latestSnapshot: SnapshotId | null;
  readonly oldestSnapshot: SnapshotId | null;
}

export type FetchPosition =
  | { readonly kind: 'valid' }
  /** The fetcher's log went another way: where this log's last common epoch ends. */
  | { readonly kind: 'diverging'; readonly end: OffsetAndEpoch }
  /** What the fetcher asks for is no longer in the log. */
  | { readonly kind: 'snapshot'; readonly id: SnapshotId };

const VALID: FetchPosition = { kind: 'valid' };

/** Whether a log that ends at `offset`, its last record of `epoch`, is a prefix of this one. */
export function judgeFetchPosition(log: RaftLog, offset: number, epoch: number): FetchPosition {
  if (offset === 0 && epoch === 0 && log.startOffset === 0) return VALID;
  const { latestSnapshot, oldestSnapshot } = log;
  if (latestSnapshot !== null && oldestSnapshot !== null) {
    const isTooFarBack = offset < log.startOffset || (log.startOffset > 0 && epoch < oldestSnapshot.epoch);
    // What the newest snapshot ends with is known, also where the log begins right behind it.
    const isSnapshotsEnd = offset === latestSnapshot.offset && epoch === latestSnapshot.epoch;
    if (isTooFarBack && !isSnapshotsEnd) return { kind: 'snapshot', id: latestSnapshot };
  }
  const end = log.endOffsetFor(epoch);
  return end.epoch === epoch && offset <= end.offset ? VALID : { kind: 'diverging', end };
}

/** Where to cut this log when the leader says that `epoch` (or an earlier one) ends at `end` in its log. */
export function truncationOffset(log: RaftLog, end: OffsetAndEpoch): number {
  const own = log.endOffsetFor(end.epoch);
  return own.epoch === end.epoch ? Math.min(own.offset, end.offset) : own.offset;
}

/** Raft's rule for votes: the log with the later last epoch, or of the same epoch the longer one, holds at least as much. */
export function isAsUpToDate(log: RaftLog, other: OffsetAndEpoch): boolean {
  return other.epoch > log.lastEpoch || (other.epoch === log.lastEpoch && other.offset >= log.endOffset);
}

import { ErrorCode } from '../protocol/errors.ts';
import type { Partition } from './partition.ts';
import type { DivergingEpoch } from './partition-read.ts';

/**
 * A follower's log after its leader's words: records appended, histories that part cut back, watermark and start taken over.
 *
 * Invariants:
 * - The follower's watermark is the leader's as far as the follower's log reaches, and never falls: what was committed stays committed. Only a
 *   truncation below it lowers it, which is told to people: a leader that lacks committed records was elected uncleanly or lost its disk.
 * - Records come in under the epoch in which they were asked for, and none of a later epoch is believed.
 */
export interface FetchedRecords {
  readonly records: Buffer | null;
  readonly highWatermark: number;
  readonly logStartOffset: number;
}

export type TakenRecords =
  /** `flushed` must resolve before the follower may say that it has them (flush.messages). */
  | { readonly kind: 'taken'; readonly flushed: Promise<void> | null }
  /** They may come out right when they are asked for again. */
  | { readonly kind: 'corrupt'; readonly message: string }
  | { readonly kind: 'failed'; readonly message: string };

export function takeRecords(
  partition: Partition,
  { records, highWatermark, logStartOffset }: FetchedRecords,
): TakenRecords {
  const { log } = partition;
  let flushed: Promise<void> | null = null;
  if (records !== null && records.length > 0) {
    const result = log.appendAsFollower(records, partition.leaderEpoch);
    if (result.kind === 'rejected') {
      const kind = result.errorCode === ErrorCode.CORRUPT_MESSAGE ? 'corrupt' : 'failed';
      return { kind, message: result.message };
    }
    flushed = log.flushAfterAppend();
  }
  const isAdvanced = highWatermark > log.highWatermark && log.updateHighWatermark(highWatermark);
  const isRaised = logStartOffset > log.logStartOffset;
  if (isRaised) log.raiseStart(logStartOffset);
  if (isAdvanced || isRaised) partition.followed();
  return { kind: 'taken', flushed };
}

/**
 * Cuts the log back to where it can agree with the leader's: the end of the epoch that the leader named, or, when this log does not know that epoch, the
 * end of the largest one below it; the next fetch then asks from there (KIP-279). Returns what people should be told, or null.
 */
export function truncateToAgree(partition: Partition, { epoch, endOffset }: DivergingEpoch): string | null {
  const { log } = partition;
  const own = log.epochs.endOffsetFor(epoch, log.logEndOffset);
  const isKnown = own.endOffset >= 0;
  const agreed = !isKnown ? endOffset : own.epoch === epoch ? Math.min(own.endOffset, endOffset) : own.endOffset;
  return truncate(partition, Math.max(0, agreed));
}

/** Cuts what reaches beyond `offset`. Returns what people should be told, or null. */
export function truncate(partition: Partition, offset: number): string | null {
  const { log } = partition;
  const { highWatermark } = log;
  log.truncateTo(offset);
  if (log.highWatermark >= highWatermark) return null;
  partition.followed();
  return `cut back to ${log.logEndOffset}, below its high watermark ${highWatermark}: its leader lacks records that were committed`;
}

/** The leader's log begins behind this one's end: nothing here is of use any more. */
export function beginAt(partition: Partition, offset: number): void {
  partition.log.truncateFully(offset);
  partition.followed();
}

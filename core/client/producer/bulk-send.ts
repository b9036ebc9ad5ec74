import type { ClientError } from '../client-error.ts';

/** Where records of one bulk went that follow each other in a partition. */
export interface SentRange {
  readonly topic: string;
  readonly partition: number;
  /** −1 when unknown: acks=0, or a duplicate whose offset the broker no longer knows. */
  readonly baseOffset: number;
  readonly count: number;
}

/** Called once, when all records are settled: with the first error (null: none), and where the others went. */
export type BulkCallback = (error: ClientError | null, ranges: readonly SentRange[]) => void;

/**
 * Records that were handed over in one call and are settled as one.
 *
 * Invariant: the callback is called once, when each of `count` records was counted by `succeed` or `fail`.
 */
export class BulkSend {
  private readonly callback: BulkCallback;
  private readonly ranges: { topic: string; partition: number; baseOffset: number; count: number }[] = [];
  private open: number;
  private error: ClientError | null = null;

  constructor(count: number, callback: BulkCallback) {
    this.open = count;
    this.callback = callback;
  }

  succeed(topic: string, partition: number, baseOffset: number, count: number): void {
    const last = this.ranges[this.ranges.length - 1];
    const isSamePlace = last?.partition === partition && last.topic === topic;
    const next = isSamePlace && last.baseOffset >= 0 ? last.baseOffset + last.count : -1;
    if (isSamePlace && baseOffset === next) last.count += count;
    else this.ranges.push({ topic, partition, baseOffset, count });
    this.settle(count);
  }

  fail(error: ClientError, count: number): void {
    this.error ??= error;
    this.settle(count);
  }

  private settle(count: number): void {
    this.open -= count;
    if (this.open === 0) this.callback(this.error, this.ranges);
  }
}

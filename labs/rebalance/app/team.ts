/** What every consumer application of this lab gets from its surroundings. */
import type { SeenRecord, TopicPartition } from '../../kit/history.ts';

export interface Shift {
  /** SIGTERM came. */
  readonly isEnding: boolean;
  /** Makes the record's effect; resolves when it is made. */
  work(record: SeenRecord): Promise<void>;
}

/** A consumer application: the loop, and what it does before partitions are given up. */
export interface Application {
  /** Awaited by the client where it can: the rebalance waits. */
  revoked(partitions: readonly TopicPartition[]): Promise<void>;
  run(): Promise<void>;
  /** Something is queued, in work or finished and not committed, beside the loop. */
  readonly isBusy: boolean;
}

export const POLL_MS = 50;

/** An offset names the next record to read. */
export function behind({ topic, partition, offset }: SeenRecord): { topic: string; partition: number; offset: number } {
  return { topic, partition, offset: offset + 1 };
}

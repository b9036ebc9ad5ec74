/** What every application of this lab gets: work that makes a record's effect, and a way to be told to end. */
import type { SeenRecord } from '../../kit/history.ts';

export interface Shift {
  /** SIGTERM came: no new work, then an orderly end. */
  readonly isEnding: boolean;
  /** Makes the record's effect; resolves when it is made. */
  work(record: SeenRecord): Promise<void>;
}

/** At most this much waiting in one poll: asked for by the target's pace. */
export interface Pace {
  readonly pollMs: number;
}

/** Adds "everything below this record is done" to what is to be committed. */
export function noteFinished(finished: Map<string, SeenRecord>, record: SeenRecord): void {
  finished.set(`${record.topic}-${record.partition}`, record);
}

/** An offset names the next record to read. */
export function behind({ topic, partition, offset }: SeenRecord): { topic: string; partition: number; offset: number } {
  return { topic, partition, offset: offset + 1 };
}

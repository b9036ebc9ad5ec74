/** What the application has in its hands, and the loop that every variant shares. */
import type { Answer, CommitOffset, ConsumerDriver } from '../../kit/drivers/driver.ts';
import { Exit } from '../../kit/members.ts';

export const TOPIC = 'departures';
export const GROUP = 'notifier';
export const POLL_MS = 50;

export interface Departure {
  readonly key: string | null;
  /** Begins with the departure's id. */
  readonly value: string;
}

/** A row of the system that the departures come from. Its producer notes under which offset the queue took the row. */
export interface SourceRow extends Departure {
  readonly offset: number;
  readonly sentAtMs: number;
}

/** The system that the departures come from. */
export interface Source {
  /** Rows that the queue took at offsets from `from` up to, and without, `to`. */
  between(from: number, to: number): Promise<readonly SourceRow[]>;
  since(timeMs: number): Promise<readonly SourceRow[]>;
}

export interface Bounds {
  /** What the group has committed. */
  readonly committed: number;
  /** The first offset that the log still holds. */
  readonly start: number;
  /** The next offset to be written. */
  readonly end: number;
}

export interface Hands {
  readonly consumer: ConsumerDriver;
  /** Makes the departure's effect. */
  readonly ledger: { save(departure: Departure): Promise<void>; readonly lastSavedAtMs: number };
  readonly source: Source;
  readonly bounds: () => Promise<Bounds>;
  /** Somebody is told: offsets from `from` up to, and without, `to` are gone unread. */
  readonly alarm: (from: number, to: number) => void;
}

/** The process ends when this did not work: its successor takes up what the group has committed. */
export function must(answer: Answer): void {
  if (answer.outcome !== 'ok') throw new Exit(answer.error);
}

export function at(offset: number): CommitOffset {
  return { topic: TOPIC, partition: 0, offset };
}

// #excerpt consume
export async function consume({ consumer, ledger }: Hands): Promise<never> {
  for (;;) {
    const records = await consumer.poll(POLL_MS);
    for (const record of records) await ledger.save(record);
    const last = records.at(-1);
    if (last !== undefined) must(await consumer.commit([at(last.offset + 1)]));
  }
}
// #end

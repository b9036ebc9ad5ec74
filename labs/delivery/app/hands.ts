/** What the application has in its hands, and the little that all ways to consume share. */
import type {
  Answer,
  CommitOffset,
  ConsumerDriver,
  ProducerDriver,
  TransactionalDriver,
} from '../../kit/drivers/driver.ts';
import type { SeenRecord } from '../../kit/history.ts';
import { Exit } from '../../kit/members.ts';

export const SOURCE = 'departures';
export const RESULTS = 'notices';
export const GROUP = 'notifier';
export const POLL_MS = 50;

/** An effect outside Kafka that cannot be taken back. */
export interface Mailbox {
  send(record: SeenRecord): Promise<void>;
}

export interface Sql {
  /** The rows that a query found, or how many a statement changed. */
  query(sql: string, ...values: readonly (string | number)[]): Promise<SqlAnswer>;
}

export interface SqlAnswer {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly changes: number;
}

export interface Database extends Sql {
  /** BEGIN, the body, COMMIT; ROLLBACK when the body throws. */
  transaction<T>(body: (transaction: Sql) => Promise<T>): Promise<T>;
}

export interface Hands {
  readonly consumer: ConsumerDriver;
  readonly mailbox: Mailbox;
  readonly producer: ProducerDriver;
  readonly transactional: TransactionalDriver;
  readonly database: Database;
}

/** One past the last record of each partition. */
export function nextOffsets(records: readonly SeenRecord[]): CommitOffset[] {
  const next = new Map<string, CommitOffset>();
  for (const { topic, partition, offset } of records) {
    next.set(`${topic}-${partition}`, { topic, partition, offset: offset + 1 });
  }
  return [...next.values()];
}

/** The process ends when this did not work: its successor takes up what the group has committed. */
export function must(answer: Answer | { readonly outcome: string; readonly error?: string }): void {
  if (answer.outcome !== 'ok') throw new Exit('error' in answer ? answer.error : answer.outcome);
}

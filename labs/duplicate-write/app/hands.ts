/** What the application has in its hands: an outbox of records that are to be sent, and a client to send them with. */
import type {
  Answer,
  ConsumerDriver,
  OutgoingRecord,
  ProducerDriver,
  SendAnswer,
  TransactionalDriver,
} from '../../kit/drivers/driver.ts';
import { Exit } from '../../kit/members.ts';

export const TOPIC = 'departures';
/** The name under which the outbox's position is stored in Kafka. */
export const POSITION = 'outbox';

/** A table in the application's own database: it outlives the process. */
export interface Outbox {
  /** Everything, in order. */
  readonly all: readonly OutgoingRecord[];
  /** What is not marked as sent, in order. */
  unmarked(): readonly OutgoingRecord[];
  mark(record: OutgoingRecord): Promise<void>;
}

export interface Hands {
  readonly outbox: Outbox;
  readonly producer: ProducerDriver;
  readonly transactional: TransactionalDriver;
  /** Only to name the group that the position is stored under: it never polls. */
  readonly group: ConsumerDriver;
  /** Whether the send was acknowledged before the application's patience was over. */
  inTime(answer: Promise<SendAnswer>): Promise<boolean>;
  /** The value of the partition's last record, or null. */
  lastWritten(): Promise<string | null>;
  /** How many records of the outbox the stored position covers. */
  storedPosition(): Promise<number>;
}

/** The process ends when this did not work: a supervisor starts it again. */
export function must(answer: Answer | SendAnswer): void {
  if (answer.outcome !== 'ok') throw new Exit(answer.error);
}

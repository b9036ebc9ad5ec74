/**
 * The application: reads departures, writes two results for each (a notice and a receipt, to two partitions), and commits its offsets with them.
 *
 * `Setup` names its decisions. The defaults are the right ones; each scenario takes one of them away.
 */
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
export const RESULTS = 'results';
export const NOTICES = 0;
export const RECEIPTS = 1;
export const GROUP = 'processor';
export const POLL_MS = 50;

export interface Setup {
  /** Whose offsets the transaction stores: the member's at its generation, or the group's, whoever asks. */
  readonly offsets: 'as-member' | 'group-only';
  /** What follows an abort: go back to what the group has committed, or take the next records. */
  readonly afterAbort: 'seek-back' | 'go-on';
  /** An effect outside Kafka, made while the transaction is open. */
  readonly mails: boolean;
  /** Looks at what the results topic already holds before it commits. */
  readonly looksBack: boolean;
}

export interface Hands {
  readonly consumer: ConsumerDriver;
  /** The transactional producer; opened by the first call, and the same from then on. */
  readonly producer: () => Promise<TransactionalDriver>;
  readonly mail: (record: SeenRecord) => Promise<void>;
  readonly lookBack: () => Promise<void>;
  /** Makes the text of a result: the number of the attempt makes each different. */
  readonly stamp: (kind: string, record: SeenRecord) => string;
}

export interface PlainHands extends Pick<Hands, 'consumer' | 'stamp'> {
  readonly plain: ProducerDriver;
}

/** The work itself went wrong (a service was down, a record could not be read): the producer is sound, the transaction is to be thrown away. */
export class WorkFailed extends Error {}

/** The process ends when this did not work: its successor's `initTransactions` aborts what is open. */
export function must(answer: Answer | { readonly outcome: string; readonly error?: string }): void {
  if (answer.outcome !== 'ok') throw new Exit('error' in answer ? answer.error : answer.outcome);
}

// #excerpt read-process-write
export async function readProcessWrite(hands: Hands, setup: Setup): Promise<never> {
  const { consumer } = hands;
  for (;;) {
    const records = await consumer.poll(POLL_MS);
    if (records.length === 0) continue;
    const producer = await hands.producer();
    must(await producer.begin());
    try {
      for (const record of records) await process(record, producer, hands, setup);
      must(await producer.sendOffsets(nextOffsets(records), consumer, { groupOnly: setup.offsets === 'group-only' }));
      must(await producer.commit());
    } catch (error) {
      if (!(error instanceof WorkFailed)) throw error;
      must(await producer.abort());
      if (setup.afterAbort === 'seek-back') await seekBack(consumer, records);
    }
  }
}
// #end

async function process(record: SeenRecord, producer: TransactionalDriver, hands: Hands, setup: Setup): Promise<void> {
  const { key } = record;
  if (setup.mails) await hands.mail(record);
  const notice = hands.stamp('notice', record);
  must(await producer.send({ topic: RESULTS, partition: NOTICES, key, value: notice }));
  if (setup.looksBack) await hands.lookBack();
  const receipt = hands.stamp('receipt', record);
  must(await producer.send({ topic: RESULTS, partition: RECEIPTS, key, value: receipt }));
}

/** An abort takes the offsets back, and not the consumer's position. */
// #excerpt seek-back
async function seekBack(consumer: ConsumerDriver, records: readonly SeenRecord[]): Promise<void> {
  for (const first of firstOffsets(records)) await consumer.seek(first);
}
// #end

// #excerpt plain
/** The same without a transaction: an idempotent producer, and the offset committed behind it. */
export async function readProcessWritePlainly(hands: PlainHands): Promise<never> {
  const { consumer, plain: producer } = hands;
  for (;;) {
    const records = await consumer.poll(POLL_MS);
    for (const record of records) {
      const { key } = record;
      must(await producer.send({ topic: RESULTS, partition: NOTICES, key, value: hands.stamp('notice', record) }));
      must(await producer.send({ topic: RESULTS, partition: RECEIPTS, key, value: hands.stamp('receipt', record) }));
    }
    if (records.length > 0) must(await consumer.commit(nextOffsets(records)));
  }
}
// #end

/** One past the last record of each partition. */
function nextOffsets(records: readonly SeenRecord[]): CommitOffset[] {
  const next = new Map<string, CommitOffset>();
  for (const { topic, partition, offset } of records) {
    next.set(`${topic}-${partition}`, { topic, partition, offset: offset + 1 });
  }
  return [...next.values()];
}

function firstOffsets(records: readonly SeenRecord[]): CommitOffset[] {
  const first = new Map<string, CommitOffset>();
  for (const { topic, partition, offset } of records) {
    if (!first.has(`${topic}-${partition}`)) first.set(`${topic}-${partition}`, { topic, partition, offset });
  }
  return [...first.values()];
}

/**
 * How every run ends: all faults healed, then a fresh client reads each partition from its beginning to its end.
 *
 * Invariant: without this there is no verdict: UNSEEN and LOST-WRITE are certain only after it. The reader is a process of its own that no fault touches.
 */
import type { ClientName, ConsumerDriver } from './drivers/driver.ts';
import { partitionName, type Recorder, type SeenRecord } from './history.ts';
import type { Target } from './targets/target.ts';

export interface FinishOptions {
  readonly client: ClientName;
  readonly committedOnly?: boolean;
  /** Markers of transactions may stand at the end, which nobody returns: silence ends the reading there too. */
  readonly mayEndInMarkers?: boolean;
  /** No record for this long before the end of a partition is an error: the target's time. */
  readonly readMsMax?: number;
}

const POLL_MS_MAX = 100;
const READ_MS_MAX = 30_000;
let readers = 0;

/** Everything whole again; liveness counts from here. */
export async function healAll(target: Target, recorder: Recorder): Promise<void> {
  await target.heal();
  recorder.note('kit', { type: 'heal' });
}

/** Reads the topics whole and notes a `final-read` for each partition. */
export async function finalRead(
  target: Target,
  recorder: Recorder,
  topics: readonly string[],
  options: FinishOptions,
): Promise<void> {
  const app = target.app(target.kind === 'sim' ? 'final-reader' : `final-reader-${readers++}`);
  const driver = app.client(options.client);
  const admin = await driver.admin();
  const logs: OpenLog[] = [];
  for (const topic of topics) {
    for (const at of await admin.offsets(topic)) logs.push({ topic, ...at, records: [] });
  }
  await admin.close();
  // An empty partition needs no reader to say so.
  const wanted = logs.filter(({ start, end }) => end > start);
  if (wanted.length > 0) {
    const consumer = await driver.consumer({
      partitions: wanted.map(({ topic, partition }) => ({ topic, partition })),
      fromBeginning: true,
      autoCommit: false,
      ...(options.committedOnly === undefined ? {} : { committedOnly: options.committedOnly }),
    });
    await readWhole(consumer, target, wanted, options);
    await consumer.close();
  }
  for (const { topic, partition, start, end, records } of logs) {
    recorder.note('kit', {
      type: 'final-read',
      topic,
      partition,
      logStartOffset: start,
      logEndOffset: end,
      records,
      ...(options.committedOnly === undefined ? {} : { committedOnly: options.committedOnly }),
    });
  }
}

interface OpenLog {
  readonly topic: string;
  readonly partition: number;
  readonly start: number;
  readonly end: number;
  readonly records: SeenRecord[];
}

async function readWhole(
  consumer: ConsumerDriver,
  target: Target,
  logs: readonly OpenLog[],
  { readMsMax = READ_MS_MAX, committedOnly = false, mayEndInMarkers = committedOnly }: FinishOptions,
): Promise<void> {
  const logOf = new Map(logs.map((log) => [partitionName(log.topic, log.partition), log]));
  const isWhole = ({ records, end }: OpenLog): boolean => (records.at(-1)?.offset ?? -1) >= end - 1;
  let heard = target.clock.monotonic();
  while (!logs.every(isWhole)) {
    const polled = await consumer.poll(POLL_MS_MAX);
    for (const record of polled) {
      logOf.get(partitionName(record.topic, record.partition))?.records.push(record);
    }
    const now = target.clock.monotonic();
    if (polled.length > 0) heard = now;
    // The last offsets may hold control records, which no client returns: silence ends the reading then.
    else if (mayEndInMarkers && now - heard > 10 * POLL_MS_MAX) break;
    else if (now - heard > readMsMax) {
      const { topic, partition, records, end } = logs.find((log) => !isWhole(log))!;
      const at = records.at(-1)?.offset ?? 'the beginning';
      throw new Error(`final read of ${topic}-${partition} stopped at ${at} of ${end - 1} for ${readMsMax} ms`);
    }
  }
}

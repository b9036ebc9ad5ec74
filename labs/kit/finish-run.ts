/**
 * How every run ends: all faults healed, then a fresh client reads each partition from its beginning to its end.
 *
 * Invariant: without this there is no verdict: UNSEEN and LOST-WRITE are certain only after it. The reader is a process of its own that no fault touches.
 */
import type { ClientName, ConsumerDriver } from './drivers/driver.ts';
import type { Recorder, SeenRecord } from './history.ts';
import type { Target } from './targets/target.ts';

export interface FinishOptions {
  readonly client: ClientName;
  readonly committedOnly?: boolean;
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
  const readMsMax = options.readMsMax ?? READ_MS_MAX;
  for (const topic of topics) {
    for (const { partition, start, end } of await admin.offsets(topic)) {
      const records: SeenRecord[] = [];
      // An empty partition needs no consumer to say so.
      if (end > start) {
        const consumer = await driver.consumer({
          partitions: [{ topic, partition }],
          fromBeginning: true,
          autoCommit: false,
          ...(options.committedOnly === undefined ? {} : { committedOnly: options.committedOnly }),
        });
        records.push(...(await readWhole(consumer, target, end, readMsMax, options.committedOnly ?? false)));
        await consumer.close();
      }
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
  await admin.close();
}

async function readWhole(
  consumer: ConsumerDriver,
  target: Target,
  end: number,
  readMsMax: number,
  committedOnly: boolean,
): Promise<SeenRecord[]> {
  const records: SeenRecord[] = [];
  let heard = target.clock.monotonic();
  while ((records.at(-1)?.offset ?? -1) < end - 1) {
    const polled = await consumer.poll(POLL_MS_MAX);
    records.push(...polled);
    const now = target.clock.monotonic();
    if (polled.length > 0) heard = now;
    // The last offsets may hold control records, which no client returns: silence ends the reading then.
    else if (committedOnly && now - heard > 10 * POLL_MS_MAX) break;
    else if (now - heard > readMsMax) {
      throw new Error(
        `final read stopped at ${records.at(-1)?.offset ?? 'the beginning'} of ${end - 1} for ${readMsMax} ms`,
      );
    }
  }
  return records;
}

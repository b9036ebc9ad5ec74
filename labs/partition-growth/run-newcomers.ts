/**
 * One run: a group consumes a topic that grows, and learns of the new partitions only when its picture of the cluster is old enough.
 *
 * Invariant: the producer knows of the new partitions at once (it is opened anew), the consumer by itself; nobody restarts it. It commits behind each record.
 */
import { Consumer } from '@mqlab/core/client/consumer/consumer.ts';
import { sleep } from '@mqlab/core/ports/clock.ts';
import { finalRead, healAll } from '../kit/finish-run.ts';
import { flightsOf } from '../kit/flights.ts';
import type { RunContext } from '../kit/lab.ts';
import { freshTopic } from '../kit/send-flights.ts';
import type { NewcomerPlan } from './plan.ts';
import { DRAIN_MS_MAX, sendRecorded, TOPIC } from './run-growth.ts';

/** Five minutes by default; shorter, so that a run is. */
export const METADATA_AGE_MS = { sim: 1000, local: 400, external: 400 } as const;
/** Gaps of a plan are made for the simulator's age. */
const SLOWER = { sim: 1, local: 0.4, external: 0.4 } as const;
const POLL_MS = 50;
const LOOK_MS = 20;
export const EARLY = 'a record in a partition that the consumer did not know yet';

export async function runNewcomers(
  plan: NewcomerPlan,
  context: RunContext,
  reset: 'latest' | 'earliest',
): Promise<void> {
  const { target, recorder, client, input } = context;
  const { clock } = target;
  const total = 1 + plan.added;
  const flights = flightsOf([...plan.before, ...plan.after], input);
  const admin = await target.app('operator').client('mqlab').admin();
  await freshTopic(admin, context, TOPIC, 1);
  const app = target.app('c1');
  const text = (_topic: string, data: Buffer): string => data.toString('utf8');
  const consumer = new Consumer<string, string>(
    app.ports,
    {
      'bootstrap.servers': app.bootstrap,
      // The user's cluster remembers what the last run committed.
      'group.id': target.kind === 'external' ? `billing-${context.seed}` : 'billing',
      'auto.offset.reset': reset,
      'enable.auto.commit': false,
      'metadata.max.age.ms': METADATA_AGE_MS[target.kind],
    },
    { keyDeserializer: text, valueDeserializer: text },
  );
  consumer.subscribe([TOPIC]);
  const known = new Set<number>();
  let isOver = false;
  const ended = new Promise<void>((resolve) => {
    app.spawn(async () => {
      while (!isOver) {
        const records = await consumer.poll(POLL_MS);
        for (const at of consumer.assignment()) {
          await consumer.position(at);
          known.add(at.partition);
        }
        for (const { topic, partition, key, value } of records) {
          recorder.note('c1', { type: 'effect', key, value: value ?? '', generation: -1, topic, partition });
        }
        if (records.length > 0) await consumer.commitSync();
      }
      await consumer.close();
      resolve();
    });
  });
  while (known.size === 0) await sleep(clock, LOOK_MS);

  const driver = target.app('p1').client(client);
  const sendAll = async (from: number, to: number, before: (at: number) => Promise<void>): Promise<void> => {
    const producer = await driver.producer();
    for (const [at, { key, value }] of flights.slice(from, to).entries()) {
      await before(at);
      const partition = await sendRecorded(producer, recorder, 'p1', { key, value });
      if (!known.has(partition)) recorder.note('kit', { type: 'reach', goal: EARLY });
    }
    await producer.close();
  };
  await sendAll(0, plan.before.length, () => Promise.resolve());
  await admin.addPartitions(TOPIC, total);
  recorder.note('kit', { type: 'fault', kind: 'grow', detail: `1 → ${total}`, inFlight: known.size < total });
  await sendAll(plan.before.length, flights.length, (at) => sleep(clock, plan.after[at]!.gapMs * SLOWER[target.kind]));
  await healAll(target, recorder);
  const isDone = async (): Promise<boolean> => {
    if (known.size < total) return false;
    const done = new Set(recorder.operations.flatMap(({ data }) => (data.type === 'effect' ? [data.value] : [])));
    return flights.every(({ value }) => done.has(value));
  };
  // What is not there a while after the consumer knows all partitions does not come.
  const deadline = clock.monotonic() + DRAIN_MS_MAX;
  let knownAt: number | null = null;
  while (clock.monotonic() < deadline && !(await isDone())) {
    if (known.size === total) knownAt ??= clock.monotonic();
    if (knownAt !== null && clock.monotonic() - knownAt > 10 * POLL_MS) break;
    await sleep(clock, LOOK_MS);
  }
  recorder.note('c1', { type: 'drained' });
  isOver = true;
  await ended;
  await finalRead(target, recorder, [TOPIC], { client: 'mqlab' });
  await admin.close();
}

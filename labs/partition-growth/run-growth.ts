/**
 * One run: a topic in use grows, and what was sent before and after takes effect.
 *
 * Invariant: sends are awaited one by one, so of two records of a key it is certain which was first. The producer is opened anew after the growth, as in a deployment: from then on it knows of the new
 * partitions. (One that keeps running learns of them within metadata.max.age.ms, and until then disagrees with those that know.)
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import type { ProducerDriver } from '../kit/drivers/driver.ts';
import { finalRead, healAll } from '../kit/finish-run.ts';
import { flightsOf } from '../kit/flights.ts';
import type { Recorder } from '../kit/history.ts';
import type { RunContext } from '../kit/lab.ts';
import { freshTopic } from '../kit/send-flights.ts';
import type { Grow } from './app/grow.ts';
import { javaHash } from './app/hashes.ts';
import type { KeyHomes } from './app/key-homes.ts';
import type { GrowthPlan } from './plan.ts';
import { Readers } from './readers.ts';

export const TOPIC = 'flights';
export const WORK_UNIT_MS = { sim: 40, local: 250, external: 250 } as const;
const CHECK_MS = { sim: 10, local: 5, external: 5 } as const;
export const DRAIN_MS_MAX = 20_000;
export const BACKLOG = 'records waited when the topic grew';
export const MOVED = 'a key that the hash moves';

export interface GrowthWay {
  readonly grow: Grow;
  /** Where a key goes; the client's own partitioner otherwise. */
  readonly homes?: () => KeyHomes;
}

/** How long nobody could send, on the target's clock, and how many records waited when it began. */
export interface Pause {
  readonly ms: number;
  readonly waiting: number;
}

export async function runGrowth(
  plan: GrowthPlan,
  context: RunContext,
  way: GrowthWay,
  topic: string = TOPIC,
): Promise<Pause> {
  const { target, recorder, client, input } = context;
  const { partitions, added } = plan;
  const total = partitions + added;
  const records = [...plan.before, ...plan.after];
  const flights = flightsOf(records, input);
  const unitMs = WORK_UNIT_MS[target.kind];
  const workMs = new Map(flights.map(({ value }, at) => [value, records[at]!.work * unitMs]));
  const admin = await target.app('operator').client('mqlab').admin();
  await freshTopic(admin, context, topic, partitions);
  const readers = new Readers(context, topic, workMs);
  await readers.open(partitions);
  const homes = way.homes?.();
  const driver = target.app('p1').client(client);
  const sendAll = async (from: number, to: number, count: number): Promise<void> => {
    const producer = await driver.producer();
    for (const { key, value } of flights.slice(from, to)) {
      const partition = homes?.partitionOf(key, count);
      await sendRecorded(producer, recorder, 'p1', {
        topic,
        key,
        value,
        ...(partition === undefined ? {} : { partition }),
      });
    }
    await producer.close();
  };

  await sendAll(0, plan.before.length, partitions);
  const waiting = await readers.lag(admin);
  if (waiting > 0) recorder.note('kit', { type: 'reach', goal: BACKLOG });
  const stopped = target.clock.monotonic();
  await way.grow({
    addPartitions: async () => {
      await admin.addPartitions(topic, total);
      const inFlight = (await readers.lag(admin)) > 0;
      recorder.note('kit', { type: 'fault', kind: 'grow', detail: `${partitions} → ${total}`, inFlight });
    },
    lag: () => readers.lag(admin),
    wait: () => sleep(target.clock, CHECK_MS[target.kind]),
  });
  const pauseMs = target.clock.monotonic() - stopped;
  await readers.open(total);
  await sendAll(plan.before.length, flights.length, total);
  const early = new Set(flights.slice(0, plan.before.length).map(({ key }) => key));
  const moves = flights
    .slice(plan.before.length)
    .some(({ key }) => early.has(key) && javaHash(key, partitions) !== javaHash(key, total));
  if (moves) recorder.note('kit', { type: 'reach', goal: MOVED });

  await healAll(target, recorder);
  if (await readers.drain(admin, DRAIN_MS_MAX)) recorder.note('c0', { type: 'drained' });
  await readers.close();
  await finalRead(target, recorder, [topic], { client: 'mqlab' });
  await admin.close();
  return { ms: pauseMs, waiting };
}

export async function sendRecorded(
  producer: ProducerDriver,
  recorder: Recorder,
  process: string,
  record: { readonly topic?: string; readonly key: string; readonly value: string; readonly partition?: number },
): Promise<number> {
  const { topic = TOPIC, key, value } = record;
  const call = recorder.invoke(process, { type: 'send', topic, key, value });
  const answer = await producer.send({ ...record, topic });
  if (answer.outcome !== 'ok') throw new Error(`no fault touches ${process}, and its send was ${answer.error}`);
  const { partition, offset } = answer;
  recorder.ok(call, { type: 'send', topic, partition, key, value, ...(offset === undefined ? {} : { offset }) });
  return partition;
}

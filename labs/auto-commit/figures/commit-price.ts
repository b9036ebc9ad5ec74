/**
 * What each way to commit costs one consumer: records a second, and how long the call holds the loop up.
 *
 * Invariant: the same records, the same topic, a group of its own for each round; ways take turns, so that a slow minute of the machine hits all alike; the spread
 * over the rounds is part of the figure. A consumer that has nothing else to do: the price is highest here.
 */
import { Consumer } from '@mqlab/core/client/consumer/consumer.ts';
import { realPorts } from '@mqlab/core/ports/real/ports.ts';
import { flightsOf } from '../../kit/flights.ts';
import type { InputRecord } from '../../kit/input.ts';
import type { Target } from '../../kit/targets/target.ts';
import { behind } from '../app/shift.ts';

export const PRICED = ['auto', 'async-batch', 'sync-batch', 'sync-record'] as const;
export type Priced = (typeof PRICED)[number];
export const PRICED_TITLES: Readonly<Record<Priced, string>> = {
  auto: 'auto commit',
  'async-batch': 'commitAsync a batch',
  'sync-batch': 'commitSync a batch',
  'sync-record': 'commitSync a record',
};

export interface PriceSamples {
  /** Records a second, one a round. */
  readonly perSecond: number[];
  /** Milliseconds that the loop stood still in a commit call; empty for auto commit. */
  readonly callMs: number[];
}

const TOPIC = 'price';
const BATCH_RECORDS = 50;
/** A round of the slowest way takes fewer records. */
const RECORDS: Readonly<Record<Priced, number>> = {
  auto: 10_000,
  'async-batch': 10_000,
  'sync-batch': 10_000,
  'sync-record': 500,
};

export async function measurePrice(
  target: Target,
  input: readonly InputRecord[],
  rounds: number,
): Promise<Readonly<Record<Priced, PriceSamples>>> {
  const driver = target.app('price').client('mqlab');
  const admin = await driver.admin();
  await admin.createTopic(TOPIC, 1);
  await admin.close();
  const producer = await driver.producer();
  const most = Math.max(...Object.values(RECORDS));
  const flights = flightsOf(
    Array.from({ length: most }, (_, key) => ({ key })),
    input,
  );
  await Promise.all(flights.map(({ key, value }) => producer.send({ topic: TOPIC, key, value, partition: 0 })));
  await producer.close();
  const samples = Object.fromEntries(PRICED.map((way) => [way, { perSecond: [], callMs: [] }])) as unknown as Record<
    Priced,
    PriceSamples
  >;
  // The first round warms up and does not count.
  for (let round = 0; round <= rounds; round++) {
    for (const way of PRICED) {
      const { perSecond, callMs } = await consume(target.bootstrap, way, `${way}-${round}`);
      if (round === 0) continue;
      samples[way].perSecond.push(perSecond);
      for (const ms of callMs) samples[way].callMs.push(ms);
    }
  }
  return samples;
}

async function consume(
  bootstrap: string,
  way: Priced,
  group: string,
): Promise<{ perSecond: number; callMs: number[] }> {
  const consumer = new Consumer<string, string>(
    realPorts(),
    {
      'bootstrap.servers': bootstrap,
      'group.id': group,
      'enable.auto.commit': way === 'auto',
      'auto.offset.reset': 'earliest',
      'max.poll.records': BATCH_RECORDS,
    },
    { keyDeserializer: (_, data) => data.toString(), valueDeserializer: (_, data) => data.toString() },
  );
  consumer.subscribe([TOPIC]);
  const callMs: number[] = [];
  const timed = async (commit: () => Promise<void> | void): Promise<void> => {
    const began = performance.now();
    await commit();
    callMs.push(performance.now() - began);
  };
  let began = 0;
  let count = 0;
  while (count < RECORDS[way]) {
    const records = await consumer.poll(1000);
    // Joining is not what is measured.
    if (began === 0 && records.length > 0) began = performance.now();
    for (const { topic, partition, offset, key, value } of records) {
      if (way !== 'sync-record') continue;
      await timed(() => consumer.commitSync([behind({ topic, partition, offset, key, value: value ?? '' })]));
    }
    if (way === 'sync-batch') await timed(() => consumer.commitSync());
    if (way === 'async-batch') await timed(() => consumer.commitAsync());
    count += records.length;
  }
  const perSecond = (count / (performance.now() - began)) * 1000;
  await consumer.close();
  return { perSecond, callMs };
}

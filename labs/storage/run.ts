/**
 * One run: writes to a topic with its own cleanup, a wait, and a reader from the beginning. The broker's own cleaner and retention do their work in between.
 *
 * Invariant: nothing but the broker deletes. Goals are noted from what the reader found: that something was compacted away, that something expired.
 */
import { Admin } from '@mqlab/core/client/admin/admin.ts';
import { Consumer } from '@mqlab/core/client/consumer/consumer.ts';
import { EARLIEST_TIMESTAMP, LATEST_TIMESTAMP } from '@mqlab/core/client/consumer/timestamps.ts';
import { Producer } from '@mqlab/core/client/producer/producer.ts';
import { sleep } from '@mqlab/core/ports/clock.ts';
import { flightsOf } from '../kit/flights.ts';
import type { SeenRecord } from '../kit/history.ts';
import type { RunContext } from '../kit/lab.ts';
import { type Change, changesOf, tableOf } from './app/readers.ts';
import { DELETED } from './checks.ts';
import type { StoragePlan } from './plan.ts';

export const TOPIC = 'airports';
const AT = { topic: TOPIC, partition: 0 } as const;
const ID = 'id';
const READ_MS_MAX = 10_000;

export async function runStorage(
  plan: StoragePlan,
  context: RunContext,
  configs: Readonly<Record<string, string>>,
): Promise<void> {
  const { target, recorder, input } = context;
  const { ports } = target.app('p1');
  const servers = { 'bootstrap.servers': target.bootstrap };
  const admin = new Admin(ports, servers);
  await admin.createTopics([{ name: TOPIC, partitions: 1, configs }]);
  const producer = new Producer<string, string>(ports, { ...servers, 'linger.ms': 0 });
  const flights = flightsOf(plan.writes, input);
  for (const [at, { isDelete, gapMs }] of plan.writes.entries()) {
    await sleep(target.clock, gapMs);
    const { key, value } = flights[at]!;
    const name = isDelete ? `v${at} ${key}${DELETED}` : value;
    const call = recorder.invoke('p1', { type: 'send', topic: TOPIC, key, value: name });
    const headers = [{ key: ID, value: name }];
    const { offset } = await producer.send({ ...AT, key, value: isDelete ? null : value, headers });
    recorder.ok(call, { type: 'send', ...AT, key, value: name, offset });
  }
  await producer.close();
  await sleep(target.clock, plan.waitMs);
  const bound = async (timestamp: number): Promise<number> =>
    [...(await admin.listOffsets([{ ...AT, timestamp }])).values()][0]!.offset;
  const start = await bound(EARLIEST_TIMESTAMP);
  const end = await bound(LATEST_TIMESTAMP);
  const consumer = new Consumer<string, string>(
    target.app('c1').ports,
    { ...servers, 'auto.offset.reset': 'earliest' },
    TEXT,
  );
  consumer.assign([AT]);
  const changes: Change[] = [];
  const deadline = target.clock.monotonic() + READ_MS_MAX;
  while (start < end && (await consumer.position(AT)) < end) {
    if (target.clock.monotonic() > deadline)
      throw new Error(`the reader stopped at ${await consumer.position(AT)} of ${end}`);
    changes.push(...(await consumer.poll(100)));
  }
  await consumer.close();
  await admin.close();
  const records = changes.map(
    ({ offset, key, value, headers }): SeenRecord => ({
      ...AT,
      offset,
      key,
      value: value ?? headers.find((one) => one.key === ID)?.value?.toString() ?? `@${offset}${DELETED}`,
    }),
  );
  // The reader's two opinions, for the story.
  const counted = [...changesOf(changes).values()].reduce((sum, count) => sum + count, 0);
  recorder.note('c1', {
    type: 'store',
    text: `as a log: ${counted} changes; as a table: ${tableOf(changes).size} keys`,
  });
  recorder.note('kit', { type: 'final-read', ...AT, logStartOffset: start, logEndOffset: end, records });
  recorder.note('kit', { type: 'heal' });
  if (start > 0) recorder.note('kit', { type: 'reach', goal: 'expired' });
  if (start < end && changes.length < plan.writes.length) recorder.note('kit', { type: 'reach', goal: 'compacted' });
  if (plan.writes.some(({ isDelete }) => isDelete)) recorder.note('kit', { type: 'reach', goal: 'deleted' });
}

const text = (_topic: string, data: Buffer): string => data.toString('utf8');
const TEXT = { keyDeserializer: text, valueDeserializer: text } as const;

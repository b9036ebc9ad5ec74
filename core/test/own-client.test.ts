import { expect, test } from 'vitest';
import { withBroker } from '../broker/testing.ts';
import { Admin } from '../client/admin/admin.ts';
import { Consumer } from '../client/consumer/consumer.ts';
import type { ConsumerRecord } from '../client/consumer/fetched-partition.ts';
import type { RebalanceListener } from '../client/consumer/subscription.ts';
import { keyOf, type TopicPartition } from '../client/consumer/topic-partition.ts';
import { Producer } from '../client/producer/producer.ts';
import { stringDeserializer } from '../client/producer/serializers.ts';
import type { Ports } from '../ports/ports.ts';

/** The project's own client on its own broker, both in the simulated world: virtual time, so group timeouts cost nothing. */
const server = { 'bootstrap.servers': 'broker:9092' };
const quickGroups = { 'group.initial.rebalance.delay.ms': '100' };
const text = { keyDeserializer: stringDeserializer, valueDeserializer: stringDeserializer };
type TextConsumer = Consumer<string, string>;
type TextRecord = ConsumerRecord<string, string>;

function member(ports: Ports, settings: Record<string, unknown> = {}): TextConsumer {
  return new Consumer(ports, { ...server, 'group.id': 'g', 'auto.offset.reset': 'earliest', ...settings }, text);
}

async function createTopic(ports: Ports, name: string, partitions: number): Promise<void> {
  const admin = new Admin(ports, server);
  await admin.createTopics([{ name, partitions }]);
  await admin.close();
}

async function produce(
  ports: Ports,
  topic: string,
  count: number,
  settings: Record<string, unknown> = {},
): Promise<void> {
  const producer = new Producer(ports, { ...server, ...settings });
  await Promise.all(
    Array.from({ length: count }, (_, i) => producer.send({ topic, key: `k${i % 7}`, value: `v${i}` })),
  );
  await producer.close();
}

async function read(consumer: TextConsumer, count: number): Promise<TextRecord[]> {
  const records: TextRecord[] = [];
  for (let empty = 0; records.length < count && empty < 20; ) {
    const batch = await consumer.poll(1000);
    records.push(...batch);
    empty = batch.length === 0 ? empty + 1 : 0;
  }
  return records;
}

const values = (records: readonly TextRecord[]) => records.map((record) => record.value);
const numbered = (count: number) => Array.from({ length: count }, (_, i) => `v${i}`);

/** Polls all of them in turn, for so much virtual time. */
async function pollAll(ports: Ports, consumers: readonly TextConsumer[], ms: number): Promise<TextRecord[]> {
  const endMs = ports.clock.monotonic() + ms;
  const records: TextRecord[] = [];
  const loop = async (consumer: TextConsumer) => {
    while (ports.clock.monotonic() < endMs) records.push(...(await consumer.poll(100)));
  };
  await Promise.all(consumers.map(loop));
  return records;
}

const owned = (consumers: readonly TextConsumer[]) =>
  consumers.map((consumer) => consumer.assignment().map(keyOf).sort());

for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
  test(`what is produced with ${codec} is consumed, key by key in order`, () =>
    withBroker(quickGroups, async ({ ports }) => {
      await createTopic(ports, 't', 3);
      await produce(ports, 't', 300, { 'compression.type': codec });
      const consumer = member(ports);
      consumer.subscribe(['t']);
      const records = await read(consumer, 300);
      expect(values(records).sort()).toEqual(numbered(300).sort());
      for (let key = 0; key < 7; key++) {
        const ofKey = records
          .filter((record) => record.key === `k${key}`)
          .map((record) => Number(record.value!.slice(1)));
        expect(ofKey).toEqual([...ofKey].sort((a, b) => a - b));
      }
      await consumer.close();
    }));
}

test('a broker that is killed in mid-stream: nothing lost, nothing twice', () =>
  withBroker(quickGroups, async ({ ports, restart, wait }) => {
    await createTopic(ports, 't', 1);
    const producer = new Producer(ports, { ...server, 'batch.size': 60 });
    const sends = numbered(200).map((value) => producer.send({ topic: 't', value }));
    await wait(4);
    await restart();
    await Promise.all(sends);
    await producer.close();
    const consumer = member(ports);
    consumer.subscribe(['t']);
    expect(values(await read(consumer, 200))).toEqual(numbered(200));
    await consumer.close();
  }));

test('C15: in a group a partition has one consumer, and what is beyond the count sits idle', () =>
  withBroker(quickGroups, async ({ ports }) => {
    await createTopic(ports, 't', 2);
    const consumers = [member(ports), member(ports), member(ports)];
    for (const consumer of consumers) consumer.subscribe(['t']);
    await pollAll(ports, consumers, 10_000);
    expect(owned(consumers).flat().sort()).toEqual(['t-0', 't-1']);
    expect(owned(consumers).filter((list) => list.length === 0).length).toBe(1);
    const leaving = consumers.findIndex((consumer) => consumer.assignment().length > 0);
    await consumers.splice(leaving, 1)[0]!.close();
    await pollAll(ports, consumers, 10_000);
    expect(owned(consumers)).toEqual(expect.arrayContaining([['t-0'], ['t-1']]));
    for (const consumer of consumers) await consumer.close();
  }));

for (const strategy of ['range', 'roundrobin', 'sticky', 'cooperative-sticky']) {
  test(`C64: ${strategy}: members share, and take over from one that leaves`, () =>
    withBroker(quickGroups, async ({ ports }) => {
      await createTopic(ports, 't', 6);
      const moves: string[] = [];
      const listener = (name: string): RebalanceListener => ({
        onPartitionsRevoked: (partitions) => void moves.push(...partitions.map((each) => `${name}-${keyOf(each)}`)),
      });
      const settings = { 'partition.assignment.strategy': strategy };
      const consumers = [member(ports, settings), member(ports, settings), member(ports, settings)];
      consumers.forEach((consumer, i) => {
        consumer.subscribe(['t'], listener(`m${i}`));
      });
      await pollAll(ports, consumers, 15_000);
      expect(owned(consumers).map((list) => list.length)).toEqual([2, 2, 2]);
      const before = owned(consumers);
      moves.length = 0;
      await consumers[2]!.close();
      moves.length = 0;
      await pollAll(ports, consumers.slice(0, 2), 15_000);
      const after = owned(consumers.slice(0, 2));
      expect(after.map((list) => list.length)).toEqual([3, 3]);
      if (strategy.includes('sticky')) {
        for (const i of [0, 1]) expect(after[i]).toEqual(expect.arrayContaining(before[i]!));
      }
      // Eager members give up everything for a moment; cooperative ones nothing that they keep.
      expect(moves.length).toBe(strategy === 'cooperative-sticky' ? 0 : 4);
      for (const consumer of consumers.slice(0, 2)) await consumer.close();
    }));
}

test('C65: a member that polls too slowly loses its partitions, and what it had not committed is consumed again', () =>
  withBroker(quickGroups, async ({ ports, wait }) => {
    await createTopic(ports, 't', 1);
    await produce(ports, 't', 10);
    const lost: TopicPartition[] = [];
    const slow = member(ports, { 'max.poll.interval.ms': 10_000, 'enable.auto.commit': false });
    slow.subscribe(['t'], { onPartitionsLost: (partitions) => void lost.push(...partitions) });
    expect((await read(slow, 10)).length).toBe(10);
    const other = member(ports, { 'max.poll.interval.ms': 10_000 });
    other.subscribe(['t']);
    const again: TextRecord[] = [];
    for (let i = 0; i < 40; i++) {
      again.push(...(await other.poll(500)));
      await wait(100);
    }
    expect(values(again)).toEqual(numbered(10));
    await expect(slow.commitSync()).rejects.toMatchObject({ kind: 'COMMIT_FAILED' });
    await pollAll(ports, [slow, other], 5_000);
    expect(lost.map(keyOf)).toEqual(['t-0']);
    await slow.close();
    await other.close();
  }));

test('a cooperative member that commits while the group rebalances is refused at once, and keeps its membership', () =>
  withBroker(quickGroups, async ({ ports }) => {
    await createTopic(ports, 't', 2);
    await produce(ports, 't', 10);
    const settings = { 'partition.assignment.strategy': 'cooperative-sticky', 'enable.auto.commit': false };
    const [first, second, late] = [member(ports, settings), member(ports, settings), member(ports, settings)];
    const lost: TopicPartition[] = [];
    first.subscribe(['t'], { onPartitionsLost: (partitions) => void lost.push(...partitions) });
    second.subscribe(['t']);
    await pollAll(ports, [first, second], 15_000);
    // The second member does not poll, so the rebalance waits for it.
    late.subscribe(['t']);
    await pollAll(ports, [first, late], 8_000);
    const beganMs = ports.clock.monotonic();
    const own = first.assignment()[0]!;
    await expect(first.commitSync([{ ...own, offset: 1 }])).rejects.toMatchObject({ kind: 'REBALANCE_IN_PROGRESS' });
    expect(ports.clock.monotonic() - beganMs).toBeLessThan(1);
    await pollAll(ports, [first, second, late], 15_000);
    expect(lost).toEqual([]);
    for (const consumer of [first, second, late]) await consumer.close();
  }));

test('C16: seek to an offset, the beginning, the end and a time', () =>
  withBroker(quickGroups, async ({ ports, wait }) => {
    await createTopic(ports, 't', 1);
    await produce(ports, 't', 5);
    await wait(1000);
    const middleMs = ports.clock.now();
    await wait(1000);
    await produce(ports, 't', 5);
    const consumer = member(ports, { 'group.id': undefined });
    const place = { topic: 't', partition: 0 };
    consumer.assign([place]);
    const offsets = async (count: number) => (await read(consumer, count)).map((record) => record.offset);
    consumer.seek(place, 7);
    expect(await offsets(3)).toEqual([7, 8, 9]);
    consumer.seekToBeginning();
    expect((await offsets(10)).length).toBe(10);
    consumer.seekToEnd();
    expect(await consumer.position(place)).toBe(10);
    const found = await consumer.offsetsForTimes([{ ...place, timestamp: middleMs }]);
    expect(found.get('t-0')!.offset).toBe(5);
    const none = await consumer.offsetsForTimes([{ ...place, timestamp: ports.clock.now() + 5000 }]);
    expect(none.get('t-0')).toBeNull();
    consumer.seek(place, 0);
    consumer.pause([place]);
    expect(await consumer.poll(2000)).toEqual([]);
    consumer.resume([place]);
    expect((await offsets(10)).length).toBe(10);
    await consumer.close();
  }));

test('C61, C62: auto commit every 5 s and at close; commitSync and commitAsync', () =>
  withBroker(quickGroups, async ({ ports, wait }) => {
    await createTopic(ports, 't', 1);
    await produce(ports, 't', 10);
    const place = { topic: 't', partition: 0 };
    const committed = async (group: string) => {
      const admin = new Admin(ports, server);
      const offsets = await admin.listGroupOffsets(group);
      await admin.close();
      return offsets.get('t-0')?.offset ?? null;
    };
    const auto = member(ports, { 'max.poll.records': 4 });
    auto.subscribe(['t']);
    expect((await read(auto, 4)).length).toBe(4);
    expect(await committed('g')).toBeNull();
    await wait(5_000);
    await auto.poll(0); // returns four more; commits what came before
    await wait(1_000);
    expect(await committed('g')).toBe(4);
    await auto.close();
    expect(await committed('g')).toBe(8);

    const manual = member(ports, { 'group.id': 'm', 'enable.auto.commit': false });
    manual.subscribe(['t']);
    await read(manual, 10);
    await manual.commitSync([{ ...place, offset: 3, metadata: 'note' }]);
    expect((await manual.committed([place])).get('t-0')).toMatchObject({ offset: 3, metadata: 'note' });
    const told = new Promise((resolve) => {
      manual.commitAsync(null, (error, offsets) => resolve([error, offsets[0]!.offset]));
    });
    expect(await told).toEqual([null, 10]);
    await manual.close();
    expect(await committed('m')).toBe(10);
  }));

test('C63: auto.offset.reset', () =>
  withBroker(quickGroups, async ({ ports }) => {
    await createTopic(ports, 't', 1);
    await produce(ports, 't', 3);
    const none = member(ports, { 'auto.offset.reset': 'none' });
    none.subscribe(['t']);
    await expect(read(none, 1)).rejects.toMatchObject({ kind: 'NO_OFFSET_FOR_PARTITION' });
    await none.close();
    const latest = member(ports, { 'group.id': 'l', 'auto.offset.reset': 'latest' });
    latest.subscribe(['t']);
    expect(await latest.poll(5000)).toEqual([]);
    await produce(ports, 't', 1);
    expect((await read(latest, 1)).map((record) => record.offset)).toEqual([3]);
    const place = { topic: 't', partition: 0 };
    latest.seek(place, 99);
    expect(await latest.poll(3000)).toEqual([]);
    expect(await latest.position(place)).toBe(4);
    await latest.close();
    const strict = member(ports, { 'group.id': undefined, 'auto.offset.reset': 'none' });
    strict.assign([place]);
    strict.seek(place, 99);
    await expect(read(strict, 1)).rejects.toMatchObject({ kind: 'OFFSET_OUT_OF_RANGE' });
    // The application's answer is not made to wait: a log start that moves on would overtake it.
    const erredMs = ports.clock.monotonic();
    strict.seek(place, 0);
    expect(await read(strict, 1)).toHaveLength(4);
    expect(ports.clock.monotonic() - erredMs).toBeLessThan(20);
    await strict.close();
  }));

test('a static member that comes back gets its partitions without a rebalance', () =>
  withBroker(quickGroups, async ({ ports }) => {
    await createTopic(ports, 't', 2);
    const consumers = ['a', 'b'].map((id) => member(ports, { 'group.instance.id': id }));
    let assignments = 0;
    for (const consumer of consumers) consumer.subscribe(['t'], { onPartitionsAssigned: () => void assignments++ });
    await pollAll(ports, consumers, 10_000);
    const before = owned(consumers);
    assignments = 0;
    await consumers[1]!.close();
    consumers[1] = member(ports, { 'group.instance.id': 'b' });
    consumers[1].subscribe(['t'], { onPartitionsAssigned: () => void assignments++ });
    await pollAll(ports, consumers, 10_000);
    expect(owned(consumers)).toEqual(before);
    expect(assignments).toBe(1);
    for (const consumer of consumers) await consumer.close();
  }));

test('new partitions, and new topics of a pattern, are found', () =>
  withBroker(quickGroups, async ({ ports }) => {
    await createTopic(ports, 'p-1', 1);
    const consumer = member(ports, { 'metadata.max.age.ms': 2000 });
    consumer.subscribe(/p-.*/);
    await pollAll(ports, [consumer], 5_000);
    expect(owned([consumer])).toEqual([['p-1-0']]);
    await createTopic(ports, 'p-2', 1);
    await createTopic(ports, 'other', 1);
    const admin = new Admin(ports, server);
    await admin.createPartitions('p-1', 2);
    await admin.close();
    await pollAll(ports, [consumer], 10_000);
    expect(owned([consumer])).toEqual([['p-1-0', 'p-1-1', 'p-2-0']]);
    await consumer.close();
  }));

test('one seed, one history; and a broker that restarts keeps the group going', async () => {
  const run = (seed: number) =>
    withBroker(
      quickGroups,
      async ({ ports, restart }) => {
        await createTopic(ports, 't', 2);
        const consumer = member(ports);
        consumer.subscribe(['t']);
        await produce(ports, 't', 20);
        const first = await read(consumer, 20);
        await restart();
        await produce(ports, 't', 20);
        const second = await read(consumer, 20);
        expect([first.length, second.length]).toEqual([20, 20]);
        await consumer.close();
      },
      seed,
    );
  const once = await run(3);
  expect(await run(3)).toBe(once);
  expect(await run(4)).not.toBe(once);
});

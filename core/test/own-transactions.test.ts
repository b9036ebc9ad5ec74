import { expect, test } from 'vitest';
import { Broker } from '../broker/broker.ts';
import { brokerConfig, withBroker } from '../broker/testing.ts';
import { Admin } from '../client/admin/admin.ts';
import { ClientError } from '../client/client-error.ts';
import { Consumer } from '../client/consumer/consumer.ts';
import type { TopicPartition } from '../client/consumer/topic-partition.ts';
import { Producer } from '../client/producer/producer.ts';
import { stringDeserializer } from '../client/producer/serializers.ts';
import type { TransactionError } from '../client/producer/transactions.ts';
import type { File, Files } from '../ports/files.ts';
import type { Ports } from '../ports/ports.ts';
import { SimWorld } from '../ports/sim/world.ts';

/** Transactions of the project's own client on its own broker, in the simulated world; at last with a kill −9 at every step of a commit. */
const server = { 'bootstrap.servers': 'broker:9092' };
const text = { keyDeserializer: stringDeserializer, valueDeserializer: stringDeserializer };
const nobody = { groupId: 'g', memberId: '', generation: -1, groupInstanceId: null };

const transactional = (ports: Ports, settings: Record<string, unknown> = {}): Producer<string, string> =>
  new Producer(ports, { ...server, 'transactional.id': 'tx', 'linger.ms': 0, ...settings });

async function createTopic(ports: Ports, name: string, partitions: number): Promise<void> {
  const admin = new Admin(ports, server);
  await admin.createTopics([{ name, partitions }]);
  await admin.close();
}

/** Everything that a reader of this kind gets, sorted. */
async function readAll(ports: Ports, topic: string, partitions: number, isolation: string): Promise<string[]> {
  const consumer = new Consumer(
    ports,
    { ...server, 'isolation.level': isolation, 'auto.offset.reset': 'earliest', 'enable.auto.commit': false },
    text,
  );
  const all: TopicPartition[] = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
  consumer.assign(all);
  const values: string[] = [];
  for (let empty = 0; empty < 2; ) {
    const records = await consumer.poll(600);
    empty = records.length === 0 ? empty + 1 : 0;
    values.push(...records.map((each) => each.value ?? ''));
  }
  await consumer.close();
  return values.sort();
}

async function committedOffset(ports: Ports, topic: string): Promise<number | undefined> {
  const consumer = new Consumer(ports, { ...server, 'group.id': 'g', 'isolation.level': 'read_committed' }, text);
  const found = await consumer.committed([{ topic, partition: 0 }]);
  await consumer.close();
  return found.values().next().value?.offset;
}

const failure = (promise: Promise<unknown>): Promise<TransactionError> =>
  promise.then(
    () => Promise.reject(new Error('it was expected to fail')),
    (error: unknown) => error as TransactionError,
  );

test('what is committed is read, with its offsets; what is aborted is not', async () => {
  await withBroker({}, async ({ ports }) => {
    await createTopic(ports, 't', 3);
    const producer = transactional(ports);
    await producer.initTransactions();
    for (const [name, isCommit] of [
      ['a', true],
      ['b', false],
      ['c', true],
    ] as const) {
      producer.beginTransaction();
      for (let i = 0; i < 6; i++) await producer.send({ topic: 't', partition: i % 3, value: `${name}${i}` });
      await producer.sendOffsetsToTransaction([{ topic: 't', partition: 0, offset: name.charCodeAt(0) }], nobody);
      if (isCommit) await producer.commitTransaction();
      else await producer.abortTransaction();
    }
    producer.beginTransaction();
    await producer.commitTransaction();
    producer.beginTransaction();
    const unsent = failure(producer.send({ topic: 't', value: 'never' }));
    await producer.abortTransaction();
    expect((await unsent).kind).toBe('TRANSACTION_ABORTED');
    const expected = ['a', 'c'].flatMap((name) => [0, 1, 2, 3, 4, 5].map((i) => `${name}${i}`));
    expect(await readAll(ports, 't', 3, 'read_committed')).toEqual(expected);
    expect(await readAll(ports, 't', 3, 'read_uncommitted')).toHaveLength(18);
    expect(await committedOffset(ports, 't')).toBe('c'.charCodeAt(0));
    await producer.close();
  });
});

test('calls out of turn are refused', async () => {
  await withBroker({}, async ({ ports }) => {
    await createTopic(ports, 't', 1);
    const producer = transactional(ports);
    expect(() => producer.beginTransaction()).toThrow(ClientError);
    await producer.initTransactions();
    expect((await failure(producer.send({ topic: 't', value: 'x' }))).kind).toBe('ILLEGAL_STATE');
    expect((await failure(producer.commitTransaction())).kind).toBe('ILLEGAL_STATE');
    producer.beginTransaction();
    expect(() => producer.beginTransaction()).toThrow('open');
    await producer.close();
    const plain = new Producer(ports, server);
    expect(() => plain.beginTransaction()).toThrow('transactional.id');
    await plain.close();
    expect(() => transactional(ports, { acks: '1' })).toThrow('acks');
    const late = transactional(ports, { 'transaction.timeout.ms': 900_001 });
    expect(await failure(late.initTransactions())).toMatchObject({
      kind: 'INVALID_TRANSACTION_TIMEOUT',
      disposition: 'fatal',
    });
    await late.close();
  });
});

test('of two producers with one id the older is fenced, whatever it does next, and leaves nothing behind', async () => {
  await withBroker({}, async ({ ports }) => {
    await createTopic(ports, 't', 1);
    const zombies = [transactional(ports), transactional(ports), transactional(ports)];
    for (const zombie of zombies) {
      await zombie.initTransactions();
      zombie.beginTransaction();
      await zombie.send({ topic: 't', value: 'zombie' });
    }
    const live = transactional(ports);
    await live.initTransactions();
    expect(await failure(zombies[0]!.commitTransaction())).toMatchObject({
      kind: 'PRODUCER_FENCED',
      disposition: 'fatal',
    });
    await failure(zombies[1]!.send({ topic: 't', value: 'zombie' }));
    expect(await failure(zombies[1]!.abortTransaction())).toMatchObject({
      kind: 'PRODUCER_FENCED',
      disposition: 'fatal',
    });
    const offsets = zombies[2]!.sendOffsetsToTransaction([{ topic: 't', partition: 0, offset: 1 }], nobody);
    expect((await failure(offsets)).kind).toMatch(/FENCED|INVALID_PRODUCER_EPOCH/);
    live.beginTransaction();
    await live.send({ topic: 't', value: 'live' });
    await live.commitTransaction();
    expect(await readAll(ports, 't', 1, 'read_committed')).toEqual(['live']);
    for (const each of [...zombies, live]) await each.close();
  });
});

test('offsets of a member that lost its group meanwhile are refused, although the client knows by then', async () => {
  await withBroker({ 'group.initial.rebalance.delay.ms': '0' }, async ({ ports, wait }) => {
    await createTopic(ports, 't', 1);
    const producer = transactional(ports);
    await producer.initTransactions();
    producer.beginTransaction();
    await producer.send({ topic: 't', partition: 0, value: 'a' });
    await producer.commitTransaction();
    const settings = {
      'group.id': 'g',
      'auto.offset.reset': 'earliest',
      'max.poll.interval.ms': 500,
      'heartbeat.interval.ms': 200,
    } as const;
    const consumer = new Consumer(ports, { ...server, ...settings, 'enable.auto.commit': false }, text);
    consumer.subscribe(['t']);
    while ((await consumer.poll(100)).length === 0);
    // It stands still for longer than it may, and leaves; the records are still in its hands.
    await wait(2000);
    producer.beginTransaction();
    const offsets = producer.sendOffsetsToTransaction(
      [{ topic: 't', partition: 0, offset: 1 }],
      consumer.groupMetadata(),
    );
    expect((await failure(offsets)).kind).toMatch(/ILLEGAL_GENERATION|UNKNOWN_MEMBER_ID/);
    await producer.abortTransaction();
    await consumer.close();
    await producer.close();
  });
});

test('a transaction that the broker aborted for its age is aborted here too, and the producer goes on', async () => {
  await withBroker({}, async ({ ports, wait }) => {
    await createTopic(ports, 't', 1);
    const producer = transactional(ports, { 'transaction.timeout.ms': 1000 });
    await producer.initTransactions();
    producer.beginTransaction();
    await producer.send({ topic: 't', value: 'late' });
    await wait(25_000);
    expect(await failure(producer.send({ topic: 't', value: 'later' }))).toMatchObject({
      kind: 'INVALID_PRODUCER_EPOCH',
    });
    expect(await failure(producer.commitTransaction())).toMatchObject({ disposition: 'abort' });
    await producer.abortTransaction();
    producer.beginTransaction();
    await producer.send({ topic: 't', value: 'next' });
    await producer.commitTransaction();
    expect(await readAll(ports, 't', 1, 'read_committed')).toEqual(['next']);
    await producer.close();
  });
});

/** The broker's files, with a word before each append. */
function watched(files: Files, beforeAppend: () => void): Files {
  const wrap = (file: File): File => ({
    path: file.path,
    get size() {
      return file.size;
    },
    append: (parts) => {
      beforeAppend();
      return file.append(parts);
    },
    writeAt: (bytes, position) => file.writeAt(bytes, position),
    readInto: (target, position) => file.readInto(target, position),
    flush: () => file.flush(),
    truncate: (size) => file.truncate(size),
    reserve: (bytes) => file.reserve(bytes),
    trim: () => file.trim(),
    close: () => file.close(),
  });
  return {
    open: (path, mode) => wrap(files.open(path, mode)),
    exists: (path) => files.exists(path),
    sizeOf: (path) => files.sizeOf(path),
    list: (path) => files.list(path),
    makeDirectory: (path) => files.makeDirectory(path),
    rename: (from, to) => files.rename(from, to),
    remove: (path) => files.remove(path),
    flushDirectory: (path) => files.flushDirectory(path),
    lock: (path) => files.lock(path),
    freeBytes: (path) => files.freeBytes(path),
    totalBytes: (path) => files.totalBytes(path),
    absolutePath: (path) => files.absolutePath(path),
  };
}

/** Ends a transaction whose broker is killed just before its `step`-th append since the call. False when the end needs fewer appends. */
async function killAtStep(step: number, isCommit: boolean, seed: number): Promise<boolean> {
  const world = new SimWorld({ seed });
  const process = world.process('broker');
  let appendsLeft = -1;
  let wasKilled = false;
  let whenKilled = (): void => {};
  const killed = new Promise<void>((resolve) => {
    whenKilled = resolve;
  });
  let ready = (): void => {};
  const start = (): Promise<void> => {
    const started = new Promise<void>((resolve) => {
      ready = resolve;
    });
    process.spawn(async (ports) => {
      const files = watched(ports.files, () => {
        if (appendsLeft < 0 || appendsLeft-- > 0) return;
        wasKilled = true;
        process.crash();
        whenKilled();
      });
      await new Broker({ ports: { ...ports, files }, config: brokerConfig() }).start();
      ready();
    });
    return started;
  };
  const started = start();
  let isDone = false;
  world.process('client').spawn(async (ports) => {
    await started;
    await createTopic(ports, 't', 2);
    const producer = transactional(ports);
    await producer.initTransactions();
    producer.beginTransaction();
    for (const partition of [0, 1]) await producer.send({ topic: 't', partition, value: `v${partition}` });
    await producer.sendOffsetsToTransaction([{ topic: 't', partition: 0, offset: 7 }], nobody);
    appendsLeft = step;
    const end = isCommit ? producer.commitTransaction() : producer.abortTransaction();
    await Promise.race([killed, end.then(() => new Promise<void>((resolve) => ports.clock.setTimer(500, resolve)))]);
    appendsLeft = -1;
    if (wasKilled) {
      process.restart();
      await start();
    }
    await end;
    producer.beginTransaction();
    await producer.send({ topic: 't', partition: 0, value: 'next' });
    await producer.commitTransaction();
    const expected = isCommit ? ['next', 'v0', 'v1'] : ['next'];
    expect(await readAll(ports, 't', 2, 'read_committed')).toEqual(expected);
    expect((await committedOffset(ports, 't')) ?? -1).toBe(isCommit ? 7 : -1);
    await producer.close();
    isDone = true;
  });
  await world.run({ until: () => isDone, untilTimeMs: 3_600_000 });
  expect(isDone).toBe(true);
  return wasKilled;
}

test('a kill −9 at every step of an end: after the restart the transaction is whole, and its producer goes on', async () => {
  for (const isCommit of [true, false]) {
    let step = 0;
    while (await killAtStep(step, isCommit, 100 + step)) step++;
    // The decision, a marker in each of three partitions, the completion.
    expect(step).toBeGreaterThanOrEqual(5);
  }
});

import { expect, test } from 'vitest';
import { sleep } from '../../ports/clock.ts';
import { ClientError } from '../client-error.ts';
import { type SeenBatch, withScriptedBroker } from '../testing.ts';
import { Producer } from './producer.ts';
import type { RecordMetadata } from './record.ts';

const config = { 'bootstrap.servers': 'broker:9092', 'linger.ms': 0 };
const onePerBatch = { ...config, 'batch.size': 1 };

async function outcome(sent: Promise<RecordMetadata>): Promise<number | ClientError> {
  try {
    return (await sent).offset;
  } catch (error) {
    if (error instanceof ClientError) return error;
    throw error;
  }
}

test('records of one tick leave in one batch, and each learns its offset', () =>
  withScriptedBroker(
    () => 'append',
    async (ports, broker) => {
      const producer = new Producer(ports, config);
      await producer.send({ topic: 't', value: 'first' });
      const offsets = await Promise.all(['a', 'b', 'c'].map((value) => outcome(producer.send({ topic: 't', value }))));
      expect(offsets).toEqual([1, 2, 3]);
      expect(broker.seen.map((batch) => batch.values)).toEqual([['first'], ['a', 'b', 'c']]);
      await producer.close();
    },
  ));

test('C32: with idempotence a batch whose answer is lost is kept once', () =>
  withScriptedBroker(
    (_batch, index) => (index === 0 ? 'append-and-drop' : 'append'),
    async (ports, broker) => {
      const producer = new Producer(ports, config);
      expect(await outcome(producer.send({ topic: 't', value: 'a' }))).toBe(0);
      expect(broker.log).toEqual(['a']);
      expect(broker.seen.length).toBe(2);
      await producer.close();
    },
  ));

test('without idempotence it is there twice', () =>
  withScriptedBroker(
    (_batch, index) => (index === 0 ? 'append-and-drop' : 'append'),
    async (ports, broker) => {
      const producer = new Producer(ports, { ...config, 'enable.idempotence': false });
      expect(await outcome(producer.send({ topic: 't', value: 'a' }))).toBe(1);
      expect(broker.log).toEqual(['a', 'a']);
      await producer.close();
    },
  ));

/** Refuses the first attempt of the first batch, so that the ones behind it land before it. */
const refuseFirst = (_batch: SeenBatch, index: number) => (index === 0 ? 19 : 'append');

async function sendThree(settings: Record<string, unknown>): Promise<readonly string[]> {
  let log: readonly string[] = [];
  await withScriptedBroker(refuseFirst, async (ports, broker) => {
    const producer = new Producer(ports, { ...onePerBatch, ...settings });
    await Promise.all(['a', 'b', 'c'].map((value) => producer.send({ topic: 't', value })));
    log = broker.log;
    await producer.close();
  });
  return log;
}

test('C36: without idempotence and with several requests in flight a retry reorders', async () => {
  expect(await sendThree({ 'enable.idempotence': false })).toEqual(['b', 'c', 'a']);
});

test('with one request in flight order survives a retry', async () => {
  const settings = { 'enable.idempotence': false, 'max.in.flight.requests.per.connection': 1 };
  expect(await sendThree(settings)).toEqual(['a', 'b', 'c']);
});

test('C35: with idempotence order survives a retry with five in flight', async () => {
  expect(await sendThree({})).toEqual(['a', 'b', 'c']);
});

test('idempotence keeps order and count through a hail of drops and refusals', () =>
  withScriptedBroker(
    (_batch, index) => (['drop', 'append', 'append-and-drop', 19, 'append', 6] as const)[(index * 7) % 11] ?? 'append',
    async (ports, broker) => {
      const producer = new Producer(ports, onePerBatch);
      const values = Array.from({ length: 60 }, (_, i) => `v${i}`);
      const offsets = await Promise.all(values.map((value) => outcome(producer.send({ topic: 't', value }))));
      expect(broker.log).toEqual(values);
      expect(offsets).toEqual(values.map((_, i) => i));
      await producer.close();
    },
  ));

test('a batch that is too large is split', () =>
  withScriptedBroker(
    (batch) => (batch.bytes > 500 ? 10 : 'append'),
    async (ports, broker) => {
      const producer = new Producer(ports, config);
      const values = Array.from({ length: 20 }, (_, i) => `${i}`.padStart(50, '.'));
      const offsets = await Promise.all(values.map((value) => outcome(producer.send({ topic: 't', value }))));
      expect(broker.log).toEqual(values);
      expect(offsets).toEqual(values.map((_, i) => i));
      expect(producer.metrics.batchesSplit).toBeGreaterThan(0);
      await producer.close();
    },
  ));

test('one record that is too large fails for certain, and those behind it go on', () =>
  withScriptedBroker(
    (batch) => (batch.values[0] === 'big' ? 10 : 'append'),
    async (ports, broker) => {
      const producer = new Producer(ports, onePerBatch);
      const results = await Promise.all(
        ['a', 'big', 'b', 'c'].map((value) => outcome(producer.send({ topic: 't', value }))),
      );
      expect(results[1]).toMatchObject({ kind: 'MESSAGE_TOO_LARGE', outcome: 'failed' });
      expect([results[0], results[2], results[3]]).toEqual([0, 1, 2]);
      expect(broker.log).toEqual(['a', 'b', 'c']);
      await producer.close();
    },
  ));

test('no answer: the record is given up at the delivery timeout with unknown outcome', () =>
  withScriptedBroker(
    () => 'silence',
    async (ports) => {
      const producer = new Producer(ports, { ...config, 'request.timeout.ms': 1000, 'delivery.timeout.ms': 5000 });
      const begunMs = ports.clock.monotonic();
      const error = await outcome(producer.send({ topic: 't', value: 'a' }));
      expect(error).toMatchObject({ kind: 'TIMEOUT', outcome: 'unknown' });
      expect(ports.clock.monotonic() - begunMs).toBeLessThan(6000);
      await producer.close();
    },
  ));

test('refused until the delivery timeout: certainly failed', () =>
  withScriptedBroker(
    () => 19,
    async (ports) => {
      const producer = new Producer(ports, { ...config, 'request.timeout.ms': 1000, 'delivery.timeout.ms': 5000 });
      expect(await outcome(producer.send({ topic: 't', value: 'a' }))).toMatchObject({
        kind: 'TIMEOUT',
        outcome: 'failed',
      });
      await producer.close();
    },
  ));

test('after an unknown loss the epoch is raised and new records are accepted', () =>
  withScriptedBroker(
    (batch) => (batch.values[0] === 'lost' ? 'drop' : 'append'),
    async (ports, broker) => {
      const producer = new Producer(ports, { ...config, 'request.timeout.ms': 500, 'delivery.timeout.ms': 2000 });
      expect(await outcome(producer.send({ topic: 't', value: 'a' }))).toBe(0);
      expect(await outcome(producer.send({ topic: 't', value: 'lost' }))).toMatchObject({ outcome: 'unknown' });
      expect(await outcome(producer.send({ topic: 't', value: 'b' }))).toBe(1);
      expect(broker.seen.at(-1)).toMatchObject({ producerEpoch: 1, baseSequence: 0 });
      await producer.close();
    },
  ));

test('retries=0: the first refusal is final', () =>
  withScriptedBroker(
    () => 6,
    async (ports, broker) => {
      const producer = new Producer(ports, { ...config, retries: 0 });
      const error = await outcome(producer.send({ topic: 't', value: 'a' }));
      expect(error).toMatchObject({ kind: 'NOT_LEADER_OR_FOLLOWER', outcome: 'unknown' });
      expect(broker.seen.length).toBe(1);
      await producer.close();
    },
  ));

test('buffer.memory: sends wait for room, in order, and fail after max.block.ms', () =>
  withScriptedBroker(
    (batch) => (batch.values[0] === 'stuck' ? 'silence' : 'append'),
    async (ports) => {
      const settings = { ...onePerBatch, 'buffer.memory': 300, 'max.block.ms': 2000, 'request.timeout.ms': 30_000 };
      const producer = new Producer(ports, settings);
      await producer.send({ topic: 't', value: 'warm' });
      const many = await Promise.all(
        Array.from({ length: 30 }, (_, i) => outcome(producer.send({ topic: 't', value: `${i}` }))),
      );
      expect(many).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
      const stuck = ['stuck', 'b', 'c', 'd'].map((value) => outcome(producer.send({ topic: 't', value })));
      const last = await stuck[3];
      expect(last).toMatchObject({
        kind: 'TIMEOUT',
        outcome: 'failed',
        message: expect.stringContaining('buffer.memory'),
      });
      await producer.close({ timeoutMs: 100 });
      expect(await stuck[0]).toMatchObject({ kind: 'CLOSED', outcome: 'unknown' });
    },
  ));

test('what certainly fails at once', () =>
  withScriptedBroker(
    () => 'append',
    async (ports) => {
      const producer = new Producer(ports, { ...config, 'max.request.size': 1000, 'max.block.ms': 1000 });
      const send = (record: object) => outcome(producer.send({ topic: 't', value: 'x', ...record }));
      expect(await send({ value: 'x'.repeat(2000) })).toMatchObject({ kind: 'RECORD_TOO_LARGE', outcome: 'failed' });
      expect(await send({ partition: -1 })).toMatchObject({ kind: 'INVALID_RECORD' });
      expect(await send({ timestamp: -5 })).toMatchObject({ kind: 'INVALID_RECORD' });
      expect(await send({ value: { an: 'object' } })).toMatchObject({ kind: 'SERIALIZATION' });
      expect(await send({ partition: 3 })).toMatchObject({
        kind: 'TIMEOUT',
        message: expect.stringContaining('max.block.ms'),
      });
      await producer.close();
      expect(await send({})).toMatchObject({ kind: 'CLOSED' });
    },
  ));

test('interceptors see every record and every outcome; one that throws changes nothing', () =>
  withScriptedBroker(
    (batch) => (batch.values[0] === 'bad!' ? 10 : 'append'),
    async (ports, broker) => {
      const told: (number | string)[] = [];
      const interceptors = [
        {
          onSend() {
            throw new Error('mine');
          },
        },
        { onSend: (record: { topic: string; value: unknown }) => ({ ...record, value: `${record.value}!` }) },
        {
          onAcknowledgement: (metadata: RecordMetadata | null, error: ClientError | null) =>
            void told.push(metadata?.offset ?? error!.kind),
        },
      ];
      const producer = new Producer(ports, onePerBatch, { interceptors });
      await outcome(producer.send({ topic: 't', value: 'a' }));
      await outcome(producer.send({ topic: 't', value: 'bad' }));
      expect(broker.log).toEqual(['a!']);
      expect(told).toEqual([0, 'MESSAGE_TOO_LARGE']);
      await producer.close();
    },
  ));

test('fire and forget, callback, and flush', () =>
  withScriptedBroker(
    (batch) => (batch.values[0] === 'bad' ? 10 : 'append'),
    async (ports, broker) => {
      const producer = new Producer(ports, { ...onePerBatch, 'linger.ms': 60_000, 'delivery.timeout.ms': 200_000 });
      void producer.send({ topic: 't', value: 'bad' }); // nobody looks: no unhandled rejection may come of it
      const told: number[] = [];
      producer.send({ topic: 't', value: 'a' }, (_error, metadata) => told.push(metadata!.offset));
      await producer.flush();
      expect(told).toEqual([0]);
      expect(broker.log).toEqual(['a']);
      await producer.close();
    },
  ));

test('acks=0 answers at once with offset −1', () =>
  withScriptedBroker(
    () => 'append',
    async (ports, broker) => {
      const producer = new Producer(ports, { ...config, acks: '0' });
      expect(await outcome(producer.send({ topic: 't', value: 'a' }))).toBe(-1);
      await sleep(ports.clock, 100);
      expect(broker.log).toEqual(['a']);
      await producer.close();
    },
  ));

test('after close nothing is left to happen', () =>
  withScriptedBroker(
    () => 'append',
    async (ports, broker, world) => {
      const producer = new Producer(ports, config);
      await producer.send({ topic: 't', value: 'a' });
      await producer.close();
      await producer.close();
      expect(broker.log).toEqual(['a']);
      const { eventCount } = world;
      await sleep(ports.clock, 600_000);
      // The connection's end and this sleep, and no more.
      expect(world.eventCount - eventCount).toBeLessThan(10);
    },
  ));

test('KIP-360: when the epochs are used up, other partitions wait for the new producer id too', () =>
  withScriptedBroker(
    (_batch, index) => (index === 1 ? 45 : 'append'),
    async (ports, broker) => {
      broker.producerEpoch = 0x7fff;
      broker.partitionCount = 2;
      const producer = new Producer(ports, { ...config, 'max.in.flight.requests.per.connection': 1 });
      await producer.send({ topic: 't', partition: 0, value: 'first' });
      const refused = outcome(producer.send({ topic: 't', partition: 0, value: 'refused' }));
      const behind = new Promise<number | ClientError>((resolve) => {
        ports.clock.defer(() => resolve(outcome(producer.send({ topic: 't', partition: 1, value: 'behind' }))));
      });
      expect(await behind).toBe(1);
      expect(await refused).toBe(2);
      expect(broker.producerIds).toBe(2);
      expect(broker.log).toEqual(['first', 'behind', 'refused']);
      await producer.close();
    },
  ));

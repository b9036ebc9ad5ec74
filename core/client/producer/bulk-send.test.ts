import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { ClientError } from '../client-error.ts';
import { withScriptedBroker } from '../testing.ts';
import { BatchCallbacks } from './batch-callbacks.ts';
import { BulkSend, type SentRange } from './bulk-send.ts';
import { Producer } from './producer.ts';

const config = { 'bootstrap.servers': 'broker:9092', 'linger.ms': 0 };
const values = (...all: string[]) => all.map((value) => ({ topic: 't', value }));

test('a bulk is settled once, with where its records went, whether the topic was known or not', () =>
  withScriptedBroker(
    () => 'append',
    async (ports, broker) => {
      const producer = new Producer(ports, config);
      expect(await producer.sendAll(values('a', 'b'))).toEqual([{ topic: 't', partition: 0, baseOffset: 0, count: 2 }]);
      const told: (readonly SentRange[])[] = [];
      expect(producer.sendAll(values('c', 'd', 'e'), (_error, ranges) => told.push(ranges))).toBe(true);
      await producer.flush();
      expect(told).toEqual([[{ topic: 't', partition: 0, baseOffset: 2, count: 3 }]]);
      expect(await producer.sendAll([])).toEqual([]);
      expect(broker.log).toEqual(['a', 'b', 'c', 'd', 'e']);
      await producer.close();
    },
  ));

test('a bulk of which a record fails tells the first error and where the others went', () =>
  withScriptedBroker(
    (batch) => (batch.values[0] === 'bad' ? 10 : 'append'),
    async (ports) => {
      const producer = new Producer(ports, { ...config, 'batch.size': 1, 'enable.idempotence': false });
      const told: unknown[] = [];
      producer.sendAll(values('a', 'bad', 'c'), (error, ranges) => told.push(error?.kind, ranges));
      await producer.flush();
      expect(told).toEqual(['MESSAGE_TOO_LARGE', [{ topic: 't', partition: 0, baseOffset: 0, count: 2 }]]);
      await expect(producer.sendAll([...values('d'), { topic: '', value: 'x' }])).rejects.toThrow('without a topic');
      await producer.close();
      await expect(producer.sendAll(values('late'))).rejects.toThrow('closed');
    },
  ));

test('interceptors see each record of a bulk; what a callback throws is told and stops nothing', () =>
  withScriptedBroker(
    () => 'append',
    async (ports, broker) => {
      const acknowledged: (number | undefined)[] = [];
      const thrown: unknown[] = [];
      const producer = new Producer(ports, config, {
        interceptors: [{ onAcknowledgement: (metadata) => acknowledged.push(metadata?.offset) }],
        onCallbackError: (error) => thrown.push(error),
      });
      producer.sendAll(values('a', 'b'), () => {
        throw new Error('bulk');
      });
      producer.send({ topic: 't', value: 'c' }, () => {
        throw new Error('one');
      });
      await producer.flush();
      expect(acknowledged).toEqual([0, 1, 2]);
      expect(thrown.map((error) => (error as Error).message)).toEqual(['bulk', 'one']);
      expect(broker.log).toEqual(['a', 'b', 'c']);
      await producer.close();
    },
  ));

/** Two functions, two bulks, and nobody, in any order. */
property.prop([fc.array(fc.tuple(fc.nat(4), fc.nat(2)), { maxLength: 40 }), fc.boolean()])(
  'each record of a batch is told of once, with its own offset and timestamp',
  (records, fails) => {
    const expected: unknown[] = [];
    const told: unknown[] = [];
    const counted = [0, 0];
    const bulks = [0, 1].map((bulk) => {
      const count = records.filter(([who]) => who === bulk + 2).length;
      return new BulkSend(count, (error, ranges) => {
        counted[bulk] = error === null ? ranges.reduce((sum, range) => sum + range.count, 0) : count;
      });
    });
    const functions = ['f', 'g'].map((name) => (error: ClientError | null, metadata: unknown) => {
      told.push([name, error ?? metadata]);
    });
    const callbacks = new BatchCallbacks(() => {});
    const error = new ClientError('TIMEOUT', 'x');
    for (const [index, [who, timestamp]] of records.entries()) {
      callbacks.add([...functions, ...bulks][who], timestamp);
      const metadata = { topic: 't', partition: 3, offset: 70 + index, timestamp };
      if (who < 2) expected.push([['f', 'g'][who], fails ? error : metadata]);
    }
    expect([...callbacks.each()]).toEqual(records.map(([who]) => [...functions, ...bulks][who]));
    if (fails) callbacks.fail(error);
    else callbacks.succeed('t', 3, 70, -1);
    callbacks.fail(error);
    expect(told).toEqual(expected);
    expect(counted).toEqual([2, 3].map((who) => records.filter((each) => each[0] === who).length));
  },
);

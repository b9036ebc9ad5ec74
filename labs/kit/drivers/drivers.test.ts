import { expect, test } from 'vitest';
import type { SeenRecord } from '../history.ts';
import type { ClientDriver } from './driver.ts';
import { refusal } from './error-answer.ts';
import { DriverGuard } from './guarded-driver.ts';
import { HandedOver } from './handed-over.ts';
import { clientTitle } from './versions.ts';

function record(offset: number): SeenRecord {
  return { topic: 't', partition: 0, offset, key: null, value: `v${offset}` };
}

test('a polled batch is processed when the application comes back', async () => {
  const handed = new HandedOver();
  const processed: number[] = [];
  let released = false;
  const offered = handed.offer([record(0), record(1), record(2)], (upTo) => processed.push(upTo.offset));
  void offered.then(() => {
    released = true;
  });
  expect(await handed.poll(10, 2)).toEqual([record(0), record(1)]);
  expect(processed).toEqual([]);
  expect(await handed.poll(10, 2)).toEqual([record(2)]);
  expect(processed).toEqual([1]);
  expect(await handed.poll(1, 2)).toEqual([]);
  expect(processed).toEqual([1, 2]);
  await offered;
  expect(released).toBe(true);
});

test('a waiting poll wakes for a batch; close lets everybody go', async () => {
  const handed = new HandedOver();
  const poll = handed.poll(10_000, 5);
  const offered = handed.offer([record(0)], () => {});
  expect(await poll).toEqual([record(0)]);
  handed.close();
  await offered;
  expect(await handed.poll(10_000, 5)).toEqual([]);
});

test('refused for certain is fail; in doubt it is info', () => {
  expect(refusal('ILLEGAL_GENERATION', '', false)).toEqual({ outcome: 'fail', error: 'ILLEGAL_GENERATION' });
  expect(refusal('MESSAGE_TOO_LARGE', '', true).outcome).toBe('info');
  expect(refusal('NOT_LEADER_OR_FOLLOWER', '', false).outcome).toBe('info');
  expect(refusal(null, 'ECONNRESET', false)).toEqual({ outcome: 'info', error: 'ECONNRESET' });
});

test('after the crash nothing settles, and what was open is closed', async () => {
  const guard = new DriverGuard();
  let answer: (() => void) | null = null;
  let closed = 0;
  const inner = {
    name: 'mqlab',
    version: '0',
    defaults: {},
    producer: async () => ({
      send: () =>
        new Promise((resolve) => {
          answer = () => resolve({ outcome: 'ok', partition: 0 });
        }),
      flush: async () => {},
      close: async () => {
        closed++;
      },
    }),
  } as unknown as ClientDriver;
  const producer = await guard.wrap(inner).producer();
  let settled = 0;
  void producer.send({ topic: 't', key: null, value: 'a' }).then(() => settled++);
  answer!();
  await Promise.resolve().then(() => Promise.resolve());
  expect(settled).toBe(1);
  void producer.send({ topic: 't', key: null, value: 'b' }).then(() => settled++);
  guard.kill();
  answer!();
  await new Promise((resolve) => setImmediate(resolve));
  expect(settled).toBe(1);
  await guard.close();
  expect(closed).toBe(1);
});

test('clients say their versions', () => {
  expect(clientTitle('kafkajs')).toMatch(/^kafkajs 2\.\d/);
  expect(clientTitle('platformatic')).toMatch(/^@platformatic\/kafka 2\.\d/);
});

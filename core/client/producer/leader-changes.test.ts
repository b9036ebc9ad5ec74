import { expect, test } from 'vitest';
import { ErrorCode } from '../../protocol/errors.ts';
import { type SeenBatch, withScriptedBrokers } from '../testing.ts';
import { Producer } from './producer.ts';

/** What a producer does when the leaders of its partitions move. */
const config = { 'bootstrap.servers': 'broker:9092', 'linger.ms': 0 };
const onePerBatch = { ...config, 'batch.size': 1 };
const always = () => 'append' as const;

test('a new leader that an answer names is gone to at once, without metadata and without backoff; older metadata does not undo it', () =>
  withScriptedBrokers([always, always], async (ports, [first, second]) => {
    const { cluster } = first!;
    const producer = new Producer(ports, config);
    await producer.send({ topic: 't', value: 'a' });
    cluster.staleLeader = cluster.leader;
    cluster.move(2);
    const beganMs = ports.clock.monotonic();
    await producer.send({ topic: 't', value: 'b' });
    expect(ports.clock.monotonic() - beganMs).toBeLessThan(50);
    // The refusal asked for metadata, which still names the first.
    await new Promise<void>((resolve) => ports.clock.setTimer(1000, resolve));
    expect(cluster.metadataRequests).toBeGreaterThan(1);
    await producer.send({ topic: 't', value: 'c' });
    expect(first!.seen.map(({ values }) => values)).toEqual([['a'], ['b']]);
    expect(second!.seen.map(({ values }) => values)).toEqual([['b'], ['c']]);
    expect(cluster.log).toEqual(['a', 'b', 'c']);
    await producer.close();
  }));

test('a leader that nobody names is learnt from metadata', () =>
  withScriptedBrokers([always, always], async (ports, [first]) => {
    const { cluster } = first!;
    const producer = new Producer(ports, config);
    await producer.send({ topic: 't', value: 'a' });
    cluster.namesLeader = false;
    cluster.move(2);
    await producer.send({ topic: 't', value: 'b' });
    expect(cluster.log).toEqual(['a', 'b']);
    await producer.close();
  }));

test('while the leader is down metadata is asked for at the pace of retry.backoff.ms, not of the attempts to connect', () =>
  withScriptedBrokers([always, always], async (ports, [first], world) => {
    const { cluster } = first!;
    const wait = (ms: number) => new Promise<void>((resolve) => ports.clock.setTimer(ms, resolve));
    const producer = new Producer(ports, config);
    await producer.send({ topic: 't', value: 'a' });
    world.process('broker').crash();
    const sent = producer.send({ topic: 't', value: 'b' });
    // Attempts to connect are a second apart by now.
    await wait(5000);
    const askedBefore = cluster.metadataRequests;
    await wait(1000);
    const asked = cluster.metadataRequests - askedBefore;
    expect(asked).toBeGreaterThanOrEqual(7);
    expect(asked).toBeLessThanOrEqual(13);
    const movedMs = ports.clock.monotonic();
    cluster.move(2);
    await sent;
    expect(ports.clock.monotonic() - movedMs).toBeLessThan(200);
    await producer.close();
  }));

test('C35: batches in flight at a leader that dies land at the next one in their order, once', async () => {
  for (const [first, later] of [
    ['append-and-drop', 'append'],
    ['append', 'drop'],
    ['drop', 'append'],
  ] as const) {
    const script = (_batch: SeenBatch, index: number) => (index < 2 ? first : later);
    await withScriptedBrokers([script, always], async (ports, [broker]) => {
      const { cluster } = broker!;
      const producer = new Producer(ports, onePerBatch);
      const values = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
      const sent = Promise.all(values.map((value) => producer.send({ topic: 't', value })));
      await new Promise<void>((resolve) => ports.clock.setTimer(20, resolve));
      cluster.move(2);
      await sent;
      expect(cluster.log).toEqual(values);
      await producer.close();
    });
  }
});

test('C32: what was appended and answered with NOT_ENOUGH_REPLICAS_AFTER_APPEND is there once, also at the next leader', () =>
  withScriptedBrokers(
    [(_batch, index) => (index === 0 ? { appendedBut: ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND } : 'append'), always],
    async (ports, [first, second]) => {
      const producer = new Producer(ports, config);
      const sent = producer.send({ topic: 't', value: 'a' });
      await new Promise<void>((resolve) => ports.clock.setTimer(20, resolve));
      first!.cluster.move(2);
      expect((await sent).offset).toBe(0);
      expect([second!.seen.length, first!.cluster.log]).toEqual([1, ['a']]);
      await producer.close();
    },
  ));

test('a leader that cannot commit any more may be none: after REQUEST_TIMED_OUT metadata is asked', () =>
  withScriptedBrokers(
    [(_batch, index) => (index === 0 ? 'append' : ErrorCode.REQUEST_TIMED_OUT), always],
    async (ports, [first, second]) => {
      const { cluster } = first!;
      const producer = new Producer(ports, config);
      await producer.send({ topic: 't', value: 'a' });
      const sent = producer.send({ topic: 't', value: 'b' });
      const { leader } = cluster;
      cluster.move(2);
      const moved = cluster.leader;
      // The old one believes to be the leader still.
      cluster.leader = leader;
      cluster.staleLeader = moved;
      await new Promise<void>((resolve) => ports.clock.setTimer(50, resolve));
      cluster.leader = moved;
      cluster.staleLeader = null;
      await sent;
      expect(second!.seen.map(({ values }) => values)).toEqual([['b']]);
      expect(first!.seen.length).toBe(2);
      await producer.close();
    },
  ));

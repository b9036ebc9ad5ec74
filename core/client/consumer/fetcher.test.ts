import { expect, test } from 'vitest';
import { sleep } from '../../ports/clock.ts';
import { SimWorld } from '../../ports/sim/world.ts';
import { buildEndTxnBatch, ControlType } from '../../protocol/control-record.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { buildBatch } from '../../protocol/record-batch-builder.ts';
import { parseConsumerConfig } from '../client-config.ts';
import type { Connections } from '../connections.ts';
import type { Metadata } from '../metadata.ts';
import { stringDeserializer } from '../producer/serializers.ts';
import { Fetcher } from './fetcher.ts';
import { Subscription } from './subscription.ts';

/** A consumer's fetches of t-0, whose leader is broker 1; the test gives the answers, and knows brokers 1 to 3. */
type Answer = Readonly<Record<string, unknown>> | 'lost';

function open(settings: Record<string, unknown> = {}) {
  const world = new SimWorld({ seed: 1 });
  const { ports } = world.process('client');
  const config = parseConsumerConfig({
    'bootstrap.servers': 'b:9092',
    'group.id': 'g',
    'auto.offset.reset': 'latest',
    ...settings,
  });
  const subscription = new Subscription();
  subscription.assign([{ topic: 't', partition: 0 }]);
  const state = subscription.get('t', 0)!;
  state.seek(0);
  const known = new Set([1, 2, 3]);
  const leader = { leader: 1, leaderEpoch: 5 };
  const asked: { nodeId: number; offset: number; epoch: number }[] = [];
  const answers: Answer[] = [];
  let updates = 0;
  const connections = {
    link: (nodeId: number) =>
      known.has(nodeId)
        ? {
            async request(_api: unknown, body: { topics: { partitions: Record<string, number>[] }[] }) {
              const [partition] = body.topics[0]!.partitions;
              asked.push({ nodeId, offset: partition!.fetchOffset!, epoch: partition!.lastFetchedEpoch! });
              const answer = answers.shift() ?? {};
              if (answer === 'lost') throw new Error('the connection broke');
              return { throttleTimeMs: 0, errorCode: 0, nodeEndpoints: [], responses: [responseOf(answer)] };
            },
          }
        : null,
  } as unknown as Connections;
  const metadata = {
    partition: () => leader,
    topic: () => ({ topicId: 'x' }),
    requestUpdate: () => {
      updates++;
    },
    learnLeader: (_topic: string, _index: number, named: { leaderId: number; leaderEpoch: number }) => {
      if (named.leaderEpoch <= leader.leaderEpoch) return false;
      Object.assign(leader, { leader: named.leaderId, leaderEpoch: named.leaderEpoch });
      return true;
    },
  } as unknown as Metadata;
  const deserializers = { key: stringDeserializer, value: stringDeserializer };
  const fetcher = new Fetcher(ports, config, connections, metadata, subscription, deserializers, () => {});
  /** One round: asks, and hands out what came. */
  const round = async (): Promise<(string | null)[]> => {
    fetcher.sendFetches();
    for (let i = 0; i < 10; i++) await Promise.resolve();
    return fetcher.collect().map(({ value }) => value);
  };
  const pass = (ms: number) => world.settle(sleep(ports.clock, ms), { untilTimeMs: 1_000_000 });
  return { state, known, leader, asked, answers, round, pass, updates: () => updates };
}

function responseOf(answer: object) {
  const partition = {
    partitionIndex: 0,
    errorCode: 0,
    highWatermark: 100,
    lastStableOffset: 100,
    logStartOffset: 0,
    divergingEpoch: { epoch: -1, endOffset: -1 },
    currentLeader: { leaderId: -1, leaderEpoch: -1 },
    abortedTransactions: [],
    preferredReadReplica: -1,
    records: null,
    ...answer,
  };
  return { topic: '', topicId: 'x', partitions: [partition] };
}

function batch(baseOffset: number, partitionLeaderEpoch: number, ...values: string[]): Buffer {
  const bytes = buildBatch({
    baseOffset,
    records: values.map((value) => ({ timestamp: 1000, key: null, value: Buffer.from(value) })),
  });
  bytes.writeInt32BE(partitionLeaderEpoch, 12);
  return bytes;
}

test('each fetch names the epoch of the record before it, also behind what is not shown', async () => {
  const { round, answers, asked } = open({ 'isolation.level': 'read_committed' });
  const marker = buildEndTxnBatch(
    { type: ControlType.COMMIT, coordinatorEpoch: 0 },
    1000,
    { producerId: 7, producerEpoch: 0 },
    { baseOffset: 2 },
  );
  marker.writeInt32BE(5, 12);
  answers.push({ records: Buffer.concat([batch(0, 3, 'a', 'b'), marker]) });
  expect(await round()).toEqual(['a', 'b']);
  await round();
  await round();
  expect(asked.at(-1)).toEqual({ nodeId: 1, offset: 3, epoch: 5 });
  expect(asked[0]).toEqual({ nodeId: 1, offset: 0, epoch: -1 });
});

test('a log that lost what was read: the consumer goes on where the logs part, not at the reset', async () => {
  const { round, answers, asked, state } = open();
  answers.push({ records: batch(0, 3, 'a', 'b', 'c') }, { divergingEpoch: { epoch: 2, endOffset: 1 } });
  expect(await round()).toEqual(['a', 'b', 'c']);
  await round();
  expect([state.position, state.positionEpoch, state.reset]).toEqual([1, 2, null]);
  answers.push({ records: batch(1, 6, 'B') });
  expect(await round()).toEqual(['B']);
  expect(asked.map(({ offset, epoch }) => [offset, epoch])).toEqual([
    [0, -1],
    [3, 3],
    [1, 2],
  ]);
});

test('with auto.offset.reset=none the application decides about a truncation', async () => {
  const { round, answers, state } = open({ 'auto.offset.reset': 'none' });
  answers.push({ records: batch(0, 3, 'a', 'b') }, { divergingEpoch: { epoch: 2, endOffset: 1 } });
  await round();
  await expect(round()).rejects.toMatchObject({ kind: 'LOG_TRUNCATION' });
  expect(state.position).toBe(2);
});

test('a new leader that the answer names is asked at once; otherwise after a backoff, with newer metadata', async () => {
  const { round, answers, asked, pass, updates } = open();
  answers.push({
    errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER,
    currentLeader: { leaderId: 2, leaderEpoch: 6 },
  });
  await round();
  await round();
  expect(asked.map(({ nodeId }) => nodeId)).toEqual([1, 2]);
  answers.push({ errorCode: ErrorCode.FENCED_LEADER_EPOCH });
  const before = updates();
  await round();
  await round();
  expect([asked.length, updates()]).toEqual([3, before + 1]);
  await pass(2000);
  await round();
  expect(asked.length).toBe(4);
});

test('a preferred replica is read from for its lease, and left for the leader when it fails or is behind', async () => {
  const { round, answers, asked, pass, state } = open({ 'metadata.max.age.ms': 5000 });
  const prefer = { preferredReadReplica: 3 };
  const nodes = (): number[] => asked.map(({ nodeId }) => nodeId);
  answers.push(prefer, { records: batch(0, 3, 'a') });
  await round();
  expect(await round()).toEqual(['a']);
  expect(nodes()).toEqual([1, 3]);
  // Broken: the leader says again where to read.
  answers.push('lost', prefer);
  await round();
  await pass(2000);
  await round();
  expect(nodes()).toEqual([1, 3, 3, 1]);
  // Behind: the leader knows better, nothing is reset.
  answers.push({ errorCode: ErrorCode.OFFSET_OUT_OF_RANGE }, {});
  await round();
  await round();
  expect(nodes()).toEqual([1, 3, 3, 1, 3, 1]);
  expect([state.position, state.reset]).toEqual([1, null]);
  // The lease is over.
  answers.push(prefer);
  await round();
  await pass(5001);
  await round();
  expect(nodes().slice(-2)).toEqual([1, 1]);
});

test('a preferred replica that nobody knows is no busy loop', async () => {
  const { round, answers, asked, known, pass, updates } = open();
  known.delete(3);
  for (let i = 0; i < 9; i++) answers.push({ preferredReadReplica: 3 });
  for (let i = 0; i < 5; i++) await round();
  expect(asked.map(({ nodeId }) => nodeId)).toEqual([1]);
  expect(updates()).toBe(1);
  known.add(3);
  await pass(2000);
  await round();
  expect(asked.at(-1)!.nodeId).toBe(3);
});

import { expect, test } from 'vitest';
import type { ClusterImage } from '../../controller/image.ts';
import { sleep } from '../../ports/clock.ts';
import { SimWorld } from '../../ports/sim/world.ts';
import { endTxnMarkerOf } from '../../protocol/control-record.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { batchesIn } from '../../protocol/record-batch.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import type { TopicPartition } from '../../transactions/transaction.ts';
import type { BrokerCalls } from '../broker-calls.ts';
import { ControlledPartition } from '../testing-partition.ts';
import { ClusterMarkers } from './cluster-markers.ts';
import { LocalMarkers } from './local-markers.ts';
import { isGood, isOpenIn, Verifications } from './verifications.ts';

const MARKER = { producerId: 7, producerEpoch: 3, coordinatorEpoch: 5, isCommit: true, transactionVersion: 2 };
const at = (topic: string, partition = 0): TopicPartition => ({ topic, partition });

/** Broker 1, which leads `mine` and `__consumer_offsets`; others lead the rest. */
function open(leaders: Record<string, number>) {
  const world = new SimWorld({ seed: 1 });
  const { ports } = world.process('broker');
  const held = new Map<string, ControlledPartition>();
  const topics = new Map<string, { partitions: { leader: number }[] }>();
  for (const [topic, leader] of Object.entries(leaders)) {
    topics.set(topic, { partitions: [{ leader }] });
    if (leader === 1) held.set(topic, new ControlledPartition(ports, topic));
  }
  const ended: string[] = [];
  const verifications = new Verifications();
  const image = { topics } as unknown as ClusterImage;
  const local = new LocalMarkers({
    image,
    replicas: { partition: (topic: string) => held.get(topic) } as never,
    groups: {
      endTransaction: (partition: number, producerId: number, isCommit: boolean) =>
        ended.push(`${partition} ${producerId} ${isCommit}`),
    } as never,
    verifications,
    clock: ports.clock,
    timeoutMs: 1000,
  });
  /** By broker: what it is asked, and the code with which it answers; null: it cannot be reached. */
  const asked: string[] = [];
  const codes = new Map<string, number | null>();
  const calls: BrokerCalls = {
    async send(brokerId, _api, body) {
      const { markers } = body as never as { markers: { producerId: number; topics: { name: string }[] }[] };
      asked.push(
        `${brokerId}: ${markers.map((each) => `${each.producerId} ${each.topics.map(({ name }) => name)}`).join('; ')}`,
      );
      await sleep(ports.clock, 10);
      if (codes.get(`broker ${brokerId}`) === null) throw new RpcError('timeout', 'unknown', 'no answer');
      return {
        markers: markers.map(({ producerId, topics: named }) => ({
          producerId,
          topics: named.map(({ name }) => ({
            name,
            partitions: [{ partitionIndex: 0, errorCode: codes.get(name) ?? ErrorCode.NONE }],
          })),
        })),
      } as never;
    },
  };
  const markers = new ClusterMarkers({ nodeId: 1, image, local, calls, timeoutMs: 1000 });
  const settle = <T>(promise: Promise<T>) => world.settle(promise, { untilTimeMs: 100_000 });
  return { world, held, topics, ended, verifications, local, markers, asked, codes, settle };
}

test('markers go to the leaders of their partitions; what is not done is told, what is deleted or final is done', async () => {
  const { markers, asked, codes, held, topics, settle } = open({ mine: 1, a: 2, b: 3, c: 3, d: 3, none: -1 });
  codes.set('b', ErrorCode.NOT_LEADER_OR_FOLLOWER);
  codes.set('c', ErrorCode.TRANSACTION_COORDINATOR_FENCED);
  codes.set('d', ErrorCode.INVALID_PRODUCER_EPOCH);
  const all = ['mine', 'a', 'b', 'c', 'd', 'none', 'deleted'].map((topic) => at(topic));
  expect(await settle(markers.write(MARKER, all))).toEqual([at('none'), at('b')]);
  expect(asked).toEqual(['2: 7 a', '3: 7 b,c,d']);
  expect(held.get('mine')!.log.logEndOffset).toBe(1);
  // The leader has moved: the next attempt goes there.
  topics.set('b', { partitions: [{ leader: 2 }] });
  expect(await settle(markers.write(MARKER, [at('b')]))).toEqual([at('b')]);
  expect(asked.at(-1)).toBe('2: 7 b');
  // The topic was deleted meanwhile: nobody waits for it.
  const last = markers.write(MARKER, [at('b')]);
  topics.delete('b');
  expect(await settle(last)).toEqual([]);
});

test('what comes while a broker is asked goes with the next request, one producer once in it; a broker that does not answer is asked again', async () => {
  const { markers, asked, codes, settle } = open({ a: 2, b: 2 });
  const write = (producerId: number, topic: string) => markers.write({ ...MARKER, producerId }, [at(topic)]);
  const all = Promise.all([write(1, 'a'), write(2, 'a'), write(3, 'b'), write(2, 'b')]);
  expect(await settle(all)).toEqual([[], [], [], []]);
  expect(asked).toEqual(['2: 1 a', '2: 2 a; 3 b', '2: 2 b']);
  codes.set('broker 2', null);
  expect(await settle(write(1, 'a'))).toEqual([at('a')]);
});

test('a marker here is answered when it is committed in the epoch in which it was appended, and ends the offsets of the transaction then', async () => {
  const { local, held, ended, settle } = open({ __consumer_offsets: 1, mine: 1 });
  const partition = held.get('__consumer_offsets')!;
  partition.isAuto = false;
  const first = local.writeOne(MARKER, at('__consumer_offsets'));
  expect(await settle(first)).toBe(ErrorCode.REQUEST_TIMED_OUT);
  expect(ended).toEqual([]);
  partition.commit();
  expect(ended).toEqual(['0 7 true']);
  const second = local.writeOne(MARKER, at('__consumer_offsets'));
  partition.lose();
  partition.commit();
  expect(await settle(second)).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
  expect(await settle(local.writeOne(MARKER, at('__consumer_offsets')))).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
  expect(await settle(local.writeOne(MARKER, at('unknown')))).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  expect(ended).toHaveLength(1);
  const old = { ...MARKER, coordinatorEpoch: 4 };
  expect(await settle(local.writeOne(MARKER, at('mine')))).toBe(ErrorCode.NONE);
  expect(await settle(local.writeOne(old, at('mine')))).toBe(ErrorCode.TRANSACTION_COORDINATOR_FENCED);
  expect(await settle(local.writeOne({ ...MARKER, producerEpoch: 2 }, at('mine')))).toBe(
    ErrorCode.INVALID_PRODUCER_EPOCH,
  );
  const { log } = held.get('mine')!;
  const read = log.read(0, { maxBytes: 1000, maxOffset: 9, minOneBatch: true });
  if (read.kind === 'rejected' || read.slice === null) throw new Error('a marker stands there');
  const bytes = Buffer.alloc(read.slice.length);
  read.slice.file.readInto(bytes, read.slice.position);
  expect([...batchesIn(bytes)].map(endTxnMarkerOf)).toEqual([{ type: 1, coordinatorEpoch: 5 }]);
});

test('a marker, another leader epoch, or the end of the leadership makes the verifications that began before it void', async () => {
  const { local, held, verifications } = open({ mine: 1 });
  const partition = held.get('mine')!;
  const begin = (producerId: number) => verifications.begin(partition.it, producerId);
  const [mine, other] = [begin(7), begin(8)];
  expect([mine, other].map(isGood)).toEqual([true, true]);
  await local.writeOne(MARKER, at('mine'));
  const later = begin(7);
  expect([mine, other, later].map(isGood)).toEqual([false, true, true]);
  partition.lead();
  expect([other, later].map(isGood)).toEqual([false, false]);
  for (const each of [mine, other, later]) verifications.end(each);
  expect(isOpenIn(partition.it, { producerId: 7, producerEpoch: 3 })).toBe(false);
});

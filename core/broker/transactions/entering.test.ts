import { expect, test } from 'vitest';
import type { ClusterImage } from '../../controller/image.ts';
import { sleep } from '../../ports/clock.ts';
import { SimWorld } from '../../ports/sim/world.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { RecordBatch } from '../../protocol/record-batch.ts';
import { buildBatch } from '../../protocol/record-batch-builder.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import type { BrokerCalls } from '../broker-calls.ts';
import type { RequestCall } from '../handler.ts';
import { txnOffsetCommitHandler } from '../handlers/28-txn-offset-commit.ts';
import type { BrokerServices } from '../services.ts';
import { ControlledPartition } from '../testing-partition.ts';
import { Entering } from './entering.ts';
import { LocalMarkers } from './local-markers.ts';
import { throughGate } from './produce-gate.ts';
import { isOpenIn, Verifications } from './verifications.ts';

const PRODUCER = { producerId: 7, producerEpoch: 3 };
interface Asked {
  readonly transactionalId: string;
  readonly verifyOnly: boolean;
  readonly topics: readonly { readonly name: string; readonly partitions: readonly number[] }[];
}

/** Broker 1, which leads t-0 and __consumer_offsets-0; `coordinator` leads the state of every transactional id. */
function open(coordinator = 2) {
  const world = new SimWorld({ seed: 1 });
  const { clock } = world.process('broker').ports;
  const { ports } = world.process('broker');
  const held = new Map(['t', '__consumer_offsets'].map((topic) => [topic, new ControlledPartition(ports, topic)]));
  const topics = new Map([
    ['__transaction_state', { partitions: [{ leader: coordinator }] }],
    ['t', { partitions: [{ leader: 1 }] }],
  ]);
  const image = { topics } as unknown as ClusterImage;
  const verifications = new Verifications();
  const markers = new LocalMarkers({
    image,
    replicas: { partition: (topic: string) => held.get(topic) } as never,
    groups: { endTransaction: () => {} } as never,
    verifications,
    clock,
    timeoutMs: 1000,
  });
  /** What the coordinator elsewhere was asked, and its answers: the next one is taken off, and the last one stays. */
  const asked: Asked[][] = [];
  const answers: (number | 'lost')[] = [ErrorCode.NONE];
  const calls: BrokerCalls = {
    async send(brokerId, _api, body) {
      expect(brokerId).toBe(2);
      const { transactions } = body as never as { transactions: Asked[] };
      asked.push(transactions);
      const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
      await sleep(clock, 10);
      if (answer === 'lost') throw new RpcError('connection-lost', 'unknown', 'gone');
      return {
        throttleTimeMs: 0,
        errorCode: ErrorCode.NONE,
        resultsByTransaction: transactions.map(({ transactionalId, topics: named }) => ({
          transactionalId,
          topicResults: named.map(({ name, partitions }) => ({
            name,
            resultsByPartition: partitions.map((partitionIndex) => ({ partitionIndex, partitionErrorCode: answer })),
          })),
        })),
      } as never;
    },
  };
  /** This broker's own coordinator. */
  const local = { verified: ErrorCode.NONE as number, added: ErrorCode.NONE as number, addCount: 0 };
  const transactions = {
    partitionOf: () => 0,
    verify: () => local.verified,
    addPartitions: async () => {
      local.addCount++;
      local.verified = local.added;
      return local.added;
    },
  } as never;
  const entering = new Entering({
    nodeId: 1,
    image,
    transactions,
    calls,
    clock,
    timeoutMs: 1000,
    retryBackoffMs: 20,
    retryMsMax: 100,
  });
  const committed: unknown[] = [];
  const broker = {
    image,
    entering,
    verifications,
    settings: { boolean: () => true },
    replicas: { partition: (topic: string, index: number) => (index === 0 ? held.get(topic)?.it : undefined) },
    groups: {
      partitionOf: () => 0,
      offsets: {
        commitTransactional: async (...call: unknown[]) => {
          committed.push(call);
          return [ErrorCode.NONE];
        },
      },
    },
  } as unknown as BrokerServices;
  /** Produces one batch; the answer is why it was refused, or NONE. */
  const produce = async (apiVersion = 11, sequence = 0, topic = 't') => {
    const records = buildBatch({
      ...PRODUCER,
      baseSequence: sequence,
      isTransactional: true,
      records: [{ timestamp: 1, key: null, value: Buffer.from('v') }],
    });
    const request = {
      transactionalId: 'tx',
      acks: -1,
      timeoutMs: 1000,
      topicData: [{ name: topic, topicId: '', partitionData: [{ index: 0, records }] }],
    };
    const answer = throughGate(broker, request as never, { apiVersion } as RequestCall, ({ gate, request: kept }) => {
      const refused = gate(topic, 0);
      if (refused !== ErrorCode.NONE) return refused;
      return held.get(topic)!.append(kept.topicData[0]!.partitionData[0]!.records!, -1, 'client').result.errorCode;
    });
    // The frame's memory is used again.
    if (answer instanceof Promise) records.fill(0);
    return answer;
  };
  const commit = async (apiVersion = 4) => {
    const request = {
      transactionalId: 'tx',
      groupId: 'g',
      ...PRODUCER,
      generationId: -1,
      memberId: '',
      groupInstanceId: null,
      topics: [
        {
          name: 't',
          partitions: [{ partitionIndex: 0, committedOffset: 5, committedLeaderEpoch: -1, committedMetadata: '' }],
        },
      ],
    };
    const { topics: told } = await txnOffsetCommitHandler.handle(broker, request, { apiVersion } as RequestCall);
    return told[0].partitions[0].errorCode as number;
  };
  const settle = <T>(promise: Promise<T>) => world.settle(promise, { untilTimeMs: 100_000 });
  return { held, asked, answers, local, markers, produce, commit, committed, settle, entering, topics, verifications };
}

const marker = { ...PRODUCER, coordinatorEpoch: 0, isCommit: true, transactionVersion: 0 };

test('the first write to a partition is verified at the coordinator, those after it need no question while the transaction is open', async () => {
  const { produce, asked, held, markers, settle } = open();
  expect(await settle(produce())).toBe(ErrorCode.NONE);
  expect(asked).toEqual([
    [{ transactionalId: 'tx', ...PRODUCER, verifyOnly: true, topics: [{ name: 't', partitions: [0] }] }],
  ]);
  expect(isOpenIn(held.get('t')!.it, PRODUCER)).toBe(true);
  expect(await settle(produce(11, 1))).toBe(ErrorCode.NONE);
  expect(asked).toHaveLength(1);
  await settle(markers.writeOne(marker, { topic: 't', partition: 0 }));
  expect(await settle(produce(11, 2))).toBe(ErrorCode.NONE);
  expect(asked).toHaveLength(2);
});

test('what the coordinator refuses is refused, in words that the client knows', async () => {
  const { produce, answers, held, settle } = open();
  const told: number[][] = [];
  for (const answer of [
    ErrorCode.PRODUCER_FENCED,
    ErrorCode.TRANSACTION_ABORTABLE,
    ErrorCode.CONCURRENT_TRANSACTIONS,
    ErrorCode.NOT_COORDINATOR,
    ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    ErrorCode.INVALID_PRODUCER_ID_MAPPING,
    'lost' as const,
  ]) {
    answers.splice(0, answers.length, answer);
    told.push([await settle(produce(10)), await settle(produce(11)), await settle(produce(12))]);
  }
  const { NOT_ENOUGH_REPLICAS: retry } = ErrorCode;
  expect(told).toEqual([
    [ErrorCode.INVALID_PRODUCER_EPOCH, ErrorCode.INVALID_PRODUCER_EPOCH, ErrorCode.INVALID_PRODUCER_EPOCH],
    [ErrorCode.INVALID_TXN_STATE, ErrorCode.TRANSACTION_ABORTABLE, ErrorCode.TRANSACTION_ABORTABLE],
    [retry, retry, ErrorCode.CONCURRENT_TRANSACTIONS],
    [retry, retry, retry],
    [retry, retry, retry],
    [49, 49, 49],
    [retry, retry, retry],
  ]);
  expect(held.get('t')!.log.logEndOffset).toBe(0);
});

test('a producer that leaves it to the broker is entered, once an earlier end of its id is through', async () => {
  const { produce, asked, answers, settle } = open();
  answers.unshift(ErrorCode.CONCURRENT_TRANSACTIONS, ErrorCode.CONCURRENT_TRANSACTIONS);
  expect(await settle(produce(12))).toBe(ErrorCode.NONE);
  expect(asked.map(([only]) => only!.verifyOnly)).toEqual([false, false, false]);
});

test('a marker that overtakes the answer shuts the write out, as does another leader epoch', async () => {
  const { produce, commit, committed, held, markers, settle, verifications } = open();
  const late = produce();
  await markers.writeOne(marker, { topic: 't', partition: 0 });
  expect(await settle(late)).toBe(ErrorCode.INVALID_TXN_STATE);
  const moved = produce();
  held.get('t')!.lose();
  held.get('t')!.lead();
  expect(await settle(moved)).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
  expect(held.get('t')!.log.logEndOffset).toBe(1);
  const lateOffsets = commit();
  await markers.writeOne(marker, { topic: '__consumer_offsets', partition: 0 });
  expect(await settle(lateOffsets)).toBe(ErrorCode.INVALID_TXN_STATE);
  expect(committed).toEqual([]);
  expect([...(verifications as unknown as { underWay: Map<unknown, unknown> }).underWay]).toEqual([]);
});

test('offsets in a transaction: verified or entered at the coordinator; a broker that does not lead the group says so', async () => {
  const { commit, committed, asked, answers, held, settle } = open();
  expect(await settle(commit())).toBe(ErrorCode.NONE);
  expect(await settle(commit(5))).toBe(ErrorCode.NONE);
  expect(asked.map(([only]) => [only!.verifyOnly, only!.topics[0]!.name])).toEqual([
    [true, '__consumer_offsets'],
    [false, '__consumer_offsets'],
  ]);
  expect(committed).toHaveLength(2);
  answers.unshift('lost');
  expect(await settle(commit())).toBe(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
  held.get('__consumer_offsets')!.lose();
  expect(await settle(commit())).toBe(ErrorCode.NOT_COORDINATOR);
});

test('where this broker coordinates nothing goes out: a partition that is in the transaction is written at once', async () => {
  const { produce, asked, local, settle } = open(1);
  const now = produce(12);
  expect(await now).toBe(ErrorCode.NONE);
  expect(local.addCount).toBe(0);
  const other = open(1);
  other.local.verified = ErrorCode.TRANSACTION_ABORTABLE;
  expect(await settle(other.produce(11))).toBe(ErrorCode.TRANSACTION_ABORTABLE);
  expect(await other.settle(other.produce(12))).toBe(ErrorCode.NONE);
  expect(other.local.addCount).toBe(1);
  expect([asked, other.asked]).toEqual([[], []]);
});

test('questions that come while a coordinator is asked go together; an id whose coordinator nobody knows is not asked for', async () => {
  const { entering, asked, settle, topics } = open();
  const verify = (id: string) => entering.verify(id, PRODUCER, [{ topic: 't', partition: 0 }]);
  expect(await settle(Promise.all(['a', 'b', 'c', 'b'].map(verify)))).toEqual([[0], [0], [0], [0]]);
  expect(asked.map((each) => each.map(({ transactionalId }) => transactionalId))).toEqual([['a'], ['b', 'c'], ['b']]);
  topics.set('__transaction_state', { partitions: [{ leader: -1 }] });
  expect(await settle(verify('a'))).toEqual([ErrorCode.COORDINATOR_NOT_AVAILABLE]);
});

test('the bytes of a write that waits are its own', async () => {
  const { produce, held, settle } = open();
  await settle(produce());
  const { log } = held.get('t')!;
  const read = log.read(0, { maxBytes: 1000, maxOffset: 9, minOneBatch: true });
  if (read.kind === 'rejected' || read.slice === null) throw new Error('a batch stands there');
  const bytes = Buffer.alloc(read.slice.length);
  read.slice.file.readInto(bytes, read.slice.position);
  expect(new RecordBatch(bytes).isCrcValid).toBe(true);
});

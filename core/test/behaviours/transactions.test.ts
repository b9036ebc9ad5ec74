// C26–C31 and C38: producer ids, transactions, read_committed. C25, sequences, stands in produce.test.ts.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Produce } from '../../protocol/messages/00-produce.ts';
import { Fetch } from '../../protocol/messages/01-fetch.ts';
import { ListOffsets } from '../../protocol/messages/02-list-offsets.ts';
import { OffsetFetch } from '../../protocol/messages/09-offset-fetch.ts';
import { FindCoordinator } from '../../protocol/messages/10-find-coordinator.ts';
import { InitProducerId } from '../../protocol/messages/22-init-producer-id.ts';
import { AddPartitionsToTxn } from '../../protocol/messages/24-add-partitions-to-txn.ts';
import { AddOffsetsToTxn } from '../../protocol/messages/25-add-offsets-to-txn.ts';
import { EndTxn } from '../../protocol/messages/26-end-txn.ts';
import { TxnOffsetCommit } from '../../protocol/messages/28-txn-offset-commit.ts';
import { DescribeProducers } from '../../protocol/messages/61-describe-producers.ts';
import { DescribeTransactions } from '../../protocol/messages/65-describe-transactions.ts';
import { ListTransactions } from '../../protocol/messages/66-list-transactions.ts';
import { recordsOf } from '../../protocol/record.ts';
import { batchesIn } from '../../protocol/record-batch.ts';
import { eventually, type ForeignBroker, freshName, owned, startBroker } from '../foreign/harness.ts';
import { batchOf, createTopic, fetchBody, findCoordinator, produce, Wire } from './wire.ts';

interface Identity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

const abortCheckMs = 200;

describe('transactions', () => {
  let broker: ForeignBroker;
  let wire: Wire;

  beforeAll(async () => {
    broker = await startBroker({
      set: { 'transaction.abort.timed.out.transaction.cleanup.interval.ms': abortCheckMs },
    });
    wire = await Wire.open(broker);
  });
  afterAll(async () => {
    wire?.close();
    await broker?.dispose();
  });

  const ask = (transactionalId: string | null, timeoutMs = 60_000, expected?: Identity) =>
    wire.ask(InitProducerId, 5, { transactionalId, transactionTimeoutMs: timeoutMs, ...expected });

  /** The identity of a transactional id, whatever was open before. */
  async function init(transactionalId: string, timeoutMs?: number): Promise<Identity> {
    await eventually(`a coordinator for ${transactionalId}`, async () => {
      const { coordinators } = await wire.ask(FindCoordinator, 4, { keyType: 1, coordinatorKeys: [transactionalId] });
      return coordinators[0]!.errorCode === 0;
    });
    return eventually(`an epoch for ${transactionalId}`, async () => {
      const { errorCode, producerId, producerEpoch } = await ask(transactionalId, timeoutMs);
      if (errorCode === 0) return { producerId, producerEpoch };
      expect([14, 15, 16, 51]).toContain(errorCode);
      return undefined;
    });
  }

  const add = async (transactionalId: string, { producerId, producerEpoch }: Identity, topic: string, version = 3) => {
    const { resultsByTopicV3AndBelow } = await wire.ask(AddPartitionsToTxn, version, {
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: [{ name: topic, partitions: [0] }],
    });
    return resultsByTopicV3AndBelow[0]!.resultsByPartition[0]!.partitionErrorCode;
  };

  /** Adds, waiting while the last transaction is being ended. */
  const entered = (transactionalId: string, identity: Identity, topic: string) =>
    eventually(`${topic} in ${transactionalId}`, async () => (await add(transactionalId, identity, topic)) === 0);

  const write = async (
    transactionalId: string | null,
    topic: string,
    identity: Identity,
    baseSequence: number,
    values: readonly string[] = ['v'],
    version = 11,
    isTransactional = true,
  ) => {
    const records = batchOf(values, { ...identity, baseSequence, isTransactional });
    const body = {
      transactionalId,
      acks: -1,
      timeoutMs: 10_000,
      topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
    };
    const { responses } = await wire.ask(Produce, version, body);
    return responses[0]!.partitionResponses[0]!;
  };

  const end = (transactionalId: string, identity: Identity, committed: boolean, version = 4) =>
    wire.ask(EndTxn, version, { transactionalId, ...identity, committed });

  /** Ends it, and waits until the markers stand. */
  async function ended(transactionalId: string, identity: Identity, committed: boolean): Promise<void> {
    expect((await end(transactionalId, identity, committed)).errorCode).toBe(0);
    await complete(transactionalId);
  }

  const complete = (transactionalId: string) =>
    eventually(`the end of ${transactionalId}`, async () => {
      const { transactionStates } = await wire.ask(DescribeTransactions, 0, { transactionalIds: [transactionalId] });
      return transactionStates[0]!.transactionState.startsWith('Complete');
    });

  async function read(topic: string, isolationLevel: 0 | 1, offset = 0) {
    const body = { ...fetchBody([{ topic, partition: 0, offset }]), isolationLevel };
    const { responses } = await wire.ask(Fetch, 12, body);
    const partition = responses[0]!.partitions[0]!;
    const values: string[] = [];
    let controls = 0;
    for (const batch of batchesIn(partition.records ?? Buffer.alloc(0))) {
      if (batch.isControl) controls++;
      else for (const record of recordsOf(batch)) values.push(String(record.value));
    }
    return { ...partition, values, controls };
  }

  test('C26 init: raises the epoch, takes up with the expected one, bounds the timeout, aborts what is open', async () => {
    const id = freshName('c26');
    const topic = freshName('c26');
    await createTopic(wire, topic);
    const first = await init(id);
    expect(first.producerEpoch).toBe(0);
    const second = await init(id);
    expect(second).toEqual({ producerId: first.producerId, producerEpoch: 1 });
    // KIP-360: by the present epoch it is raised, by the last one it is a retry, any other is fenced.
    expect(await ask(id, 60_000, second)).toMatchObject({ errorCode: 0, producerEpoch: 2 });
    expect(await ask(id, 60_000, second)).toMatchObject({ errorCode: 0, producerEpoch: 2 });
    expect((await ask(id, 60_000, first)).errorCode).toBe(90);
    expect((await ask(id, 60_000, { producerId: first.producerId + 1000, producerEpoch: 2 })).errorCode).toBe(90);
    expect((await ask(id, 60_000, { producerId: first.producerId, producerEpoch: -1 })).errorCode).toBe(42);
    expect((await ask(id, 900_001)).errorCode).toBe(50);
    expect((await ask('', 1000)).errorCode).toBe(42);
    const open = { producerId: first.producerId, producerEpoch: 2 };
    await entered(id, open, topic);
    expect((await write(id, topic, open, 0, ['open'])).errorCode).toBe(0);
    expect((await ask(id)).errorCode).toBe(51);
    const next = await init(id);
    expect(next).toEqual({ producerId: first.producerId, producerEpoch: 4 });
    expect((await read(topic, 1)).abortedTransactions).toEqual([{ producerId: first.producerId, firstOffset: 0 }]);
  });

  test('C27 fenced: 90, 47 for older versions and for writes; a wrong producer id 49; a wrong state 48', async () => {
    const id = freshName('c27');
    const topic = freshName('c27');
    await createTopic(wire, topic);
    const zombie = await init(id);
    const live = await init(id);
    const stranger = { ...live, producerId: live.producerId + 1000 };
    expect(await add(id, zombie, topic)).toBe(90);
    expect(await add(id, zombie, topic, 1)).toBe(47);
    expect(await add(id, stranger, topic)).toBe(49);
    expect(await add(freshName('nobody'), live, topic)).toBe(49);
    expect((await end(id, live, true)).errorCode).toBe(48);
    await entered(id, live, topic);
    expect((await end(id, zombie, true)).errorCode).toBe(90);
    expect((await end(id, zombie, true, 1)).errorCode).toBe(47);
    expect((await end(id, stranger, true)).errorCode).toBe(49);
    expect((await write(id, topic, zombie, 0)).errorCode).toBe(47);
    expect((await write(id, topic, stranger, 0)).errorCode).toBe(49);
    expect((await write(id, topic, live, 0)).errorCode).toBe(0);
    await ended(id, live, true);
    expect((await end(id, live, true)).errorCode).toBe(0);
    expect((await end(id, live, false)).errorCode).toBe(48);
    // One partition that does not exist, and none is entered.
    const { resultsByTopicV3AndBelow } = await wire.ask(AddPartitionsToTxn, 3, {
      v3AndBelowTransactionalId: id,
      v3AndBelowProducerId: live.producerId,
      v3AndBelowProducerEpoch: live.producerEpoch,
      v3AndBelowTopics: [{ name: topic, partitions: [0, 9] }],
    });
    const codes = resultsByTopicV3AndBelow[0]!.resultsByPartition.map((each) => each.partitionErrorCode);
    expect(codes.sort()).toEqual([3, 55]);
  });

  test('C28 a write of an old client to a partition that it did not enter: 48, from v11 on 120', async () => {
    const id = freshName('c28');
    const topic = freshName('c28');
    await createTopic(wire, topic);
    const identity = await init(id);
    expect((await write(id, topic, identity, 0, ['v'], 10)).errorCode).toBe(48);
    expect((await write(id, topic, identity, 0, ['v'], 11)).errorCode).toBe(120);
  });

  test('C28 version 2: Produce v12 enters the partition, EndTxn v5 answers a raised epoch, again on a retry', async () => {
    const id = freshName('c28');
    const topic = freshName('c28');
    await createTopic(wire, topic);
    let identity = await init(id);
    const { producerId } = identity;
    for (const committed of [true, false, true]) {
      expect((await write(id, topic, identity, 0, [`${committed}`], 12)).errorCode).toBe(0);
      const raised = { producerId, producerEpoch: identity.producerEpoch + 1 };
      expect(await end(id, identity, committed, 5)).toMatchObject({ errorCode: 0, ...raised });
      await complete(id);
      expect(await end(id, identity, committed, 5)).toMatchObject({ errorCode: 0, ...raised });
      expect((await end(id, identity, !committed, 5)).errorCode).toBe(48);
      // A straggler of the ended transaction does not get into the next one.
      expect((await write(id, topic, identity, 1, ['straggler'], 12)).errorCode).toBe(47);
      identity = raised;
    }
    expect((await read(topic, 1)).values.filter((each) => each === 'true')).toHaveLength(2);
    expect((await read(topic, 1)).abortedTransactions).toEqual([{ producerId, firstOffset: 2 }]);
    // Nothing was begun: nothing can be committed; an abort raises the epoch all the same.
    expect((await end(id, identity, true, 5)).errorCode).toBe(48);
    expect(await end(id, identity, false, 5)).toMatchObject({
      errorCode: 0,
      producerEpoch: identity.producerEpoch + 1,
    });
  });

  test('C28 the end of the epochs: EndTxn v5 goes over to a new producer id', async () => {
    const id = freshName('c28');
    const topic = freshName('c28');
    await createTopic(wire, topic);
    let identity = await init(id);
    const first = identity.producerId;
    // Raising by 1 needs 32,766 calls; they are pipelined.
    while (identity.producerEpoch < 0x7ffe) {
      const answers = [];
      for (let i = 0; i < Math.min(2000, 0x7ffe - identity.producerEpoch); i++) {
        answers.push(wire.send(InitProducerId, 5, { transactionalId: id, transactionTimeoutMs: 60_000 }));
      }
      for (const answer of answers) {
        const { errorCode, producerId, producerEpoch } = await answer();
        expect(errorCode).toBe(0);
        identity = { producerId, producerEpoch };
      }
    }
    expect(identity).toEqual({ producerId: first, producerEpoch: 0x7ffe });
    expect((await write(id, topic, identity, 0, ['last'], 12)).errorCode).toBe(0);
    const next = await end(id, identity, true, 5);
    expect(next.errorCode).toBe(0);
    expect(next.producerId).not.toBe(first);
    expect(next.producerEpoch).toBe(0);
    await complete(id);
    expect(await end(id, identity, true, 5)).toMatchObject({ errorCode: 0, producerId: next.producerId });
    expect((await write(id, topic, next, 0, ['first'], 12)).errorCode).toBe(0);
    expect((await end(id, next, true, 5)).errorCode).toBe(0);
    await complete(id);
    expect((await read(topic, 1)).values).toEqual(['last', 'first']);
  }, 60_000);

  test('C29 a write outside the open transaction of its producer: 48', async () => {
    const id = freshName('c29');
    const topic = freshName('c29');
    await createTopic(wire, topic);
    const identity = await init(id);
    await entered(id, identity, topic);
    expect((await write(id, topic, identity, 0)).errorCode).toBe(0);
    expect((await write(null, topic, identity, 1, ['v'], 11, false)).errorCode).toBe(48);
    expect((await write(id, topic, identity, 1)).errorCode).toBe(0);
    await ended(id, identity, true);
    // A transactional batch in a request without a transactional id.
    const other = await init(freshName('c29'));
    expect((await write(null, topic, other, 0)).errorCode).not.toBe(0);
  });

  test.runIf(owned)('C30 a transaction that is open for too long is aborted, and its producer fenced', async () => {
    const id = freshName('c30');
    const topic = freshName('c30');
    await createTopic(wire, topic);
    const identity = await init(id, 300);
    await entered(id, identity, topic);
    expect((await write(id, topic, identity, 0, ['late'])).errorCode).toBe(0);
    expect((await read(topic, 1)).lastStableOffset).toBe(0);
    await eventually('the abort', async () => (await read(topic, 1)).lastStableOffset === 2);
    expect((await read(topic, 1)).abortedTransactions).toHaveLength(1);
    expect((await end(id, identity, true)).errorCode).toBe(90);
    expect((await write(id, topic, identity, 1)).errorCode).toBe(47);
    expect((await init(id)).producerEpoch).toBeGreaterThan(identity.producerEpoch);
  });

  const commitOffset = async (
    id: string,
    groupId: string,
    identity: Identity,
    topic: string,
    offset: number,
    version: number,
  ) => {
    const { topics } = await wire.ask(TxnOffsetCommit, version, {
      transactionalId: id,
      groupId,
      ...identity,
      topics: [{ name: topic, partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: 'm' }] }],
    });
    return topics[0]!.partitions[0]!.errorCode;
  };
  const committed = async (groupId: string, topic: string, requireStable: boolean) => {
    const { groups } = await wire.ask(OffsetFetch, 8, {
      groups: [{ groupId, topics: [{ name: topic, partitionIndexes: [0] }] }],
      requireStable,
    });
    const { committedOffset, errorCode } = groups[0]!.topics[0]!.partitions[0]!;
    return { committedOffset, errorCode };
  };

  test('C31 offsets in a transaction show after its commit; who wants stable ones is told 88 until then', async () => {
    const id = freshName('c31');
    const group = freshName('c31');
    const topic = freshName('c31');
    await createTopic(wire, topic);
    await findCoordinator(wire, group);
    const identity = await init(id);
    expect(await commitOffset(id, group, identity, topic, 5, 3)).not.toBe(0);
    const enter = () => wire.ask(AddOffsetsToTxn, 3, { transactionalId: id, ...identity, groupId: group });
    expect((await enter()).errorCode).toBe(0);
    expect(await commitOffset(id, group, identity, topic, 5, 3)).toBe(0);
    expect(await committed(group, topic, false)).toEqual({ committedOffset: -1, errorCode: 0 });
    expect((await committed(group, topic, true)).errorCode).toBe(88);
    await ended(id, identity, true);
    expect(await committed(group, topic, true)).toEqual({ committedOffset: 5, errorCode: 0 });
    await eventually('the next transaction', async () => (await enter()).errorCode === 0);
    expect(await commitOffset(id, group, identity, topic, 9, 3)).toBe(0);
    await ended(id, identity, false);
    expect(await committed(group, topic, true)).toEqual({ committedOffset: 5, errorCode: 0 });
    expect(
      (await commitOffset(id, group, { ...identity, producerEpoch: identity.producerEpoch - 1 }, topic, 9, 3)) !== 0,
    ).toBe(true);
  });

  test('C31 TxnOffsetCommit v5 enters the group by itself', async () => {
    const id = freshName('c31');
    const group = freshName('c31');
    const topic = freshName('c31');
    await createTopic(wire, topic);
    await findCoordinator(wire, group);
    const identity = await init(id);
    expect(await commitOffset(id, group, identity, topic, 7, 5)).toBe(0);
    expect((await committed(group, topic, true)).errorCode).toBe(88);
    expect((await end(id, identity, true, 5)).errorCode).toBe(0);
    await complete(id);
    expect(await committed(group, topic, true)).toEqual({ committedOffset: 7, errorCode: 0 });
    expect(await commitOffset(id, group, identity, topic, 8, 5)).toBe(47);
  });

  test.runIf(owned)('C31 offsets that wait for their transaction survive a kill', async () => {
    const id = freshName('c31');
    const group = freshName('c31');
    const topic = freshName('c31');
    await createTopic(wire, topic);
    await findCoordinator(wire, group);
    const identity = await init(id);
    expect(await commitOffset(id, group, identity, topic, 7, 5)).toBe(0);
    expect((await write(id, topic, identity, 0, ['data'], 12)).errorCode).toBe(0);
    wire.close();
    await broker.kill();
    await broker.restart();
    wire = await Wire.open(broker);
    await findCoordinator(wire, group);
    expect((await committed(group, topic, true)).errorCode).toBe(88);
    expect((await read(topic, 1)).values).toEqual([]);
    await eventually('the end', async () => (await end(id, identity, true, 5)).errorCode === 0);
    await complete(id);
    expect(await committed(group, topic, true)).toEqual({ committedOffset: 7, errorCode: 0 });
    expect((await read(topic, 1)).values).toEqual(['data']);
  });

  test('C38 read_committed ends at the last stable offset, names what was aborted, and gets control batches', async () => {
    const topic = freshName('c38');
    await createTopic(wire, topic);
    const [a, b] = [freshName('c38a'), freshName('c38b')];
    const [first, second] = [await init(a), await init(b)];
    await entered(a, first, topic);
    await entered(b, second, topic);
    await produce(wire, topic, batchOf(['plain']));
    await write(a, topic, first, 0, ['a1', 'a2']);
    await write(b, topic, second, 0, ['b1']);
    await ended(b, second, false);
    // 0 plain, 1–2 a, 3 b, 4 b's abort
    expect(await read(topic, 1)).toMatchObject({
      values: ['plain'],
      lastStableOffset: 1,
      highWatermark: 5,
      controls: 0,
    });
    expect(await read(topic, 0)).toMatchObject({ values: ['plain', 'a1', 'a2', 'b1'], abortedTransactions: null });
    const latest = async (isolationLevel: 0 | 1, timestamp = -1) => {
      const { topics } = await wire.ask(ListOffsets, 7, {
        replicaId: -1,
        isolationLevel,
        topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp }] }],
      });
      return topics[0]!.partitions[0]!.offset;
    };
    expect([await latest(0), await latest(1)]).toEqual([5, 1]);
    await ended(a, first, true);
    expect([await latest(0), await latest(1)]).toEqual([6, 6]);
    const all = await read(topic, 1);
    expect(all).toMatchObject({ lastStableOffset: 6, controls: 2, values: ['plain', 'a1', 'a2', 'b1'] });
    expect(all.abortedTransactions).toEqual([{ producerId: second.producerId, firstOffset: 3 }]);
    // A waiting reader is woken by the end of the transaction.
    await entered(a, first, topic);
    await write(a, topic, first, 2, ['a3']);
    const reader = await Wire.open(broker);
    const body = {
      ...fetchBody([{ topic, partition: 0, offset: 6 }]),
      isolationLevel: 1,
      maxWaitMs: 10_000,
      minBytes: 1,
    };
    const waiting = reader.ask(Fetch, 12, body);
    await sleep(100);
    await ended(a, first, true);
    const { responses } = await waiting;
    expect(responses[0]!.partitions[0]!.records!.length).toBeGreaterThan(0);
    reader.close();
  });

  test('what is open can be looked at: DescribeProducers, DescribeTransactions, ListTransactions', async () => {
    const id = freshName('describe');
    const topic = freshName('describe');
    await createTopic(wire, topic);
    const identity = await init(id);
    await entered(id, identity, topic);
    await write(id, topic, identity, 0);
    const { topics } = await wire.ask(DescribeProducers, 0, { topics: [{ name: topic, partitionIndexes: [0, 9] }] });
    const partitions = [...topics[0]!.partitions].sort((x, y) => x.partitionIndex - y.partitionIndex);
    expect(partitions[0]!.activeProducers).toMatchObject([{ ...identity, lastSequence: 0, currentTxnStartOffset: 0 }]);
    expect(partitions[1]!.errorCode).toBe(3);
    const { transactionStates } = await wire.ask(DescribeTransactions, 0, {
      transactionalIds: [id, freshName('nobody')],
    });
    expect(transactionStates[0]).toMatchObject({
      errorCode: 0,
      transactionState: 'Ongoing',
      transactionTimeoutMs: 60_000,
      ...identity,
      topics: [{ topic, partitions: [0] }],
    });
    expect(transactionStates[1]!.errorCode).toBe(105);
    const list = async (
      filter: Partial<{ stateFilters: string[]; producerIdFilters: number[]; transactionalIdPattern: string }>,
    ) => {
      const answer = await wire.ask(ListTransactions, 2, {
        stateFilters: [],
        producerIdFilters: [],
        durationFilter: -1,
        transactionalIdPattern: null,
        ...filter,
      });
      return { ...answer, isIn: answer.transactionStates.some((each) => each.transactionalId === id) };
    };
    expect((await list({})).isIn).toBe(true);
    expect((await list({ stateFilters: ['Ongoing'] })).isIn).toBe(true);
    expect((await list({ stateFilters: ['Empty'] })).isIn).toBe(false);
    expect(await list({ stateFilters: ['Nonsense'] })).toMatchObject({ unknownStateFilters: ['Nonsense'] });
    expect((await list({ producerIdFilters: [identity.producerId] })).isIn).toBe(true);
    expect((await list({ producerIdFilters: [identity.producerId + 1000] })).isIn).toBe(false);
    expect((await list({ transactionalIdPattern: 'describe-.*' })).isIn).toBe(true);
    expect((await list({ transactionalIdPattern: 'describe' })).isIn).toBe(false);
    expect((await list({ transactionalIdPattern: '(' })).errorCode).toBe(128);
    await ended(id, identity, false);
  });
});

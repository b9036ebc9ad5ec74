// Share groups (KIP-932), request by request: sessions, who acquires which records, what acknowledgements do, locks, limits, and where a group begins.
// A group's membership is in share-group-membership.test.ts; here the state of a share partition is begun by hand, which is all that ShareFetch asks for.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Produce } from '../../protocol/messages/00-produce.ts';
import { FindCoordinator } from '../../protocol/messages/10-find-coordinator.ts';
import { DeleteTopics } from '../../protocol/messages/20-delete-topics.ts';
import { DeleteRecords } from '../../protocol/messages/21-delete-records.ts';
import { InitProducerId } from '../../protocol/messages/22-init-producer-id.ts';
import { AddPartitionsToTxn } from '../../protocol/messages/24-add-partitions-to-txn.ts';
import { EndTxn } from '../../protocol/messages/26-end-txn.ts';
import { IncrementalAlterConfigs } from '../../protocol/messages/44-incremental-alter-configs.ts';
import { UpdateFeatures } from '../../protocol/messages/57-update-features.ts';
import { ShareGroupHeartbeat } from '../../protocol/messages/76-share-group-heartbeat.ts';
import { ShareGroupDescribe } from '../../protocol/messages/77-share-group-describe.ts';
import { ShareFetch } from '../../protocol/messages/78-share-fetch.ts';
import { ShareAcknowledge } from '../../protocol/messages/79-share-acknowledge.ts';
import { InitializeShareGroupState } from '../../protocol/messages/83-initialize-share-group-state.ts';
import { ReadShareGroupStateSummary } from '../../protocol/messages/87-read-share-group-state-summary.ts';
import { DescribeShareGroupOffsets } from '../../protocol/messages/90-describe-share-group-offsets.ts';
import { AlterShareGroupOffsets } from '../../protocol/messages/91-alter-share-group-offsets.ts';
import { DeleteShareGroupOffsets } from '../../protocol/messages/92-delete-share-group-offsets.ts';
import { recordsOf } from '../../protocol/record.ts';
import { batchesIn } from '../../protocol/record-batch.ts';
import type { RequestInput } from '../../protocol/schema.ts';
import { type ForeignBroker, freshName, owned, startBroker } from '../foreign/harness.ts';
import { batchOf, createTopic, produce, produceBody, Wire } from './wire.ts';

const [GAP, ACCEPT, RELEASE, REJECT, RENEW] = [0, 1, 2, 3, 4];
const GROUP_RESOURCE = 32;
const sessionsMax = 12;
const lockMs = 2000;
const UNKNOWN_TOPIC = 'AAAAAAAAQACAAAAAAAAAAQ';

type Acknowledged = readonly [firstOffset: number, lastOffset: number, ...types: number[]];

interface FetchOptions {
  readonly version?: number;
  readonly acks?: readonly Acknowledged[];
  readonly maxRecords?: number;
  readonly batchSize?: number;
  readonly maxWaitMs?: number;
  readonly minBytes?: number;
  readonly maxBytes?: number;
  readonly acquireMode?: number;
  readonly isRenewAck?: boolean;
  readonly topicId?: string;
  readonly partition?: number;
  readonly forget?: boolean;
  /** No partition is named. */
  readonly empty?: boolean;
}

/** A member of a group that reads one partition over one connection. */
class Member {
  readonly wire: Wire;
  readonly group: string;
  readonly id: string;
  readonly topicId: string;
  epoch = 0;

  constructor(wire: Wire, group: string, id: string, topicId: string) {
    this.wire = wire;
    this.group = group;
    this.id = id;
    this.topicId = topicId;
  }

  send(options: FetchOptions = {}) {
    const topicId = options.topicId ?? this.topicId;
    const partitionIndex = options.partition ?? 0;
    const partitions = [{ partitionIndex, acknowledgementBatches: batches(options.acks ?? []) }];
    const body: RequestInput<typeof ShareFetch> = {
      groupId: this.group,
      memberId: this.id,
      shareSessionEpoch: this.epoch,
      maxWaitMs: options.maxWaitMs ?? 0,
      minBytes: options.minBytes ?? 1,
      maxBytes: options.maxBytes ?? 1_000_000,
      maxRecords: options.maxRecords ?? 500,
      batchSize: options.batchSize ?? 500,
      shareAcquireMode: options.acquireMode ?? 0,
      isRenewAck: options.isRenewAck ?? false,
      topics: options.empty === true ? [] : [{ topicId, partitions }],
      forgottenTopicsData: options.forget === true ? [{ topicId, partitions: [partitionIndex] }] : [],
    };
    this.epoch++;
    return this.wire.send(ShareFetch, options.version ?? 2, body);
  }

  whole(options: FetchOptions = {}) {
    return this.send(options)();
  }

  async fetch(options: FetchOptions = {}) {
    const { errorCode, responses } = await this.whole(options);
    if (errorCode !== 0) throw new Error(`${this.id}: ${errorCode}`);
    return responses[0]?.partitions[0];
  }

  /** What it acquires: [first, last, delivery count]. */
  async acquire(options: FetchOptions = {}): Promise<number[][]> {
    return rangesOf(await this.fetch(options));
  }

  /** Until there is something: a share partition that is being loaded has nothing to give. */
  async acquireSome(options: FetchOptions = {}): Promise<number[][]> {
    for (const endMs = Date.now() + 10_000; ; ) {
      const ranges = await this.acquire({ maxWaitMs: 500, ...options });
      if (ranges.length > 0 || Date.now() > endMs) return ranges;
    }
  }

  async whatBecameOf(acks: readonly Acknowledged[], { version = 2, isRenewAck = false } = {}) {
    const partitions = [{ partitionIndex: 0, acknowledgementBatches: batches(acks) }];
    const answer = await this.wire.ask(ShareAcknowledge, version, {
      groupId: this.group,
      memberId: this.id,
      shareSessionEpoch: this.epoch++,
      isRenewAck,
      topics: [{ topicId: this.topicId, partitions }],
    });
    return answer.errorCode === 0 ? answer.responses[0]?.partitions[0]?.errorCode : { error: answer.errorCode };
  }
}

function batches(acks: readonly Acknowledged[]) {
  return acks.map(([firstOffset, lastOffset, ...acknowledgeTypes]) => ({ firstOffset, lastOffset, acknowledgeTypes }));
}

function rangesOf(
  partition: { acquiredRecords: { firstOffset: number; lastOffset: number; deliveryCount: number }[] } | undefined,
): number[][] {
  return (partition?.acquiredRecords ?? []).map((each) => [each.firstOffset, each.lastOffset, each.deliveryCount]);
}

describe('share groups: delivery', { timeout: 60_000 }, () => {
  let broker: ForeignBroker;
  let wire: Wire;
  const wires: Wire[] = [];

  beforeAll(async () => {
    broker = await startBroker({
      set: {
        'group.share.min.record.lock.duration.ms': 1000,
        'group.share.max.size': sessionsMax,
        'group.share.max.share.sessions': sessionsMax,
        'share.coordinator.state.topic.num.partitions': 2,
        'share.coordinator.state.topic.replication.factor': 1,
        'share.coordinator.state.topic.min.isr': 1,
        'transaction.state.log.num.partitions': 1,
        'transaction.state.log.replication.factor': 1,
        'transaction.state.log.min.isr': 1,
      },
    });
    wire = await Wire.open(broker);
  });
  afterAll(async () => {
    for (const each of [wire, ...wires]) each?.close();
    await broker?.dispose();
  });

  const configure = async (group: string, configs: Record<string, string | number>) => {
    const entries = Object.entries(configs).map(([name, value]) => ({
      name,
      configOperation: 0,
      value: String(value),
    }));
    const resources = [{ resourceType: GROUP_RESOURCE, resourceName: group, configs: entries }];
    const { responses } = await wire.ask(IncrementalAlterConfigs, 1, { resources, validateOnly: false });
    expect(responses[0]!.errorCode).toBe(0);
  };
  const initialize = async (groupId: string, topicId: string, stateEpoch = 1, startOffset = -1) => {
    const topics = [{ topicId, partitions: [{ partition: 0, stateEpoch, startOffset }] }];
    await vi.waitFor(
      async () => {
        await wire.ask(FindCoordinator, 6, { keyType: 2, coordinatorKeys: [`${groupId}:${topicId}:0`] });
        const { results } = await wire.ask(InitializeShareGroupState, 0, { groupId, topics });
        expect(results[0]!.partitions[0]!.errorCode).toBe(0);
      },
      { timeout: 20_000, interval: 100 },
    );
  };
  const startOffsetOf = async (groupId: string, topicId: string) => {
    const topics = [{ topicId, partitions: [{ partition: 0, leaderEpoch: -1 }] }];
    const { results } = await wire.ask(ReadShareGroupStateSummary, 1, { groupId, topics });
    const { startOffset, deliveryCompleteCount } = results[0]!.partitions[0]!;
    return { startOffset, deliveryCompleteCount };
  };
  /** A topic with batches of these sizes, and a group at its start. */
  const begin = async (sizes: readonly number[], configs: Record<string, string | number> = {}) => {
    const name = freshName('delivery');
    const group = freshName('g');
    const topicId = await createTopic(wire, name);
    await configure(group, { 'share.auto.offset.reset': 'earliest', ...configs });
    await initialize(group, topicId);
    for (const size of sizes) await produce(wire, name, batchOf(Array.from({ length: size }, () => 'v')));
    const join = async (id: string): Promise<Member> => {
      const own = await Wire.open(broker);
      wires.push(own);
      return new Member(own, group, id, topicId);
    };
    return { name, group, topicId, join };
  };
  const leave = (...members: readonly Member[]) => {
    for (const each of members) each.wire.close();
  };

  test('sessions: 0 begins, the epochs follow each other, −1 ends', async () => {
    const { join } = await begin([3]);
    const member = await join('m');
    member.epoch = 1;
    expect(await member.whole()).toMatchObject({ errorCode: 122 });
    member.epoch = -1;
    expect(await member.whole()).toMatchObject({ errorCode: 122 });
    member.epoch = 3;
    expect(await member.whatBecameOf([])).toEqual({ error: 122 });
    member.epoch = 0;
    expect(await member.whatBecameOf([])).toEqual({ error: 123 });
    member.epoch = 0;
    expect(await member.whole({ acks: [[0, 1, ACCEPT]] })).toMatchObject({ errorCode: 42 });
    member.epoch = 0;
    expect(await member.whole({ maxRecords: 0 })).toMatchObject({ errorCode: 0, acquisitionLockTimeoutMs: 30_000 });
    member.epoch = 2;
    expect(await member.whole()).toMatchObject({ errorCode: 123 });
    member.epoch = 2;
    expect(await member.whatBecameOf([])).toEqual({ error: 123 });
    member.epoch = 1;
    expect(await member.acquireSome({ empty: true })).toEqual([[0, 2, 1]]);
    // Nothing new, and nothing of which the client must hear.
    expect(await member.whole({ empty: true })).toMatchObject({ errorCode: 0, responses: [] });
    expect(await member.whatBecameOf([[0, 2, ACCEPT]])).toBe(0);
    member.epoch = -1;
    expect(await member.whole({ empty: true })).toMatchObject({ errorCode: 0, responses: [] });
    expect(await member.whole()).toMatchObject({ errorCode: 0 });
    leave(member);
  });

  test('requests without group or member, of unknown topics, of too many sessions', async () => {
    const { join } = await begin([]);
    const member = await join('m');
    const body = {
      groupId: 'g',
      memberId: 'm',
      shareSessionEpoch: 0,
      maxWaitMs: 0,
      minBytes: 0,
      maxRecords: 1,
      batchSize: 1,
      shareAcquireMode: 0,
      isRenewAck: false,
      topics: [],
      forgottenTopicsData: [],
    };
    for (const wrong of [{ groupId: null }, { memberId: null }, { memberId: '' }, { memberId: 'm'.repeat(37) }]) {
      expect(await wire.ask(ShareFetch, 1, { ...body, ...wrong }), JSON.stringify(wrong)).toMatchObject({
        errorCode: 42,
      });
      expect(await wire.ask(ShareAcknowledge, 1, { ...body, ...wrong, shareSessionEpoch: 1 })).toMatchObject({
        errorCode: 42,
      });
    }
    await member.whole({ maxRecords: 0 });
    const { errorCode, responses } = await member.whole({ topicId: UNKNOWN_TOPIC });
    // Apache Kafka 4.3 stumbles over it and answers −1 for the whole request.
    const unknown = responses.find((each) => each.topicId === UNKNOWN_TOPIC)?.partitions[0]?.errorCode;
    expect(unknown ?? errorCode).toBeOneOf([100, -1]);
    await member.whole({ topicId: UNKNOWN_TOPIC, forget: true });
    const seventh = await member.whole({ partition: 7 });
    expect(seventh.responses[0]!.partitions.find((each) => each.partitionIndex === 7)).toMatchObject({ errorCode: 3 });
    leave(member);
    const many: Member[] = [];
    const codes: number[] = [];
    for (let i = 0; i <= sessionsMax; i++) {
      many.push(await join(`many-${i}`));
      codes.push((await many[i]!.whole({ maxRecords: 0 })).errorCode);
    }
    expect(codes.at(-1)).toBe(133);
    expect(codes.filter((code) => code === 0).length).toBeGreaterThan(sessionsMax - 3);
    leave(...many);
    await vi.waitFor(async () => {
      const again = await join('again');
      expect((await again.whole({ maxRecords: 0 })).errorCode).toBe(0);
      leave(again);
    });
  });

  test('records are whole stored batches; beside them stands which are acquired, and how often they were delivered', async () => {
    const { join } = await begin([3, 4, 5]);
    const [a, b] = [await join('a'), await join('b')];
    const first = await a.acquireSome({ maxRecords: 2 });
    // The limit of records is soft: whole batches.
    expect(first).toEqual([[0, 2, 1]]);
    const second = await b.fetch({ maxRecords: 4, maxWaitMs: 2000 });
    expect(rangesOf(second)).toEqual([[3, 6, 1]]);
    const [batch, ...others] = [...batchesIn(second!.records!)];
    expect(others).toEqual([]);
    expect([...recordsOf(batch!)].map((each) => each.offset)).toEqual([3, 4, 5, 6]);
    expect(await a.whatBecameOf([[0, 2, RELEASE]])).toBe(0);
    // What was released goes first; no batch size is too small for a batch.
    expect(await b.acquire({ maxRecords: 100, batchSize: 1 })).toEqual([
      [0, 2, 2],
      [7, 11, 1],
    ]);
    expect(await a.acquire()).toEqual([]);
    leave(a, b);
  });

  test('batch size cuts what is new at borders of batches; record-limit mode keeps the limit (v2), v1 does not know it', async () => {
    const { join } = await begin([2, 2, 2, 2, 6]);
    const a = await join('a');
    expect(await a.acquireSome({ batchSize: 3, maxRecords: 7 })).toEqual([
      [0, 3, 1],
      [4, 7, 1],
    ]);
    expect(await a.acquire({ acquireMode: 1, maxRecords: 2 })).toEqual([[8, 9, 1]]);
    expect(await a.acquire({ acquireMode: 1, maxRecords: 3 })).toEqual([[10, 12, 1]]);
    expect(await a.acquire({ version: 1, maxRecords: 1 })).toEqual([[13, 13, 1]]);
    leave(a);
  });

  test('acknowledgements: one type for all or one for each; accepted, rejected and gaps are over', async () => {
    const { group, topicId, join } = await begin([10]);
    const [a, b] = [await join('a'), await join('b')];
    expect(await a.acquireSome()).toEqual([[0, 9, 1]]);
    expect(
      await a.whatBecameOf([
        [0, 3, ACCEPT],
        [4, 7, ACCEPT, RELEASE, REJECT, GAP],
        [8, 8, RELEASE],
      ]),
    ).toBe(0);
    expect(await startOffsetOf(group, topicId)).toEqual({ startOffset: 0, deliveryCompleteCount: 7 });
    expect(await b.acquire({ maxWaitMs: 1000 })).toEqual([
      [5, 5, 2],
      [8, 8, 2],
    ]);
    expect(
      await b.whatBecameOf([
        [5, 5, ACCEPT],
        [8, 8, ACCEPT],
      ]),
    ).toBe(0);
    expect(await startOffsetOf(group, topicId)).toEqual({ startOffset: 5, deliveryCompleteCount: 4 });
    // Together with a fetch.
    expect(await a.fetch({ acks: [[9, 9, ACCEPT]] })).toMatchObject({ errorCode: 0, acknowledgeErrorCode: 0 });
    expect(await a.fetch({ acks: [[7, 7, ACCEPT]] })).toMatchObject({ errorCode: 0, acknowledgeErrorCode: 0 });
    leave(a, b);
  });

  test('acknowledgements that are refused: 121 of what one does not have, 42 of what makes no sense; all of a partition or nothing', async () => {
    const { join } = await begin([5, 5]);
    const [a, b] = [await join('a'), await join('b')];
    expect(await a.acquireSome({ maxRecords: 1 })).toEqual([[0, 4, 1]]);
    expect(await b.acquire({ maxRecords: 1, maxWaitMs: 1000 })).toEqual([[5, 9, 1]]);
    expect(await a.whatBecameOf([[5, 9, ACCEPT]])).toBe(121);
    expect(
      await a.whatBecameOf([
        [0, 4, ACCEPT],
        [5, 9, ACCEPT],
      ]),
    ).toBe(121);
    expect(await a.whatBecameOf([[3, 12, ACCEPT]])).toBe(42);
    expect(await a.whatBecameOf([[20, 22, ACCEPT]])).toBe(42);
    for (const wrong of [
      [[2, 1, ACCEPT]],
      [
        [0, 1, ACCEPT],
        [0, 1, ACCEPT],
      ],
      [[0, 1]],
      [[0, 3, ACCEPT, ACCEPT]],
      [[0, 1, 5]],
      [[0, 1, -1]],
      [[0, 1, RENEW]],
    ] as Acknowledged[][]) {
      expect(await a.whatBecameOf(wrong), JSON.stringify(wrong)).toBe(42);
    }
    expect(await a.whatBecameOf([[0, 1, RENEW]], { version: 1 })).toBe(42);
    expect(await a.whatBecameOf([])).toBeUndefined();
    // Nothing of the refused ones has happened.
    expect(await a.whatBecameOf([[1, 2, ACCEPT]])).toBe(0);
    expect(await a.whatBecameOf([[1, 1, ACCEPT]])).toBe(121);
    expect(await a.whatBecameOf([[0, 0, ACCEPT]])).toBe(0);
    // What is before the start offset is over, whoever says so.
    expect(await b.whatBecameOf([[0, 1, ACCEPT]])).toBe(0);
    expect(await b.fetch({ acks: [[4, 5, ACCEPT]] })).toMatchObject({ errorCode: 0, acknowledgeErrorCode: 121 });
    leave(a, b);
  });

  test('a lock runs out unless it is renewed; a released record wakes who waits', async () => {
    const { group, join } = await begin([3, 3], { 'share.record.lock.duration.ms': lockMs });
    const [a, b] = [await join('a'), await join('b')];
    expect(await a.acquireSome()).toEqual([[0, 5, 1]]);
    const waiting = b.send({ maxWaitMs: 10_000 });
    await sleep(lockMs / 2);
    expect(await a.whatBecameOf([[0, 2, RENEW]], { isRenewAck: true })).toBe(0);
    const woken = await waiting();
    expect(woken.acquisitionLockTimeoutMs).toBe(lockMs);
    const again = rangesOf(woken.responses[0]!.partitions[0]);
    while (again.at(-1)![1]! < 5) again.push(...(await b.acquireSome({ empty: true })));
    expect([again[0]![0], again.at(-1)![1], again[0]![2]]).toEqual([3, 5, 2]);
    expect(await a.whatBecameOf([[3, 5, ACCEPT]])).toBe(121);
    expect(await a.whatBecameOf([[0, 2, ACCEPT]])).toBe(0);
    const next = a.send({ maxWaitMs: 10_000 });
    expect(await b.whatBecameOf([[3, 5, RELEASE]])).toBe(0);
    expect(rangesOf((await next()).responses[0]!.partitions[0])).toEqual([[3, 5, 3]]);
    // A renewal by ShareFetch gets no records, and must not ask for any.
    expect(await a.whole({ acks: [[3, 5, RENEW]], isRenewAck: true })).toMatchObject({ errorCode: 42 });
    a.epoch--;
    const renewal = { isRenewAck: true, maxRecords: 0, maxBytes: 0, minBytes: 0, maxWaitMs: 0 };
    expect(await a.fetch({ acks: [[3, 5, RENEW]], ...renewal })).toMatchObject({ acknowledgeErrorCode: 0 });
    await configure(group, { 'share.renew.acknowledge.enable': 'false' });
    expect(await a.whatBecameOf([[3, 5, RENEW]], { isRenewAck: true })).toBe(121);
    leave(a, b);
  });

  test('who ends its session, or loses its connection, gives back what it has', async () => {
    const { join } = await begin([4]);
    const [a, b, c] = [await join('a'), await join('b'), await join('c')];
    expect(await a.acquireSome()).toEqual([[0, 3, 1]]);
    const ofB = b.send({ maxWaitMs: 10_000 });
    a.epoch = -1;
    expect(await a.whatBecameOf([[0, 0, ACCEPT]])).toBe(0);
    expect(rangesOf((await ofB()).responses[0]!.partitions[0])).toEqual([[1, 3, 2]]);
    const ofC = c.send({ maxWaitMs: 10_000 });
    leave(b);
    expect(rangesOf((await ofC()).responses[0]!.partitions[0])).toEqual([[1, 3, 3]]);
    leave(a, c);
  });

  test('after the last delivery a record is archived, alone if it failed too often with others', async () => {
    const { join } = await begin([4], { 'share.delivery.count.limit': 4 });
    const a = await join('a');
    expect(await a.acquireSome()).toEqual([[0, 3, 1]]);
    expect(await a.whatBecameOf([[0, 3, RELEASE]])).toBe(0);
    expect(await a.acquireSome({ empty: true })).toEqual([[0, 3, 2]]);
    expect(await a.whatBecameOf([[0, 3, RELEASE]])).toBe(0);
    // From half of the limit on in halves, the last time one by one.
    expect(await a.acquireSome({ empty: true })).toEqual([[0, 1, 3]]);
    expect(await a.whatBecameOf([[0, 1, RELEASE]])).toBe(0);
    expect(await a.acquireSome({ empty: true })).toEqual([[0, 0, 4]]);
    expect(await a.whatBecameOf([[0, 0, RELEASE]])).toBe(0);
    expect(await a.acquireSome({ empty: true })).toEqual([[1, 1, 4]]);
    leave(a);
  });

  test('at most so many records are in flight', async () => {
    const { join } = await begin(
      Array.from({ length: 13 }, () => 10),
      { 'share.partition.max.record.locks': 100 },
    );
    const a = await join('a');
    expect(await a.acquireSome()).toEqual([[0, 99, 1]]);
    expect(await a.acquire({ empty: true })).toEqual([]);
    expect(await a.whatBecameOf([[50, 59, RELEASE]])).toBe(0);
    expect(await a.acquireSome({ empty: true })).toEqual([[50, 59, 2]]);
    expect(await a.whatBecameOf([[0, 19, ACCEPT]])).toBe(0);
    expect(await a.acquireSome({ empty: true })).toEqual([[100, 119, 1]]);
    leave(a);
  });

  test('where a group begins: latest, by duration, or where its state says', async () => {
    const latest = await begin([3], { 'share.auto.offset.reset': 'latest' });
    const a = await latest.join('a');
    await a.acquire({ maxWaitMs: 500 });
    await produce(wire, latest.name, batchOf(['new']));
    expect(await a.acquireSome({ empty: true })).toEqual([[3, 3, 1]]);
    const recent = await begin([], { 'share.auto.offset.reset': 'by_duration:PT1H' });
    await produce(wire, recent.name, batchOf([{ value: 'old', timestamp: Date.now() - 7_200_000 }]));
    await produce(wire, recent.name, batchOf(['new']));
    const b = await recent.join('b');
    expect(await b.acquireSome()).toEqual([[1, 1, 1]]);
    const given = await begin([5]);
    await initialize(given.group, given.topicId, 2, 3);
    const c = await given.join('c');
    expect(await c.acquireSome()).toEqual([[3, 4, 1]]);
    leave(a, b, c);
  });

  test('records that are deleted are over; a topic that is deleted is told', async () => {
    const { name, topicId, join } = await begin([10, 5, 5]);
    const a = await join('a');
    expect(await a.acquireSome({ maxRecords: 1 })).toEqual([[0, 9, 1]]);
    const partitions = [{ partitionIndex: 0, offset: 15 }];
    await wire.ask(DeleteRecords, 2, { topics: [{ name, partitions }], timeoutMs: 5000 });
    expect(await a.acquireSome({ empty: true })).toEqual([[15, 19, 1]]);
    expect(await a.whatBecameOf([[0, 9, ACCEPT]])).toBe(0);
    await wire.ask(DeleteTopics, 6, { topics: [{ name: null, topicId }], timeoutMs: 5000 });
    await vi.waitFor(async () => {
      const { errorCode, responses } = await a.whole({ empty: true, maxWaitMs: 100 });
      expect(responses[0]?.partitions[0]?.errorCode ?? errorCode).toBeOneOf([100, -1]);
    });
    leave(a);
  });

  test('records of aborted transactions are not given to read_committed groups, nor what is undecided', async () => {
    const { name, topicId, join } = await begin([2]);
    const strict = freshName('strict');
    await configure(strict, { 'share.auto.offset.reset': 'earliest', 'share.isolation.level': 'read_committed' });
    await initialize(strict, topicId);
    const transactionalId = freshName('tx');
    const transaction = await vi.waitFor(
      async () => {
        await wire.ask(FindCoordinator, 4, { keyType: 1, coordinatorKeys: [transactionalId] });
        const answer = await wire.ask(InitProducerId, 4, {
          transactionalId,
          transactionTimeoutMs: 30_000,
          producerId: -1,
          producerEpoch: -1,
        });
        expect(answer.errorCode).toBe(0);
        return { producerId: answer.producerId, producerEpoch: answer.producerEpoch };
      },
      { timeout: 20_000, interval: 100 },
    );
    const topics = [{ name, partitions: [0] }];
    await vi.waitFor(async () => {
      const { resultsByTopicV3AndBelow } = await wire.ask(AddPartitionsToTxn, 3, {
        v3AndBelowTransactionalId: transactionalId,
        v3AndBelowProducerId: transaction.producerId,
        v3AndBelowProducerEpoch: transaction.producerEpoch,
        v3AndBelowTopics: topics,
      });
      expect(resultsByTopicV3AndBelow[0]!.resultsByPartition[0]!.partitionErrorCode).toBe(0);
    });
    const records = batchOf(['x', 'y'], { ...transaction, baseSequence: 0, isTransactional: true });
    const { responses } = await wire.ask(Produce, 9, { ...produceBody(name, records), transactionalId });
    expect(responses[0]!.partitionResponses[0]).toMatchObject({ errorCode: 0, baseOffset: 2 });
    await produce(wire, name, batchOf(['after']));
    const [open, committed] = [await join('open'), new Member(await Wire.open(broker), strict, 'strict', topicId)];
    wires.push(committed.wire);
    expect(await open.acquireSome()).toEqual([[0, 4, 1]]);
    expect(await committed.acquireSome()).toEqual([[0, 1, 1]]);
    await wire.ask(EndTxn, 3, { transactionalId, ...transaction, committed: false });
    // The aborted ones are more than it asks for: it gets what is behind them.
    const rest = await committed.acquireSome({ empty: true, maxRecords: 1 });
    rest.push(...(await committed.acquireSome({ empty: true })));
    expect(rest.flatMap(([first, last]) => Array.from({ length: last! - first! + 1 }, (_, i) => first! + i))).toEqual([
      4, 5,
    ]);
    leave(open, committed);
  });

  test('a group that begins anew fences its members: they are told to look for the leader, and read on', async () => {
    const { group, topicId, join } = await begin([4]);
    const a = await join('a');
    expect(await a.acquireSome()).toEqual([[0, 3, 1]]);
    await initialize(group, topicId, 9, 2);
    expect(await a.whatBecameOf([[0, 3, ACCEPT]])).toBe(6);
    expect(await a.acquireSome({ empty: true })).toEqual([[2, 3, 1]]);
    expect(await a.whatBecameOf([[2, 3, ACCEPT]])).toBe(0);
    leave(a);
  });

  test.skipIf(!owned)('a cluster whose share.version is 0 has no share groups', async () => {
    const { group, topicId, join } = await begin([1]);
    const a = await join('a');
    const setLevel = async (maxVersionLevel: number, upgradeType: number) => {
      const featureUpdates = [{ feature: 'share.version', maxVersionLevel, upgradeType }];
      const { errorCode } = await wire.ask(UpdateFeatures, 2, { timeoutMs: 5000, featureUpdates, validateOnly: false });
      expect(errorCode).toBe(0);
    };
    const [UPGRADE, SAFE_DOWNGRADE] = [1, 2];
    await setLevel(0, SAFE_DOWNGRADE);
    const refused = { errorCode: 35 };
    await vi.waitFor(async () => expect(await a.whole()).toMatchObject(refused));
    const topics = [{ topicId, partitions: [] }];
    expect(
      await wire.ask(ShareAcknowledge, 2, {
        groupId: group,
        memberId: 'a',
        shareSessionEpoch: 1,
        isRenewAck: false,
        topics,
      }),
    ).toMatchObject(refused);
    const heartbeat = { groupId: group, memberId: 'a', memberEpoch: 0, subscribedTopicNames: ['t'] };
    expect(await wire.ask(ShareGroupHeartbeat, 1, heartbeat)).toMatchObject(refused);
    const described = await wire.ask(ShareGroupDescribe, 1, { groupIds: [group], includeAuthorizedOperations: false });
    expect(described.groups).toMatchObject([refused]);
    const offsets = await wire.ask(DescribeShareGroupOffsets, 1, { groups: [{ groupId: group, topics: null }] });
    expect(offsets.groups).toMatchObject([refused]);
    expect(await wire.ask(AlterShareGroupOffsets, 0, { groupId: group, topics: [] })).toMatchObject(refused);
    expect(await wire.ask(DeleteShareGroupOffsets, 0, { groupId: group, topics: [] })).toMatchObject(refused);
    await setLevel(1, UPGRADE);
    a.epoch = 0;
    await vi.waitFor(async () => expect(await a.whole()).toMatchObject({ errorCode: 0 }));
    leave(a);
  });

  test('the topic of the state is not for clients', async () => {
    expect((await produce(wire, '__share_group_state', batchOf(['x']))).errorCode).toBe(17);
  });
});

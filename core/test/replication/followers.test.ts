import { expect, test } from 'vitest';
import { ErrorCode } from '../../protocol/errors.ts';
import { ListOffsets } from '../../protocol/messages/02-list-offsets.ts';
import { DeleteRecords } from '../../protocol/messages/21-delete-records.ts';
import { recordsIn } from './invariants.ts';
import { type Brokers, withBrokers } from './with-brokers.ts';

/** Followers over the wire: what they copy, what they serve, and what their leader waits for. */
const THREE = [[1, 2, 3]];

async function listOffset(
  brokers: Brokers,
  nodeId: number,
  timestamp: number,
  options: { version?: number; replicaId?: number } = {},
) {
  const { topics } = await brokers.send(
    nodeId,
    ListOffsets,
    {
      replicaId: options.replicaId ?? -1,
      isolationLevel: 0,
      topics: [{ name: 't', partitions: [{ partitionIndex: 0, timestamp }] }],
    },
    options.version,
  );
  const { errorCode, offset } = topics[0]!.partitions[0]!;
  return { errorCode, offset };
}

async function deleteRecords(brokers: Brokers, offset: number, timeoutMs: number) {
  const request = { topics: [{ name: 't', partitions: [{ partitionIndex: 0, offset }] }], timeoutMs };
  const { topics } = await brokers.send(1, DeleteRecords, request);
  const { errorCode, lowWatermark } = topics[0]!.partitions[0]!;
  return { errorCode, lowWatermark };
}

test('C40 C42: followers copy the leader’s log, and hear of its watermark without waiting for a poll', () =>
  withBrokers(THREE, {}, async (brokers) => {
    await brokers.wait(400);
    for (let i = 0; i < 5; i++) {
      const startMs = brokers.world.timeMs;
      expect(await brokers.produce(1, [`a${i}`, `b${i}`])).toBe(ErrorCode.NONE);
      expect(brokers.world.timeMs - startMs).toBeLessThan(10);
      await brokers.wait(8);
      for (const nodeId of [1, 2, 3]) {
        const { logEndOffset, highWatermark } = brokers.partition(nodeId).inspect();
        expect({ nodeId, logEndOffset, highWatermark }).toEqual({
          nodeId,
          logEndOffset: 2 * i + 2,
          highWatermark: 2 * i + 2,
        });
      }
    }
    const logs = [1, 2, 3].map((nodeId) => recordsIn(brokers.partition(nodeId).log, 0));
    expect(logs[1]).toEqual(logs[0]);
    expect(logs[2]).toEqual(logs[0]);
  }));

test('KIP-392: a follower serves consumers from v11 on, up to its watermark; everything else is the leader’s', () =>
  withBrokers(THREE, {}, async (brokers) => {
    await brokers.produce(1, ['a', 'b']);
    await brokers.wait(20);
    expect(await brokers.fetch(2, { offset: 0 })).toMatchObject({
      errorCode: 0,
      highWatermark: 2,
      preferredReadReplica: -1,
    });
    expect((await brokers.fetch(2, { offset: 0, version: 11 })).records?.length).toBeGreaterThan(0);
    expect((await brokers.fetch(2, { offset: 2 })).records?.length ?? 0).toBe(0);
    expect((await brokers.fetch(2, { offset: 3 })).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
    expect(await brokers.fetch(2, { offset: 0, version: 10 })).toMatchObject({
      errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER,
    });
    expect((await brokers.fetch(2, { offset: 0, leaderEpoch: 5 })).errorCode).toBe(ErrorCode.UNKNOWN_LEADER_EPOCH);
    expect((await brokers.fetch(2, { offset: 0, replicaId: 3 })).errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    expect(await brokers.produce(2, ['c'])).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    expect((await listOffset(brokers, 2, -1)).errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    // Parked at the follower, and woken by its watermark.
    const startMs = brokers.world.timeMs;
    const parked = brokers.fetch(2, { offset: 2, maxWaitMs: 5000 });
    await brokers.wait(30);
    await brokers.send(1, ListOffsets, { replicaId: -1, isolationLevel: 0, topics: [] });
    void brokers.produce(1, ['c']);
    expect((await parked).records?.length).toBeGreaterThan(0);
    expect(brokers.world.timeMs - startMs).toBeLessThan(60);
  }));

test('KIP-392: a consumer is sent to the replica in its rack, if that one is in sync and far enough', () =>
  withBrokers(THREE, {}, async (brokers) => {
    await brokers.produce(1, ['a', 'b']);
    await brokers.wait(20);
    const elsewhere = await brokers.fetch(1, { offset: 0, rackId: 'rack-2', maxWaitMs: 1000 });
    expect(elsewhere).toMatchObject({ errorCode: 0, preferredReadReplica: 2, highWatermark: 2 });
    expect(elsewhere.records?.length ?? 0).toBe(0);
    for (const rackId of ['rack-1', 'rack-9', '']) {
      const here = await brokers.fetch(1, { offset: 0, rackId });
      expect(here).toMatchObject({ errorCode: 0, preferredReadReplica: -1 });
      expect(here.records?.length).toBeGreaterThan(0);
    }
    expect((await brokers.fetch(1, { offset: 0, rackId: 'rack-2', version: 10 })).records?.length).toBeGreaterThan(0);
    expect((await brokers.fetch(2, { offset: 0, rackId: 'rack-2' })).records?.length).toBeGreaterThan(0);
    brokers.crash(2);
    await brokers.until(() => !brokers.partition(1).inSyncReplicas.includes(2), 'the follower left');
    expect((await brokers.fetch(1, { offset: 0, rackId: 'rack-2' })).preferredReadReplica).toBe(-1);
  }));

test('C43: a new leader does not say where the log ends before it knows (78, before v5: 5)', () =>
  withBrokers(THREE, { minInSyncReplicas: 2 }, async (brokers) => {
    const { world } = brokers;
    await brokers.produce(1, ['a']);
    await brokers.wait(20);
    // The followers get a record, and not that it is committed.
    const lost = brokers.produce(1, ['b'], 1);
    await brokers.until(() => brokers.partition(2).log.logEndOffset === 2, 'the follower has the record');
    world.network.isolate('b3');
    brokers.crash(1);
    await lost.catch(() => {});
    await brokers.until(() => brokers.partition(2).isLeader, 'another leads');
    expect(brokers.partition(2).inspect()).toMatchObject({ highWatermark: 1, logEndOffset: 2 });
    expect(await listOffset(brokers, 2, -1)).toEqual({ errorCode: ErrorCode.OFFSET_NOT_AVAILABLE, offset: -1 });
    expect(await listOffset(brokers, 2, -1, { version: 4 })).toEqual({
      errorCode: ErrorCode.LEADER_NOT_AVAILABLE,
      offset: -1,
    });
    expect(await listOffset(brokers, 2, Number.MAX_SAFE_INTEGER)).toMatchObject({
      errorCode: ErrorCode.OFFSET_NOT_AVAILABLE,
    });
    expect(await listOffset(brokers, 2, -2)).toEqual({ errorCode: 0, offset: 0 });
    expect(await listOffset(brokers, 2, 0)).toEqual({ errorCode: 0, offset: 0 });
    expect(await listOffset(brokers, 2, -1, { replicaId: 3 })).toEqual({ errorCode: 0, offset: 2 });
    world.network.healAll();
    await brokers.until(() => brokers.partition(2).isWatermarkKnown, 'the watermark has reached the epoch');
    expect(await listOffset(brokers, 2, -1)).toEqual({ errorCode: 0, offset: 2 });
  }));

test('DeleteRecords is answered when the records are gone on every live replica', () =>
  withBrokers(THREE, {}, async (brokers) => {
    await brokers.produce(1, ['a', 'b', 'c']);
    await brokers.wait(20);
    const startMs = brokers.world.timeMs;
    expect(await deleteRecords(brokers, 2, 5000)).toEqual({ errorCode: 0, lowWatermark: 2 });
    expect(brokers.world.timeMs - startMs).toBeLessThan(400);
    for (const nodeId of [1, 2, 3]) expect(brokers.partition(nodeId).log.logStartOffset).toBe(2);
    brokers.world.network.isolate('b3');
    brokers.controller.cut(3);
    expect(await deleteRecords(brokers, -1, 300)).toEqual({ errorCode: ErrorCode.REQUEST_TIMED_OUT, lowWatermark: 2 });
    // A follower that the metadata says is dead is not waited for.
    brokers.controller.fence(3);
    await brokers.wait(300);
    expect(await deleteRecords(brokers, -1, 1000)).toEqual({ errorCode: 0, lowWatermark: 3 });
  }));

test('a follower whose log ends before the leader’s begins starts anew there', () =>
  withBrokers(THREE, { segmentBytes: 300, fileDeleteDelayMs: 10 }, async (brokers) => {
    await brokers.produce(1, ['a']);
    await brokers.wait(20);
    brokers.crash(3);
    for (let i = 0; i < 20; i++) await brokers.produce(1, [`${i}`.padEnd(100)]);
    expect((await deleteRecords(brokers, 15, 2000)).errorCode).toBe(0);
    brokers.broker(1).logManager.applyRetention();
    await brokers.restart(3);
    await brokers.until(() => brokers.partition(1).inSyncReplicas.includes(3), 'the follower is in sync');
    expect(brokers.partition(3).inspect()).toMatchObject({ logStartOffset: 15, logEndOffset: 21 });
    expect(recordsIn(brokers.partition(3).log, 15)).toEqual(recordsIn(brokers.partition(1).log, 15));
  }));

test('a partition whose disk fails is not followed any more; the others are', () =>
  withBrokers([THREE[0]!, THREE[0]!], {}, async (brokers) => {
    const { disk } = brokers.world.process('b2');
    disk.intercept = ({ kind, path }) => (kind === 'append' && path.includes('/t-0/') ? { error: 'EIO' } : undefined);
    await brokers.produce(1, ['a'], 1, 0);
    await brokers.until(() => brokers.partition(2, 0).log.offline !== null, 'the log is offline');
    for (let i = 0; i < 3; i++) expect(await brokers.produce(1, ['b'], -1, 1)).toBe(0);
    expect(brokers.partition(2, 1).log.logEndOffset).toBe(3);
    expect(brokers.broker(2).problems.join()).toMatch(/t-0: it is not followed any more/);
    // It lags, and leaves.
    await brokers.until(() => !brokers.partition(1, 0).inSyncReplicas.includes(2), 'the broken replica left');
  }));

test('acks=all needs min.insync.replicas (19, 20)', () =>
  withBrokers(THREE, { minInSyncReplicas: 3 }, async (brokers) => {
    expect(await brokers.produce(1, ['a'])).toBe(0);
    // While it is in sync and away, the record waits; when it has left, there are too few.
    brokers.world.network.isolate('b3');
    expect(await brokers.produce(1, ['b'])).toBe(ErrorCode.REQUEST_TIMED_OUT);
    expect(brokers.partition(1).inSyncReplicas).toEqual([1, 2]);
    expect(await brokers.produce(1, ['c'])).toBe(ErrorCode.NOT_ENOUGH_REPLICAS);
    expect(brokers.partition(1).highWatermark).toBe(1);
    brokers.world.network.healAll();
    await brokers.until(() => brokers.partition(1).inSyncReplicas.length === 3, 'all are in sync');
    expect(await brokers.produce(1, ['c'])).toBe(0);
    expect(brokers.partition(1).highWatermark).toBe(3);
  }));

test('a replica that is added catches up and comes in; one that is removed goes with its log', () =>
  withBrokers([[1, 2]], { minInSyncReplicas: 2 }, async (brokers) => {
    for (let i = 0; i < 5; i++) await brokers.produce(1, [`${i}`]);
    brokers.controller.reassign(0, [1, 2, 3], [3], [2]);
    await brokers.until(
      () => brokers.controller.partitions[0]!.inSyncReplicas.includes(3),
      'the new replica is in sync',
    );
    expect(brokers.partition(1).isReassigning).toBe(true);
    brokers.controller.reassign(0, [1, 3], [], []);
    await brokers.until(() => brokers.partition(2) === undefined, 'the old replica is gone');
    expect(brokers.broker(2).logManager.get('t', 0)).toBeUndefined();
    expect(await brokers.produce(1, ['5'])).toBe(0);
    expect(recordsIn(brokers.partition(3).log, 0).size).toBe(6);
    expect(brokers.partition(1).inspect()).toMatchObject({ inSyncReplicas: [1, 3], highWatermark: 6 });
  }));

test('a follower that names topics by name and has no epoch of its own (Fetch v12) is served as well', () =>
  withBrokers([[1, 2]], {}, async (brokers) => {
    brokers.crash(2);
    await brokers.produce(1, ['a', 'b'], 1);
    const leaderEpoch = brokers.partition(1).leaderEpoch;
    const read = await brokers.fetch(1, { offset: 0, version: 12, replicaId: 2, leaderEpoch });
    expect(read.records?.length).toBeGreaterThan(0);
    expect(brokers.partition(1).inspect().followers[0]).toMatchObject({
      brokerId: 2,
      logEndOffset: 0,
      brokerEpoch: -1,
    });
    expect((await brokers.fetch(1, { offset: 0, version: 12, replicaId: 9, leaderEpoch })).errorCode).toBe(
      ErrorCode.UNKNOWN_LEADER_EPOCH,
    );
  }));

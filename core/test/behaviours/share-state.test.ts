// The state of share partitions (KIP-932), request by request: who coordinates it, what is kept, who is fenced, and what a restart finds.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { FindCoordinator } from '../../protocol/messages/10-find-coordinator.ts';
import { DeleteTopics } from '../../protocol/messages/20-delete-topics.ts';
import { InitializeShareGroupState } from '../../protocol/messages/83-initialize-share-group-state.ts';
import { ReadShareGroupState } from '../../protocol/messages/84-read-share-group-state.ts';
import { WriteShareGroupState } from '../../protocol/messages/85-write-share-group-state.ts';
import { DeleteShareGroupState } from '../../protocol/messages/86-delete-share-group-state.ts';
import { ReadShareGroupStateSummary } from '../../protocol/messages/87-read-share-group-state-summary.ts';
import { ZERO_UUID } from '../../protocol/writer.ts';
import { type ForeignBroker, freshName, owned, startBroker } from '../foreign/harness.ts';
import { createTopic, Wire } from './wire.ts';

const [AVAILABLE, ACKNOWLEDGED, ARCHIVED] = [0, 2, 4];
const UNKNOWN_TOPIC = 'AAAAAAAAQACAAAAAAAAAAQ';

interface Batch {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly deliveryState: number;
  readonly deliveryCount: number;
}
const batch = (firstOffset: number, lastOffset: number, deliveryState: number, deliveryCount: number): Batch => ({
  firstOffset,
  lastOffset,
  deliveryState,
  deliveryCount,
});

describe('state of share partitions', { timeout: 60_000 }, () => {
  let broker: ForeignBroker;
  let wire: Wire;
  let topicId: string;

  beforeAll(async () => {
    broker = await startBroker({
      steady: true,
      set: {
        'share.coordinator.state.topic.num.partitions': 3,
        'share.coordinator.state.topic.replication.factor': 1,
        'share.coordinator.state.topic.min.isr': 1,
        'share.coordinator.snapshot.update.records.per.snapshot': 2,
      },
    });
    wire = await Wire.open(broker);
    topicId = await createTopic(wire, freshName('state'), 2);
    await coordinated('g');
  });
  afterAll(async () => {
    wire?.close();
    await broker?.dispose();
  });

  const find = async (key: string, version = 6) => {
    const { coordinators } = await wire.ask(FindCoordinator, version, { keyType: 2, coordinatorKeys: [key] });
    return coordinators[0]!.errorCode;
  };
  const coordinated = (group: string) =>
    vi.waitFor(
      async () => {
        expect(await find(`${group}:${topicId}:0`)).toBe(0);
        const summary = await summarize(group);
        expect(summary.errorCode).toBe(0);
      },
      { timeout: 20_000, interval: 100 },
    );
  const initialize = async (
    groupId: string,
    stateEpoch: number,
    startOffset: number,
    at = { topicId, partition: 0 },
  ) => {
    const topics = [{ topicId: at.topicId, partitions: [{ partition: at.partition, stateEpoch, startOffset }] }];
    return (await wire.ask(InitializeShareGroupState, 0, { groupId, topics })).results[0]!.partitions[0]!.errorCode;
  };
  const read = async (groupId: string, leaderEpoch: number, partition = 0) => {
    const topics = [{ topicId, partitions: [{ partition, leaderEpoch }] }];
    return (await wire.ask(ReadShareGroupState, 0, { groupId, topics })).results[0]!.partitions[0]!;
  };
  const write = async (
    groupId: string,
    epochs: { state: number; leader: number },
    startOffset: number,
    stateBatches: readonly Batch[],
    { version = 1, deliveryCompleteCount = 0, partition = 0 } = {},
  ) => {
    const { state: stateEpoch, leader: leaderEpoch } = epochs;
    const changed = {
      partition,
      stateEpoch,
      leaderEpoch,
      startOffset,
      deliveryCompleteCount,
      stateBatches: [...stateBatches],
    };
    const topics = [{ topicId, partitions: [changed] }];
    return (await wire.ask(WriteShareGroupState, version, { groupId, topics })).results[0]!.partitions[0]!.errorCode;
  };
  const summarize = async (groupId: string, version = 1, partition = 0) => {
    const topics = [{ topicId, partitions: [{ partition, leaderEpoch: -1 }] }];
    return (await wire.ask(ReadShareGroupStateSummary, version, { groupId, topics })).results[0]!.partitions[0]!;
  };
  const remove = async (groupId: string, partition = 0) => {
    const topics = [{ topicId, partitions: [{ partition }] }];
    return (await wire.ask(DeleteShareGroupState, 0, { groupId, topics })).results[0]!.partitions[0]!.errorCode;
  };

  test('C45 coordinators of share partitions are found by group:topicId:partition, from v6 on', async () => {
    expect(await find(`a:b:${topicId}:1`)).toBe(0);
    expect(await find(`g:${topicId}:0`, 5)).toBe(42);
    for (const key of ['', 'g', `g:${topicId}`, `:${topicId}:0`, `g:${topicId}:x`, 'g:?:0']) {
      expect(await find(key), key).toBe(42);
    }
  });

  test('initialized, written, read, summed up, deleted', async () => {
    const group = freshName('life');
    expect(await read(group, 0)).toMatchObject({ errorCode: 42 });
    expect(await write(group, { state: 1, leader: 0 }, 0, [])).toBe(42);
    const none = { errorCode: 0, stateEpoch: 0, leaderEpoch: 0, startOffset: -1, deliveryCompleteCount: -1 };
    expect(await summarize(group)).toMatchObject(none);
    expect(await initialize(group, 1, -1)).toBe(0);
    expect(await summarize(group)).toMatchObject({ stateEpoch: 1, leaderEpoch: 0, startOffset: -1 });
    expect(await read(group, 0)).toMatchObject({ errorCode: 0, stateEpoch: 1, startOffset: -1, stateBatches: [] });
    const epochs = { state: 1, leader: 0 };
    expect(await write(group, epochs, 10, [batch(10, 19, ACKNOWLEDGED, 1)], { deliveryCompleteCount: 10 })).toBe(0);
    expect(
      await write(group, epochs, 10, [batch(20, 29, AVAILABLE, 1), batch(30, 34, ARCHIVED, 5)], { version: 0 }),
    ).toBe(0);
    expect(await write(group, epochs, 15, [batch(20, 24, AVAILABLE, 2)], { deliveryCompleteCount: 7 })).toBe(0);
    const expected = {
      startOffset: 15,
      stateBatches: [
        batch(15, 19, ACKNOWLEDGED, 1),
        batch(20, 24, AVAILABLE, 2),
        batch(25, 29, AVAILABLE, 1),
        batch(30, 34, ARCHIVED, 5),
      ],
    };
    expect(await read(group, 0)).toMatchObject(expected);
    expect(await summarize(group)).toMatchObject({ leaderEpoch: 0, startOffset: 15, deliveryCompleteCount: 7 });
    // A start offset of −1 leaves it where it is.
    expect(await write(group, epochs, -1, [batch(20, 24, ACKNOWLEDGED, 2)])).toBe(0);
    expect(await read(group, 0)).toMatchObject({ startOffset: 15 });
    expect(await remove(group)).toBe(0);
    expect(await remove(group)).toBe(0);
    expect(await summarize(group)).toMatchObject(none);
  });

  test('whoever has an older leader epoch or state epoch is fenced', async () => {
    const group = freshName('fence');
    expect(await initialize(group, 3, 0)).toBe(0);
    expect(await read(group, 5)).toMatchObject({ errorCode: 0 });
    expect(await read(group, 4)).toMatchObject({ errorCode: 74 });
    expect(await write(group, { state: 3, leader: 4 }, 0, [])).toBe(74);
    expect(await write(group, { state: 2, leader: 5 }, 0, [])).toBe(124);
    expect(await write(group, { state: 3, leader: 5 }, 0, [])).toBe(0);
    expect(await initialize(group, 2, 7)).toBe(124);
    expect(await initialize(group, 4, 7)).toBe(0);
    expect(await summarize(group)).toMatchObject({ stateEpoch: 4, startOffset: 7, deliveryCompleteCount: 0 });
    expect(await write(group, { state: 3, leader: 5 }, 0, [])).toBe(124);
  });

  test('what makes no sense', async () => {
    const group = freshName('odd');
    expect(await initialize(group, 1, 0, { topicId: UNKNOWN_TOPIC, partition: 0 })).toBe(3);
    expect(await initialize(group, 1, 0, { topicId: ZERO_UUID, partition: 0 })).toBe(3);
    expect(await initialize(group, 1, 0, { topicId, partition: 2 })).toBe(3);
    expect(await initialize(group, 1, 0, { topicId, partition: -1 })).toBe(42);
    expect(await read(group, 0, -1)).toMatchObject({ errorCode: 42 });
    expect(await summarize(group, 0, 5)).toMatchObject({ errorCode: 3 });
    expect(await remove(group, 5)).toBe(3);
    expect((await wire.ask(ReadShareGroupState, 0, { groupId: group, topics: [] })).results).toEqual([]);
    expect(
      (await wire.ask(DeleteShareGroupState, 0, { groupId: '', topics: [{ topicId, partitions: [{ partition: 0 }] }] }))
        .results,
    ).toEqual([]);
    expect(
      (await wire.ask(WriteShareGroupState, 1, { groupId: group, topics: [{ topicId, partitions: [] }] })).results,
    ).toEqual([]);
  });

  test.skipIf(!owned)(
    'a restart after kill −9 finds everything; the state of a deleted topic goes with it',
    async () => {
      const group = freshName('kept');
      const name = freshName('gone');
      const goneId = await createTopic(wire, name);
      expect(await initialize(group, 2, 5)).toBe(0);
      expect(await initialize(group, 1, 0, { topicId: goneId, partition: 0 })).toBe(0);
      await read(group, 3);
      for (let i = 0; i < 7; i++) {
        expect(await write(group, { state: 2, leader: 3 }, 5, [batch(5 + i, 5 + i, AVAILABLE, i + 1)])).toBe(0);
      }
      const before = await read(group, 3);
      expect(before.stateBatches).toHaveLength(7);
      await wire.ask(DeleteTopics, 6, { topics: [{ name, topicId: ZERO_UUID }], timeoutMs: 5000 });
      wire.close();
      await broker.kill();
      await broker.restart();
      wire = await Wire.open(broker);
      await coordinated(group);
      expect(await read(group, 3)).toEqual(before);
      expect(await write(group, { state: 1, leader: 3 }, 0, [])).toBe(124);
      expect(await read(group, 2)).toMatchObject({ errorCode: 74 });
    },
  );
});

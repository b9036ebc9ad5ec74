// C41–C44: offsets by name and by time, the start of a log, and what groups commit.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ListOffsets } from '../../protocol/messages/02-list-offsets.ts';
import { OffsetCommit } from '../../protocol/messages/08-offset-commit.ts';
import { OffsetFetch } from '../../protocol/messages/09-offset-fetch.ts';
import { DeleteRecords } from '../../protocol/messages/21-delete-records.ts';
import { OffsetForLeaderEpoch } from '../../protocol/messages/23-offset-for-leader-epoch.ts';
import { eventually, type ForeignBroker, freshName, owned, skipped, startBroker } from '../foreign/harness.ts';
import { batchOf, createTopic, fetch, findCoordinator, produce, Wire } from './wire.ts';

describe('offsets', () => {
  let broker: ForeignBroker;
  let wire: Wire;
  const now = Date.now();

  beforeAll(async () => {
    broker = await startBroker();
    wire = await Wire.open(broker);
  });
  afterAll(async () => {
    wire?.close();
    await broker?.dispose();
  });

  /** Records at now, now+50, now+10 | now+20, now+40, now+30. */
  async function timed(stem: string, compression: 'none' | 'gzip' = 'none') {
    const topic = freshName(stem);
    await createTopic(wire, topic);
    const at = (ms: number) => ({ timestamp: now + ms, value: String(ms) });
    await produce(wire, topic, batchOf([at(0), at(50), at(10)], { compression }));
    await produce(wire, topic, batchOf([at(20), at(40), at(30)], { compression }));
    return topic;
  }
  const list = async (
    topic: string,
    timestamp: number,
    options: { epoch?: number; version?: number; isolationLevel?: number; partition?: number } = {},
  ) => {
    const { topics } = await wire.ask(ListOffsets, options.version ?? 8, {
      replicaId: -1,
      isolationLevel: options.isolationLevel ?? 0,
      topics: [
        {
          name: topic,
          partitions: [{ partitionIndex: options.partition ?? 0, timestamp, currentLeaderEpoch: options.epoch ?? -1 }],
        },
      ],
    });
    const { errorCode, offset, timestamp: found } = topics[0]!.partitions[0]!;
    return errorCode === 0 ? [offset, found] : { errorCode };
  };
  const deleteBefore = async (topic: string, offset: number) =>
    (
      await wire.ask(DeleteRecords, 2, {
        topics: [{ name: topic, partitions: [{ partitionIndex: 0, offset }] }],
        timeoutMs: 5000,
      })
    ).topics[0]!.partitions[0]!;

  test('C41 ListOffsets: the ends, the largest timestamp, the first record at or after a time', async () => {
    for (const compression of ['none', 'gzip'] as const) {
      const topic = await timed('c41', compression);
      expect(await list(topic, -1)).toEqual([6, -1]);
      expect(await list(topic, -1, { isolationLevel: 1 })).toEqual([6, -1]);
      expect(await list(topic, -2)).toEqual([0, -1]);
      expect(await list(topic, -3)).toEqual([1, now + 50]);
      expect(await list(topic, -4)).toEqual([0, -1]);
      expect(await list(topic, now - 1000)).toEqual([0, now]);
      expect(await list(topic, now)).toEqual([0, now]);
      expect(await list(topic, now + 1)).toEqual([1, now + 50]);
      expect(await list(topic, now + 50)).toEqual([1, now + 50]);
      expect(await list(topic, now + 51)).toEqual([-1, -1]);
      expect(await list(topic, now + 1, { version: 1 })).toEqual([1, now + 50]);
    }
  });

  test('C41 an empty log, an absent topic, another epoch', async () => {
    const topic = freshName('c41');
    await createTopic(wire, topic);
    expect(await list(topic, -1)).toEqual([0, -1]);
    expect(await list(topic, -3)).toEqual([-1, -1]);
    expect(await list(topic, now)).toEqual([-1, -1]);
    expect(await list('no-such-topic', -1)).toEqual({ errorCode: 3 });
    expect(await list(topic, -1, { partition: 5 })).toEqual({ errorCode: 3 });
    expect(await list(topic, -1, { epoch: 1000 })).toEqual({ errorCode: 75 });
  });

  test('C42 OffsetForLeaderEpoch: the end of the largest epoch that is not above', async () => {
    const topic = await timed('c42');
    const ask = async (leaderEpoch: number, currentLeaderEpoch = -1, name = topic) => {
      const { topics } = await wire.ask(OffsetForLeaderEpoch, 4, {
        topics: [{ topic: name, partitions: [{ partition: 0, leaderEpoch, currentLeaderEpoch }] }],
      });
      const { errorCode, endOffset, leaderEpoch: found } = topics[0]!.partitions[0]!;
      return [errorCode, found, endOffset];
    };
    expect(await ask(0)).toEqual([0, 0, 6]);
    expect(await ask(1000)).toEqual([0, -1, -1]);
    expect((await ask(0, 1000))[0]).toBe(75);
    expect((await ask(0, -1, 'no-such-topic'))[0]).toBe(3);
  });

  test('C43 DeleteRecords: −1 is the high watermark, beyond it is 1, and the start moves', async () => {
    const topic = await timed('c43');
    expect(await deleteBefore(topic, 4)).toMatchObject({ errorCode: 0, lowWatermark: 4 });
    expect(await list(topic, -2)).toEqual([4, -1]);
    expect(await list(topic, now)).toEqual([4, now + 40]);
    expect((await deleteBefore(topic, 7)).errorCode).toBe(1);
    expect(await deleteBefore(topic, 2)).toMatchObject({ errorCode: 0, lowWatermark: 4 });
    expect(await deleteBefore(topic, -1)).toMatchObject({ errorCode: 0, lowWatermark: 6 });
    expect((await deleteBefore('no-such-topic', 0)).errorCode).toBe(3);
    const { logStartOffset, highWatermark } = await fetch(wire, topic, 6);
    expect([logStartOffset, highWatermark]).toEqual([6, 6]);
  });

  test.skipIf(!owned && skipped('C43', 'an external broker cannot be restarted'))(
    'C43 the new start survives a restart',
    async () => {
      const topic = await timed('c43');
      expect((await deleteBefore(topic, 4)).lowWatermark).toBe(4);
      expect(await broker.stop()).toBe(0);
      await broker.restart();
      wire.close();
      wire = await Wire.open(broker);
      await eventually('the partition is led', async () => !('errorCode' in (await list(topic, -2))));
      expect(await list(topic, -2)).toEqual([4, -1]);
      expect(await list(topic, -1)).toEqual([6, -1]);
    },
  );

  test('C44 commits come back exactly, metadata too; what was never committed is −1 without an error', async () => {
    const topic = freshName('c44');
    await createTopic(wire, topic, 3);
    const group = freshName('c44-group');
    await findCoordinator(wire, group);
    const metadata = 'é'.repeat(4096); // The limit is of characters, whatever bytes they take.
    const commit = async (
      partitions: { partitionIndex: number; committedOffset: number; committedMetadata: string | null }[],
      name = topic,
      version = 8,
    ) =>
      (
        await wire.ask(OffsetCommit, version, { groupId: group, memberId: '', topics: [{ name, partitions }] })
      ).topics[0]!.partitions.map(({ errorCode }) => errorCode);
    expect(
      await commit([
        { partitionIndex: 0, committedOffset: 17, committedMetadata: metadata },
        { partitionIndex: 1, committedOffset: 18, committedMetadata: `${'x'.repeat(4096)}y` },
      ]),
    ).toEqual([0, 12]);
    expect(await commit([{ partitionIndex: 7, committedOffset: 1, committedMetadata: null }])).toEqual([3]);
    expect(await commit([{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }], 'no-such-topic')).toEqual(
      [3],
    );
    const { groups } = await wire.ask(OffsetFetch, 8, {
      groups: [
        { groupId: group, topics: [{ name: topic, partitionIndexes: [0, 1] }] },
        { groupId: group, topics: null },
        { groupId: freshName('none'), topics: [{ name: topic, partitionIndexes: [2] }] },
      ],
    });
    expect(groups.map(({ errorCode }) => errorCode)).toEqual([0, 0, 0]);
    const rows = groups.map(({ topics }) =>
      topics.flatMap((each) =>
        each.partitions.map((p) => [p.partitionIndex, p.committedOffset, p.metadata, p.errorCode]),
      ),
    );
    expect(rows).toEqual([
      [
        [0, 17, metadata, 0],
        [1, -1, '', 0],
      ],
      [[0, 17, metadata, 0]],
      [[2, -1, '', 0]],
    ]);
    expect(await commit([{ partitionIndex: 2, committedOffset: 5, committedMetadata: null }], topic, 2)).toEqual([0]);
    const old = await wire.ask(OffsetFetch, 1, { groupId: group, topics: [{ name: topic, partitionIndexes: [2] }] });
    expect(old.topics[0]!.partitions[0]).toMatchObject({ committedOffset: 5, metadata: '', errorCode: 0 });
  });
});

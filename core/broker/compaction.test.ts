import { expect, test } from 'vitest';
import { ErrorCode } from '../protocol/errors.ts';
import { Produce } from '../protocol/messages/00-produce.ts';
import { Fetch } from '../protocol/messages/01-fetch.ts';
import { ListOffsets } from '../protocol/messages/02-list-offsets.ts';
import { OffsetCommit } from '../protocol/messages/08-offset-commit.ts';
import { OffsetFetch } from '../protocol/messages/09-offset-fetch.ts';
import { FindCoordinator } from '../protocol/messages/10-find-coordinator.ts';
import { CreateTopics } from '../protocol/messages/19-create-topics.ts';
import { IncrementalAlterConfigs } from '../protocol/messages/44-incremental-alter-configs.ts';
import { recordsOf } from '../protocol/record.ts';
import { batchesIn, type RecordBatch } from '../protocol/record-batch.ts';
import { buildBatch, type RecordInput } from '../protocol/record-batch-builder.ts';
import type { RpcClient } from '../rpc/rpc-client.ts';
import { type TestCluster, withBroker } from './testing.ts';

/** The settings of a topic's log do what they say, and from the moment they are altered: compaction, retention, rolling, timestamps, compression. */
const NAMES_MAX = { versionMax: 12 };
const TOPIC = 2;
const SET = 0;
const SETTINGS = {
  'log.cleaner.backoff.ms': '1000',
  'log.retention.check.interval.ms': '1000',
  'offsets.topic.num.partitions': '1',
  'offsets.topic.replication.factor': '1',
};

async function createTopic(client: RpcClient, name: string, configs: Record<string, string> = {}) {
  const { topics } = await client.send(CreateTopics, {
    topics: [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: entriesOf(configs) }],
  });
  expect(topics[0]!.errorCode).toBe(0);
}

function entriesOf(configs: Record<string, string>) {
  return Object.entries(configs).map(([name, value]) => ({ name, value }));
}

async function alter(client: RpcClient, resourceName: string, configs: Record<string, string>) {
  const { responses } = await client.send(IncrementalAlterConfigs, {
    resources: [
      {
        resourceType: TOPIC,
        resourceName,
        configs: entriesOf(configs).map((each) => ({ ...each, configOperation: SET })),
      },
    ],
    validateOnly: false,
  });
  expect(responses[0]).toMatchObject({ errorCode: 0, errorMessage: null });
}

async function produce(client: RpcClient, topic: string, records: readonly RecordInput[]) {
  const { responses } = await client.send(
    Produce,
    {
      acks: -1,
      timeoutMs: 1000,
      topicData: [{ name: topic, partitionData: [{ index: 0, records: buildBatch({ records }) }] }],
    },
    NAMES_MAX,
  );
  return responses[0]!.partitionResponses[0]!;
}

/** Every batch of partition 0 from `from` on. */
async function batchesFrom(client: RpcClient, topic: string, from: number): Promise<RecordBatch[]> {
  const found: RecordBatch[] = [];
  for (let offset = from; ; ) {
    const partitions = [{ partition: 0, fetchOffset: offset, partitionMaxBytes: 5_000_000 }];
    const wish = { maxWaitMs: 0, minBytes: 0, topics: [{ topic, partitions }], forgottenTopicsData: [] };
    const { responses } = await client.send(Fetch, wish, NAMES_MAX);
    const { records, errorCode } = responses[0]!.partitions[0]!;
    expect(errorCode).toBe(0);
    const batches = [...batchesIn(Buffer.from(records ?? Buffer.alloc(0)))];
    if (batches.length === 0) return found;
    found.push(...batches);
    offset = batches.at(-1)!.nextOffset;
  }
}

async function recordsFrom(client: RpcClient, topic: string, from = 0): Promise<string[]> {
  const batches = await batchesFrom(client, topic, from);
  return batches.flatMap((batch) => [...recordsOf(batch)].map((each) => `${each.offset} ${each.key}=${each.value}`));
}

async function startOffset(client: RpcClient, topic: string): Promise<number> {
  const { topics } = await client.send(ListOffsets, {
    replicaId: -1,
    topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: -2 }] }],
  });
  return topics[0]!.partitions[0]!.offset;
}

function bytesOnDisk({ world }: TestCluster, folder: string): number {
  let bytes = 0;
  for (const [path, inode] of world.process('broker').disk.files()) {
    if (path.startsWith(`/data/${folder}/`) && path.endsWith('.log')) bytes += inode.size;
  }
  return bytes;
}

test('C54 C60: a compacted topic and __consumer_offsets are cleaned while the broker runs, and load after a kill -9', async () => {
  await withBroker(SETTINGS, async (cluster) => {
    const client = await cluster.connect();
    const quick = { 'segment.ms': '10', 'min.cleanable.dirty.ratio': '0.01', 'file.delete.delay.ms': '1000' };
    await createTopic(client, 't', { 'cleanup.policy': 'compact', ...quick });
    await client.send(FindCoordinator, { key: '', keyType: 0, coordinatorKeys: ['g'] });
    await cluster.wait(100);
    await alter(client, '__consumer_offsets', quick);
    const clockMs = () => cluster.ports.clock.now();
    for (let index = 0; index < 100; index++) {
      await produce(client, 't', [{ key: `k${index % 5}`, value: `v${index}`, timestamp: clockMs() }]);
      const partitions = [{ partitionIndex: 0, committedOffset: index, committedMetadata: `m${index}` }];
      const { topics } = await client.send(
        OffsetCommit,
        { groupId: 'g', memberId: '', topics: [{ name: 't', partitions }] },
        { versionMax: 9 },
      );
      expect(topics[0]!.partitions[0]!.errorCode).toBe(0);
      await cluster.wait(20);
    }
    await cluster.wait(20_000);
    const check = async (asking: RpcClient) => {
      const records = await recordsFrom(asking, 't');
      expect(records.length).toBeLessThan(12);
      expect(records.slice(-5)).toEqual([0, 1, 2, 3, 4].map((key) => `${95 + key} k${key}=v${95 + key}`));
      const { groups } = await asking.send(
        OffsetFetch,
        { groups: [{ groupId: 'g', topics: [{ name: 't', partitionIndexes: [0] }] }], requireStable: false },
        { versionMax: 9 },
      );
      expect(groups[0]!.topics[0]!.partitions[0]).toMatchObject({ committedOffset: 99, metadata: 'm99', errorCode: 0 });
      // And the topic can be read as any other (C60).
      const committed = await recordsFrom(asking, '__consumer_offsets');
      expect(committed.length).toBeLessThan(12);
    };
    await check(client);
    for (const folder of ['t-0', '__consumer_offsets-0']) expect(bytesOnDisk(cluster, folder)).toBeLessThan(1500);
    await cluster.restart();
    await check(await cluster.connect());
    expect(cluster.logged.filter((line) => line.includes('compact'))).toEqual([]);
  });
});

test('altered settings hold at once: rolling, retention, policy, timestamps, sizes, compression with its level', async () => {
  await withBroker(SETTINGS, async (cluster) => {
    const client = await cluster.connect();
    await createTopic(client, 't');
    const nowMs = cluster.ports.clock.now();
    const large = Buffer.alloc(400_000, 'abcdefgh');
    const send = (key: string | null, value: Uint8Array | string = large, timestamp = nowMs) =>
      produce(client, 't', [{ key, value, timestamp }]);
    const files = () => {
      const paths = cluster.world
        .process('broker')
        .disk.files()
        .map(([path]) => path);
      return paths.filter((path) => /^\/data\/t-0\/\d+\.log$/.test(path)).length;
    };
    for (let index = 0; index < 4; index++) await send('k');
    expect(files()).toBe(1);
    await alter(client, 't', { 'segment.bytes': '1048576' });
    for (let index = 0; index < 4; index++) await send('k');
    expect(files()).toBeGreaterThan(2);

    await alter(client, 't', { 'retention.bytes': '900000' });
    await cluster.wait(2000);
    expect(await startOffset(client, 't')).toBeGreaterThan(0);
    await alter(client, 't', {
      'retention.bytes': '-1',
      'cleanup.policy': 'compact',
      'min.cleanable.dirty.ratio': '0.01',
    });
    expect((await send(null)).errorCode).toBe(ErrorCode.INVALID_RECORD);
    for (let index = 0; index < 4; index++) await send('k');
    await cluster.wait(5000);
    expect((await recordsFrom(client, 't', await startOffset(client, 't'))).length).toBeLessThan(5);

    await alter(client, 't', { 'message.timestamp.type': 'LogAppendTime', 'max.message.bytes': '500' });
    expect((await send('k')).errorCode).toBe(ErrorCode.MESSAGE_TOO_LARGE);
    const appended = await send('k', 'small', 5);
    expect(appended.logAppendTimeMs).toBeGreaterThan(nowMs);
    await alter(client, 't', { 'max.message.bytes': '1000000', 'message.timestamp.type': 'CreateTime' });

    const sizeWith = async (configs: Record<string, string>) => {
      await alter(client, 't', configs);
      const { baseOffset, errorCode } = await send('k', text());
      expect(errorCode).toBe(0);
      const [batch] = await batchesFrom(client, 't', baseOffset);
      expect([...recordsOf(batch!)].map((each) => String(each.value))).toEqual([text()]);
      return { codec: batch!.compression, bytes: batch!.bytes };
    };
    const plain = await sizeWith({ 'compression.type': 'uncompressed' });
    expect(plain.codec).toBe('none');
    for (const [codec, levels] of [
      ['gzip', ['1', '9']],
      ['zstd', ['1', '19']],
    ] as const) {
      const fast = await sizeWith({ 'compression.type': codec, [`compression.${codec}.level`]: levels[0] });
      const small = await sizeWith({ [`compression.${codec}.level`]: levels[1] });
      expect([fast.codec, small.codec]).toEqual([codec, codec]);
      expect(fast.bytes).toBeLessThan(plain.bytes);
      expect(small.bytes).toBeLessThan(fast.bytes);
    }
    for (const codec of ['snappy', 'lz4']) {
      expect((await sizeWith({ 'compression.type': codec })).codec).toBe(codec);
    }
  });
});

/** Some words again and again, in an order that is not simple. */
function text(): string {
  let state = 7;
  const words: string[] = [];
  for (let index = 0; index < 4000; index++) {
    state = (state * 48_271) % 0x7fff_ffff;
    words.push(['partition', 'offset', 'leader', 'epoch', 'segment', 'record', `${state % 97}`][state % 7]!);
  }
  return words.join(' ');
}

// C8–C15: metadata, and the life of topics.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Fetch } from '../../protocol/messages/01-fetch.ts';
import { Metadata } from '../../protocol/messages/03-metadata.ts';
import { CreateTopics } from '../../protocol/messages/19-create-topics.ts';
import { DeleteTopics } from '../../protocol/messages/20-delete-topics.ts';
import { CreatePartitions } from '../../protocol/messages/37-create-partitions.ts';
import { DescribeTopicPartitions } from '../../protocol/messages/75-describe-topic-partitions.ts';
import type { RequestInput } from '../../protocol/schema.ts';
import { eventually, type ForeignBroker, freshName, startBroker } from '../foreign/harness.ts';
import { batchOf, createTopic, fetchBody, produce, Wire } from './wire.ts';

type NewTopic = RequestInput<typeof CreateTopics>['topics'][number];

const unknownId = 'AAAAAAAAAAAAAAAAAAAAEg';

describe('topics', () => {
  let broker: ForeignBroker;
  let wire: Wire;

  beforeAll(async () => {
    broker = await startBroker({ set: { 'auto.create.topics.enable': true, 'num.partitions': 2 } });
    wire = await Wire.open(broker);
  });
  afterAll(async () => {
    wire?.close();
    await broker?.dispose();
  });

  const create = async (topic: Partial<NewTopic> & { name: string }, version = 7, validateOnly = false) => {
    const { topics } = await wire.ask(CreateTopics, version, {
      topics: [{ numPartitions: 1, replicationFactor: 1, assignments: [], configs: [], ...topic }],
      validateOnly,
    });
    return topics[0]!;
  };
  const metadata = (topics: { name?: string; topicId?: string }[] | null, version = 12, allow = false) =>
    wire.ask(Metadata, version, {
      topics: topics?.map(({ name, topicId }) => ({ name: name ?? null, ...(topicId && { topicId }) })) ?? null,
      allowAutoTopicCreation: allow,
    });

  test('C8 v0 empty asks for all topics, v1 null for all and empty for none; an unknown id is 100', async () => {
    const topic = freshName('c8');
    await createTopic(wire, topic);
    const names = async (version: number, topics: [] | null) =>
      (await wire.ask(Metadata, version, { topics })).topics.map(({ name }) => name);
    expect(await names(0, [])).toContain(topic);
    expect(await names(1, null)).toContain(topic);
    expect(await names(1, [])).toEqual([]);
    const unknown = await metadata([{ topicId: unknownId }]);
    expect(unknown.topics).toMatchObject([{ errorCode: 100, name: null, topicId: unknownId, partitions: [] }]);
  });

  test('C9 auto-create wants the flag of the request, too, and is never for a request for all topics; a bad name is 17', async () => {
    const topic = freshName('c9');
    expect((await metadata([{ name: topic }], 12, false)).topics[0]!.errorCode).toBe(3);
    expect((await metadata(null, 12, true)).topics.map(({ name }) => name)).not.toContain(topic);
    await eventually('created', async () => {
      const [answer] = (await metadata([{ name: topic }], 12, true)).topics;
      // 3 (or 5) while creating.
      expect([0, 3, 5]).toContain(answer!.errorCode);
      return answer!.errorCode === 0 && answer!.partitions.length === 2;
    });
    for (const bad of ['', '.', '..', 'a b', 'a/b', 'x'.repeat(250)]) {
      const [answer] = (await metadata([{ name: bad }], 12, true)).topics;
      expect([bad, answer!.errorCode]).toEqual([bad, 17]);
    }
    // Before v4 the request cannot say no.
    const old = freshName('c9-old');
    await eventually('created', async () => {
      const { topics } = await wire.ask(Metadata, 1, { topics: [{ name: old }] });
      return topics[0]!.errorCode === 0;
    });
  });

  test('C11 the controller is a live broker', async () => {
    const { controllerId, brokers, clusterId } = await metadata([]);
    expect(brokers.map(({ nodeId }) => nodeId)).toContain(controllerId);
    expect(clusterId).toMatch(/^[\w-]+$/);
  });

  test('C12 CreateTopics: counts by default, by hand, only checked; v5 tells the settings, v7 the id', async () => {
    const made = await create({ name: freshName('c12'), numPartitions: -1, replicationFactor: -1 });
    expect(made).toMatchObject({ errorCode: 0, numPartitions: 2, replicationFactor: 1 });
    expect(made.topicId).toMatch(/^[\w-]{22}$/);
    expect(made.configs!.find(({ name }) => name === 'retention.ms')).toMatchObject({
      value: '604800000',
      configSource: 5,
    });
    const nodeId = (await metadata([])).brokers[0]!.nodeId;
    const byHand = {
      numPartitions: -1,
      replicationFactor: -1,
      assignments: [0, 1, 2].map((partitionIndex) => ({ partitionIndex, brokerIds: [nodeId] })),
    };
    expect(await create({ name: freshName('c12'), ...byHand })).toMatchObject({ errorCode: 0, numPartitions: 3 });
    const checked = freshName('c12');
    expect(await create({ name: checked }, 7, true)).toMatchObject({ errorCode: 0, numPartitions: 1 });
    expect((await metadata([{ name: checked }])).topics[0]!.errorCode).toBe(3);
    expect((await create({ name: freshName('c12'), numPartitions: -1, replicationFactor: -1 }, 4)).errorCode).toBe(0);
  });

  test('C12 CreateTopics refuses: 36, 37, 38, 39, 40, 42, 17', async () => {
    const name = freshName('c12');
    expect((await create({ name })).errorCode).toBe(0);
    const code = async (topic: Partial<NewTopic>) => (await create({ name: freshName('c12'), ...topic })).errorCode;
    const nodeId = (await metadata([])).brokers[0]!.nodeId;
    expect(await code({ name })).toBe(36);
    expect(await code({ numPartitions: 0 })).toBe(37);
    expect(await code({ numPartitions: -2 })).toBe(37);
    expect(await code({ replicationFactor: 2 })).toBe(38);
    expect(await code({ replicationFactor: 0 })).toBe(38);
    expect(
      await code({ numPartitions: -1, replicationFactor: -1, assignments: [{ partitionIndex: 0, brokerIds: [99] }] }),
    ).toBe(39);
    expect(
      await code({
        numPartitions: -1,
        replicationFactor: -1,
        assignments: [{ partitionIndex: 1, brokerIds: [nodeId] }],
      }),
    ).toBe(39);
    expect(await code({ configs: [{ name: 'no.such.setting', value: '1' }] })).toBe(40);
    expect(await code({ configs: [{ name: 'retention.ms', value: 'soon' }] })).toBe(40);
    expect(await code({ assignments: [{ partitionIndex: 0, brokerIds: [nodeId] }] })).toBe(42);
    expect(await code({ name: 'a b' })).toBe(17);
    expect(await code({ name: '' })).toBe(17);
    expect(await code({ name: 'x'.repeat(250) })).toBe(17);
    const pair = { numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
    const twice = freshName('c12');
    const { topics } = await wire.ask(CreateTopics, 7, {
      topics: [
        { name: twice, ...pair },
        { name: twice, ...pair },
      ],
    });
    expect(topics.map(({ errorCode }) => errorCode)).toEqual([42]);
    const growth = { name, count: 3, assignments: null };
    const grown = await wire.ask(CreatePartitions, 3, {
      topics: [growth, growth],
      timeoutMs: 5000,
      validateOnly: false,
    });
    expect(grown.results.map(({ errorCode }) => errorCode)).toEqual([42]);
    // `.` and `_` make the same metric name.
    const dotted = freshName('c12').replaceAll('-', '.');
    expect(await code({ name: dotted })).toBe(0);
    expect(await code({ name: dotted.replaceAll('.', '_') })).toBe(17);
  });

  test('C12 CreatePartitions grows a topic and never shrinks it', async () => {
    const name = freshName('c12');
    await createTopic(wire, name, 2);
    const grow = async (count: number, topic = name) =>
      (
        await wire.ask(CreatePartitions, 3, {
          topics: [{ name: topic, count, assignments: null }],
          timeoutMs: 5000,
          validateOnly: false,
        })
      ).results[0]!.errorCode;
    expect(await grow(2)).toBe(37);
    expect(await grow(1)).toBe(37);
    expect(await grow(3)).toBe(0);
    expect(await grow(3, freshName('absent'))).toBe(3);
  });

  test('C13 segment.bytes is at least 1 MiB', async () => {
    const code = async (value: string) =>
      (await create({ name: freshName('c13'), configs: [{ name: 'segment.bytes', value }] })).errorCode;
    expect(await code('1048575')).toBe(40);
    expect(await code('1048576')).toBe(0);
  });

  test('C14 deleted and made again a topic has another id; the stale id is 100', async () => {
    const name = freshName('c14');
    const first = await createTopic(wire, name);
    expect((await produce(wire, name, batchOf(['old']))).errorCode).toBe(0);
    const deleted = await wire.ask(DeleteTopics, 6, { topics: [{ name: null, topicId: first }], timeoutMs: 5000 });
    expect(deleted.responses).toMatchObject([{ errorCode: 0, name, topicId: first }]);
    await eventually('gone', async () => (await metadata([{ name }])).topics[0]!.errorCode === 3);
    const second = await createTopic(wire, name);
    expect(second).not.toBe(first);
    expect((await metadata([{ topicId: first }])).topics[0]!.errorCode).toBe(100);
    const stale = { ...fetchBody([{ topic: name, offset: 0 }]) };
    const byId = (topicId: string) => wire.ask(Fetch, 13, { ...stale, topics: [{ ...stale.topics[0]!, topicId }] });
    expect((await byId(first)).responses[0]!.partitions[0]!.errorCode).toBe(100);
    const fresh = (await byId(second)).responses[0]!.partitions[0]!;
    expect([fresh.errorCode, fresh.highWatermark]).toEqual([0, 0]);
    const code = async (topics: RequestInput<typeof DeleteTopics>['topics']) =>
      (await wire.ask(DeleteTopics, 6, { topics, timeoutMs: 5000 })).responses.map(({ errorCode }) => errorCode);
    expect(await code([{ name: null, topicId: first }])).toEqual([100]);
    expect(await code([{ name: freshName('absent'), topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }])).toEqual([3]);
  });

  test('C15 DescribeTopicPartitions goes page by page with a cursor', async () => {
    const [a, b] = [freshName('c15-a'), freshName('c15-b')];
    await createTopic(wire, a, 3);
    await createTopic(wire, b, 2);
    const page = (limit: number, cursor: { topicName: string; partitionIndex: number } | null) =>
      wire.ask(DescribeTopicPartitions, 0, {
        topics: [{ name: b }, { name: a }],
        responsePartitionLimit: limit,
        cursor,
      });
    const seen: string[] = [];
    let cursor: { topicName: string; partitionIndex: number } | null = null;
    const cursors: unknown[] = [];
    do {
      const answer: Awaited<ReturnType<typeof page>> = await page(2, cursor);
      for (const { name, partitions } of answer.topics) {
        for (const { partitionIndex } of partitions) seen.push(`${name === a ? 'a' : 'b'}${partitionIndex}`);
      }
      cursor = answer.nextCursor;
      cursors.push(cursor);
    } while (cursor !== null);
    expect(seen).toEqual(['a0', 'a1', 'a2', 'b0', 'b1']);
    expect(cursors).toEqual([{ topicName: a, partitionIndex: 2 }, { topicName: b, partitionIndex: 1 }, null]);
    const unknown = await wire.ask(DescribeTopicPartitions, 0, { topics: [{ name: 'absent-topic' }] });
    expect(unknown.topics).toMatchObject([{ errorCode: 3, partitions: [] }]);
  });
});

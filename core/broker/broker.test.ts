import { expect, test } from 'vitest';
import { ErrorCode } from '../protocol/errors.ts';
import { Produce } from '../protocol/messages/00-produce.ts';
import { Fetch } from '../protocol/messages/01-fetch.ts';
import { ListOffsets } from '../protocol/messages/02-list-offsets.ts';
import { Metadata } from '../protocol/messages/03-metadata.ts';
import { ApiVersions } from '../protocol/messages/18-api-versions.ts';
import { CreateTopics } from '../protocol/messages/19-create-topics.ts';
import { DeleteTopics } from '../protocol/messages/20-delete-topics.ts';
import { DeleteRecords } from '../protocol/messages/21-delete-records.ts';
import { InitProducerId } from '../protocol/messages/22-init-producer-id.ts';
import { DescribeConfigs } from '../protocol/messages/32-describe-configs.ts';
import { CreatePartitions } from '../protocol/messages/37-create-partitions.ts';
import { IncrementalAlterConfigs } from '../protocol/messages/44-incremental-alter-configs.ts';
import { recordsOf } from '../protocol/record.ts';
import { batchesIn } from '../protocol/record-batch.ts';
import { RecordBatchBuilder } from '../protocol/record-batch-builder.ts';
import { ZERO_UUID } from '../protocol/writer.ts';
import type { RpcClient } from '../rpc/rpc-client.ts';
import { BROKER_ADDRESS, withBroker } from './testing.ts';

const NAMES_MAX = { versionMax: 12 };

function batchOf(values: readonly string[], options: ConstructorParameters<typeof RecordBatchBuilder>[0] = {}): Buffer {
  const builder = new RecordBatchBuilder(options);
  for (const value of values) builder.append(1_767_225_600_000, Buffer.from('k'), Buffer.from(value));
  return builder.build();
}

async function createTopic(client: RpcClient, name: string, configs: Record<string, string> = {}, partitions = 1) {
  const { topics } = await client.send(CreateTopics, {
    topics: [
      {
        name,
        numPartitions: partitions,
        replicationFactor: 1,
        assignments: [],
        configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
      },
    ],
  });
  return topics[0]!;
}

async function produce(client: RpcClient, topic: string, records: Buffer, acks = -1) {
  const { responses } = await client.send(
    Produce,
    { acks, timeoutMs: 1000, topicData: [{ name: topic, partitionData: [{ index: 0, records }] }] },
    NAMES_MAX,
  );
  return responses[0]!.partitionResponses[0]!;
}

interface FetchWish {
  readonly maxWaitMs?: number;
  readonly minBytes?: number;
  readonly maxBytes?: number;
  readonly partitionMaxBytes?: number;
}

async function fetch(client: RpcClient, topic: string, offset: number, wish: FetchWish = {}) {
  const { responses } = await client.send(
    Fetch,
    {
      maxWaitMs: wish.maxWaitMs ?? 0,
      minBytes: wish.minBytes ?? 1,
      maxBytes: wish.maxBytes,
      topics: [
        {
          topic,
          partitions: [{ partition: 0, fetchOffset: offset, partitionMaxBytes: wish.partitionMaxBytes ?? 1_000_000 }],
        },
      ],
      forgottenTopicsData: [],
    },
    NAMES_MAX,
  );
  const partition = responses[0]!.partitions[0]!;
  const values: string[] = [];
  for (const batch of batchesIn(partition.records ?? Buffer.alloc(0))) {
    for (const record of recordsOf(batch)) values.push(`${record.offset}:${record.value}`);
  }
  return { ...partition, values };
}

test('what is produced is fetched, in virtual time, and is there after a kill -9', async () => {
  await withBroker({}, async (cluster) => {
    const client = await cluster.connect();
    expect((await createTopic(client, 'flights')).errorCode).toBe(0);
    expect(await produce(client, 'flights', batchOf(['a', 'b']))).toMatchObject({ errorCode: 0, baseOffset: 0 });
    expect(await produce(client, 'flights', batchOf(['c']), 1)).toMatchObject({ errorCode: 0, baseOffset: 2 });
    expect(await fetch(client, 'flights', 0)).toMatchObject({ values: ['0:a', '1:b', '2:c'], highWatermark: 3 });
    await cluster.restart();
    const again = await cluster.connect();
    expect((await fetch(again, 'flights', 1)).values).toEqual(['0:a', '1:b', '2:c']);
    const { topics } = await again.send(Metadata, { topics: null });
    expect(topics.map((each) => each.name)).toEqual(['flights']);
  });
});

test('one seed, one history', async () => {
  const run = () =>
    withBroker(
      {},
      async (cluster) => {
        const client = await cluster.connect();
        await createTopic(client, 't', {}, 3);
        for (let i = 0; i < 20; i++) await produce(client, 't', batchOf([`value ${i}`]));
        await fetch(client, 't', 0);
      },
      42,
    );
  expect(await run()).toBe(await run());
});

test('a fetch waits for bytes, and no longer than asked', async () => {
  await withBroker({}, async (cluster) => {
    const [reader, writer] = [await cluster.connect(), await cluster.connect()];
    await createTopic(writer, 't');
    const { clock } = cluster.ports;
    let startMs = clock.monotonic();
    expect((await fetch(reader, 't', 0, { maxWaitMs: 500 })).values).toEqual([]);
    expect(clock.monotonic() - startMs).toBeGreaterThanOrEqual(500);
    startMs = clock.monotonic();
    const waiting = fetch(reader, 't', 0, { maxWaitMs: 10_000 });
    await cluster.wait(200);
    await produce(writer, 't', batchOf(['x']));
    expect((await waiting).values).toEqual(['0:x']);
    expect(clock.monotonic() - startMs).toBeLessThan(1000);
    // Fewer bytes than asked for do not wake it.
    const large = fetch(reader, 't', 1, { maxWaitMs: 2000, minBytes: 10_000 });
    startMs = clock.monotonic();
    await produce(writer, 't', batchOf(['y']));
    expect((await large).values).toEqual(['1:y']);
    expect(clock.monotonic() - startMs).toBeGreaterThanOrEqual(1900);
  });
});

test('limits: whole batches, the first one always; the middle of a batch returns the batch', async () => {
  await withBroker({}, async (cluster) => {
    const client = await cluster.connect();
    await createTopic(client, 't');
    for (const values of [['a', 'b', 'c'], ['d'], ['e']]) await produce(client, 't', batchOf(values));
    expect((await fetch(client, 't', 1, { maxBytes: 1 })).values).toEqual(['0:a', '1:b', '2:c']);
    expect((await fetch(client, 't', 3, { partitionMaxBytes: 1 })).values).toEqual(['3:d']);
    expect((await fetch(client, 't', 5)).errorCode).toBe(ErrorCode.NONE);
    expect((await fetch(client, 't', 6)).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
  });
});

test('produce refuses what Kafka refuses', async () => {
  await withBroker({}, async (cluster) => {
    const client = await cluster.connect();
    await createTopic(client, 't', { 'max.message.bytes': '200' });
    await createTopic(client, 'compacted', { 'cleanup.policy': 'compact' });
    const codes = async (topic: string, records: Buffer, acks = -1) =>
      (await produce(client, topic, records, acks)).errorCode;
    expect(await codes('t', batchOf(['x'.repeat(300)]))).toBe(ErrorCode.MESSAGE_TOO_LARGE);
    expect(await codes('t', Buffer.concat([batchOf(['a']), batchOf(['b'])]))).toBe(ErrorCode.INVALID_RECORD);
    const corrupt = batchOf(['abc']);
    corrupt[corrupt.length - 2]! ^= 1;
    expect(await codes('t', corrupt)).toBe(ErrorCode.CORRUPT_MESSAGE);
    expect(await codes('t', batchOf(['a']), 2)).toBe(ErrorCode.INVALID_REQUIRED_ACKS);
    expect(await codes('nowhere', batchOf(['a']))).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    expect(
      await codes('t', batchOf(['a'], { isTransactional: true, producerId: 1, producerEpoch: 0, baseSequence: 0 })),
    ).toBe(ErrorCode.INVALID_TXN_STATE);
    const keyless = new RecordBatchBuilder({});
    keyless.append(1, null, Buffer.from('v'));
    const refused = await produce(client, 'compacted', keyless.build());
    expect(refused).toMatchObject({ errorCode: ErrorCode.INVALID_RECORD, recordErrors: [{ batchIndex: 0 }] });
  });
});

test('acks=0 has no answer, and an error closes the connection', async () => {
  await withBroker({}, async (cluster) => {
    const client = await cluster.connect();
    await createTopic(client, 't');
    const body = (topic: string) => ({
      acks: 0,
      timeoutMs: 1000,
      topicData: [{ name: topic, partitionData: [{ index: 0, records: batchOf(['a']) }] }],
    });
    client.sendOneWay(Produce, body('t'), NAMES_MAX);
    expect((await fetch(client, 't', 0)).values).toEqual(['0:a']);
    client.sendOneWay(Produce, body('nowhere'), NAMES_MAX);
    await cluster.wait(100);
    expect(client.isClosed).toBe(true);
    expect(cluster.logged.join()).toContain('acks=0');
  });
});

test('idempotence: a batch that is sent again keeps its offset, also after a restart; a gap is refused', async () => {
  await withBroker({}, async (cluster) => {
    const client = await cluster.connect();
    await createTopic(client, 't');
    const { producerId, producerEpoch } = await client.send(InitProducerId, {
      transactionalId: null,
      transactionTimeoutMs: 0,
    });
    const at = (baseSequence: number) => batchOf(['v'], { producerId, producerEpoch, baseSequence });
    expect(await produce(client, 't', at(0))).toMatchObject({ errorCode: 0, baseOffset: 0 });
    expect(await produce(client, 't', at(1))).toMatchObject({ errorCode: 0, baseOffset: 1 });
    expect(await produce(client, 't', at(0))).toMatchObject({ errorCode: 0, baseOffset: 0 });
    expect(await produce(client, 't', at(3))).toMatchObject({ errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER });
    await cluster.restart();
    const again = await cluster.connect();
    expect(await produce(again, 't', at(1))).toMatchObject({ errorCode: 0, baseOffset: 1 });
    expect(await produce(again, 't', at(2))).toMatchObject({ errorCode: 0, baseOffset: 2 });
    const next = await again.send(InitProducerId, { transactionalId: null, transactionTimeoutMs: 0 });
    expect(next.producerId).not.toBe(producerId);
    // Nobody has asked for the coordinator yet, so there is none.
    const refused = await again.send(InitProducerId, { transactionalId: 'tx', transactionTimeoutMs: 1000 });
    expect(refused.errorCode).toBe(ErrorCode.NOT_COORDINATOR);
  });
});

test('metadata: all, none, unknown; auto-creation needs both sides to want it', async () => {
  await withBroker({ 'num.partitions': '2' }, async (cluster) => {
    const client = await cluster.connect();
    await createTopic(client, 'a');
    const ask = (names: string[] | null, allowAutoTopicCreation: boolean, versionMax = 13) =>
      client.send(
        Metadata,
        { topics: names?.map((name) => ({ name })) ?? null, allowAutoTopicCreation },
        { versionMax },
      );
    expect((await ask(null, true)).topics.map((each) => each.name)).toEqual(['a']);
    expect((await ask([], true)).topics).toEqual([]);
    expect((await ask([], true, 0)).topics.map((each) => each.name)).toEqual(['a']);
    expect((await ask(['b'], false)).topics[0]!.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    expect((await ask(['b'], true)).topics[0]).toMatchObject({ errorCode: 0, partitions: [{}, {}] });
    expect((await ask(['no good'], true)).topics[0]!.errorCode).toBe(ErrorCode.INVALID_TOPIC_EXCEPTION);
    const byId = { topics: [{ topicId: 'MTIzNDU2Nzg5MDEyMzQ1Ng', name: null }] };
    expect((await client.send(Metadata, byId)).topics[0]!.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_ID);
  });
  await withBroker({ 'auto.create.topics.enable': 'false' }, async (cluster) => {
    const client = await cluster.connect();
    const { topics } = await client.send(Metadata, { topics: [{ name: 'b' }], allowAutoTopicCreation: true });
    expect(topics[0]!.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  });
});

test('topics: refusals, growth, deletion and a new life under the same name', async () => {
  await withBroker({}, async (cluster) => {
    const client = await cluster.connect();
    const first = await createTopic(client, 't');
    expect(await createTopic(client, 't')).toMatchObject({ errorCode: ErrorCode.TOPIC_ALREADY_EXISTS });
    expect(await createTopic(client, 'bad name')).toMatchObject({ errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION });
    expect(await createTopic(client, 'none', {}, 0)).toMatchObject({ errorCode: ErrorCode.INVALID_PARTITIONS });
    expect(await createTopic(client, 'c', { 'segment.bytes': '10' })).toMatchObject({
      errorCode: ErrorCode.INVALID_CONFIG,
      errorMessage: expect.stringContaining('segment.bytes'),
    });
    const three = [{ name: 'r', numPartitions: 1, replicationFactor: 3, assignments: [], configs: [] }];
    const { topics } = await client.send(CreateTopics, { topics: three });
    expect(topics[0]!.errorCode).toBe(ErrorCode.INVALID_REPLICATION_FACTOR);
    const grow = async (count: number) => {
      const body = { topics: [{ name: 't', count, assignments: null }], timeoutMs: 0, validateOnly: false };
      return (await client.send(CreatePartitions, body)).results[0]!.errorCode;
    };
    expect(await grow(3)).toBe(0);
    expect(await grow(2)).toBe(ErrorCode.INVALID_PARTITIONS);
    await produce(client, 't', batchOf(['old']));
    const gone = { topics: [{ name: 't', topicId: ZERO_UUID }], timeoutMs: 0 };
    expect((await client.send(DeleteTopics, gone)).responses[0]!.errorCode).toBe(0);
    expect((await client.send(DeleteTopics, gone)).responses[0]!.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    const second = await createTopic(client, 't');
    expect(second.topicId).not.toBe(first.topicId);
    expect(await fetch(client, 't', 0)).toMatchObject({ values: [], highWatermark: 0 });
    const stale = await client.send(Produce, {
      acks: 1,
      timeoutMs: 0,
      topicData: [{ topicId: first.topicId, partitionData: [{ index: 0, records: batchOf(['a']) }] }],
    });
    expect(stale.responses[0]!.partitionResponses[0]!.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_ID);
  });
});

test('configs: defaults with sources, altered at run time, and held to', async () => {
  await withBroker({ 'log.retention.hours': '2' }, async (cluster) => {
    const client = await cluster.connect();
    await createTopic(client, 't', { 'retention.bytes': '5000' });
    const describe = async () => {
      const resources = [{ resourceType: 2, resourceName: 't', configurationKeys: null }];
      const { results } = await client.send(DescribeConfigs, { resources });
      return new Map(results[0]!.configs.map((each) => [each.name, each]));
    };
    const before = await describe();
    expect(before.get('retention.bytes')).toMatchObject({ value: '5000', configSource: 1 });
    expect(before.get('retention.ms')).toMatchObject({ value: '7200000', configSource: 4 });
    expect(before.get('segment.bytes')).toMatchObject({ value: '1073741824', configSource: 5 });
    const alter = async (name: string, configOperation: number, value: string | null) => {
      const resources = [{ resourceType: 2, resourceName: 't', configs: [{ name, configOperation, value }] }];
      const { responses } = await client.send(IncrementalAlterConfigs, { resources, validateOnly: false });
      return responses[0]!.errorCode;
    };
    expect(await alter('max.message.bytes', 0, '100')).toBe(0);
    expect((await produce(client, 't', batchOf(['x'.repeat(200)]))).errorCode).toBe(ErrorCode.MESSAGE_TOO_LARGE);
    expect(await alter('max.message.bytes', 1, null)).toBe(0);
    expect((await produce(client, 't', batchOf(['x'.repeat(200)]))).errorCode).toBe(0);
    expect(await alter('cleanup.policy', 2, 'compact')).toBe(0);
    expect((await describe()).get('cleanup.policy')!.value).toBe('delete,compact');
    expect(await alter('cleanup.policy', 3, 'delete')).toBe(0);
    expect((await describe()).get('cleanup.policy')!.value).toBe('compact');
    expect(await alter('no.such.config', 0, '1')).toBe(ErrorCode.INVALID_CONFIG);
  });
});

test('offsets by position and time; deleted records are out of range', async () => {
  await withBroker({}, async (cluster) => {
    const client = await cluster.connect();
    await createTopic(client, 't');
    for (const value of ['a', 'b', 'c']) await produce(client, 't', batchOf([value]));
    const list = async (timestamp: number) => {
      const topics = [{ name: 't', partitions: [{ partitionIndex: 0, timestamp }] }];
      return (await client.send(ListOffsets, { replicaId: -1, topics })).topics[0]!.partitions[0]!;
    };
    expect(await list(-1)).toMatchObject({ errorCode: 0, offset: 3 });
    expect(await list(-2)).toMatchObject({ errorCode: 0, offset: 0 });
    expect(await list(-3)).toMatchObject({ offset: 0, timestamp: 1_767_225_600_000 });
    expect(await list(1)).toMatchObject({ offset: 0 });
    expect(await list(1_767_225_600_001)).toMatchObject({ errorCode: 0, offset: -1, timestamp: -1 });
    const partitions = [{ partitionIndex: 0, offset: 2 }];
    const deleted = await client.send(DeleteRecords, { topics: [{ name: 't', partitions }], timeoutMs: 0 });
    expect(deleted.topics[0]!.partitions[0]).toMatchObject({ errorCode: 0, lowWatermark: 2 });
    expect(await list(-2)).toMatchObject({ offset: 2 });
    expect((await fetch(client, 't', 0)).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
    expect((await fetch(client, 't', 2)).values).toEqual(['2:c']);
  });
});

test('ApiVersions at an unknown version is answered in version 0; anything else unknown closes the connection', async () => {
  await withBroker({}, async (cluster) => {
    const send = async (hex: string) => {
      const connection = await cluster.ports.network.connect(BROKER_ADDRESS, 1000);
      const chunks: Buffer[] = [];
      let isClosed = false;
      connection.start({
        onData: (chunk) => void chunks.push(Buffer.from(chunk)),
        onClose: () => {
          isClosed = true;
        },
      });
      connection.send([Buffer.from(hex, 'hex')]);
      await cluster.wait(50);
      return { answer: Buffer.concat(chunks), isClosed };
    };
    // key 18, version 99, correlation id 7, and a body that nobody can read
    const tooNew = await send('0000000c0012006300000007deadbeef');
    expect(tooNew.isClosed).toBe(false);
    const body = ApiVersions.response.decode(0, tooNew.answer.subarray(8));
    expect(body).toMatchObject({ errorCode: 35, apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }] });
    for (const hex of [
      '000000080fff000000000001', // unknown key
      '0000000a00030063000000010000', // Metadata v99
      '0000000800070000000000010000', // a key that has no versions
      '000000100003000100000001ffff7fffffff0000', // an array that lies about its size
      '474554202f20485454502f312e310d0a0d0a', // GET / HTTP/1.1
    ]) {
      expect(await send(hex)).toMatchObject({ isClosed: true, answer: Buffer.alloc(0) });
    }
    // The broker lives.
    expect((await (await cluster.connect()).send(Metadata, { topics: null })).brokers).toHaveLength(1);
  });
});

test('every API that is advertised has all its versions', async () => {
  await withBroker({}, async (cluster) => {
    const client = await cluster.connect();
    const { apiKeys } = await client.send(ApiVersions, { clientSoftwareName: 'a', clientSoftwareVersion: '1' });
    expect(apiKeys.find((each) => each.apiKey === 0)).toEqual({ apiKey: 0, minVersion: 0, maxVersion: 13 });
    expect(apiKeys.length).toBeGreaterThan(20);
    const refused = await client.send(ApiVersions, { clientSoftwareName: '-bad-', clientSoftwareVersion: '1' });
    expect(refused.errorCode).toBe(ErrorCode.INVALID_REQUEST);
  });
});

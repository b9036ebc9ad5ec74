// Disks that are full or broken under a running broker, in the simulated world: the partition that meets the fault goes offline with Kafka's error,
// the others live, other connections notice nothing, and after a restart every acknowledged record is there.
import { expect, test } from 'vitest';
import { Broker } from '../../broker/broker.ts';
import { BrokerConfig } from '../../broker/config.ts';
import type { Ports } from '../../ports/ports.ts';
import type { DiskOperation } from '../../ports/sim/disk.ts';
import type { SimProcess } from '../../ports/sim/process.ts';
import { SimWorld } from '../../ports/sim/world.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { Produce } from '../../protocol/messages/00-produce.ts';
import { Fetch } from '../../protocol/messages/01-fetch.ts';
import { OffsetCommit } from '../../protocol/messages/08-offset-commit.ts';
import { FindCoordinator } from '../../protocol/messages/10-find-coordinator.ts';
import { CreateTopics } from '../../protocol/messages/19-create-topics.ts';
import { recordsOf } from '../../protocol/record.ts';
import { batchesIn } from '../../protocol/record-batch.ts';
import { buildBatch } from '../../protocol/record-batch-builder.ts';
import { RpcClient } from '../../rpc/rpc-client.ts';

const address = { host: 'broker', port: 9092 };
const valueBytes = 1000;

interface Stage {
  readonly world: SimWorld;
  readonly host: SimProcess;
  connect(): Promise<RpcClient>;
  /** A new life of the broker over the same disk. */
  again(): Promise<void>;
}

async function onStage(settings: Record<string, string>, play: (stage: Stage) => Promise<void>): Promise<void> {
  const world = new SimWorld({ seed: 7 });
  const host = world.process('broker');
  const client = world.process('client');
  const given = {
    listeners: 'PLAINTEXT://broker:9092',
    'log.dirs': '/data',
    'offsets.topic.num.partitions': '1',
    ...settings,
  };
  const parsed = BrokerConfig.parse(new Map(Object.entries(given)));
  if (!parsed.ok) throw new Error(parsed.errors.join());
  const start = (ports: Ports) =>
    new Promise<void>((resolve, reject) => {
      host.spawn(() => new Broker({ ports, config: parsed.config }).start().then(() => resolve(), reject));
    });
  const stage: Stage = {
    world,
    host,
    connect: () => RpcClient.connect(client.ports, address),
    again: async () => {
      host.crash();
      host.disk.intercept = null;
      host.disk.capacityBytes = null;
      await start(host.restart());
    },
  };
  const played = new Promise<void>((resolve, reject) => {
    client.spawn(() =>
      start(host.ports)
        .then(() => play(stage))
        .then(resolve, reject),
    );
  });
  await world.settle(played, { untilTimeMs: 3_600_000 });
}

async function create(client: RpcClient, ...names: string[]): Promise<void> {
  const topics = names.map((name) => ({ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }));
  const answer = await client.send(CreateTopics, { topics });
  expect(answer.topics.map(({ errorCode }) => errorCode)).toEqual(names.map(() => 0));
}

async function produce(client: RpcClient, name: string, value: string): Promise<number> {
  const records = buildBatch({ records: [{ value: value.padEnd(valueBytes, '.') }] });
  const body = { acks: -1, timeoutMs: 5000, topicData: [{ name, partitionData: [{ index: 0, records }] }] };
  const { responses } = await client.send(Produce, body, { versionMax: 12 });
  return responses[0]!.partitionResponses[0]!.errorCode;
}

async function read(client: RpcClient, topic: string) {
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 10_000_000 }];
  const body = { maxWaitMs: 0, minBytes: 1, topics: [{ topic, partitions }], forgottenTopicsData: [], rackId: '' };
  const { responses } = await client.send(Fetch, body, { versionMax: 12 });
  const { errorCode, records } = responses[0]!.partitions[0]!;
  const values: string[] = [];
  for (const batch of batchesIn(records ?? Buffer.alloc(0))) {
    for (const { value } of recordsOf(batch)) values.push(value!.toString().replaceAll('.', ''));
  }
  return { errorCode, values };
}

const failing = (code: string, kind: DiskOperation['kind'], path: string) => (operation: DiskOperation) =>
  operation.kind === kind && operation.path.includes(path) ? { error: code } : undefined;

test('a disk that fills up: 56 for the partition that meets it, and after a restart all that was acknowledged', async () => {
  await onStage({}, async ({ host, connect, again }) => {
    const [writer, bystander] = [await connect(), await connect()];
    await create(writer, 'full', 'other');
    expect(await produce(bystander, 'other', 'before')).toBe(0);
    host.disk.capacityBytes = host.disk.usedBytes + 5 * valueBytes;
    const acknowledged: string[] = [];
    let errorCode: number = ErrorCode.NONE;
    for (let i = 0; errorCode === ErrorCode.NONE; i++) {
      errorCode = await produce(writer, 'full', `record ${i}`);
      if (errorCode === ErrorCode.NONE) acknowledged.push(`record ${i}`);
    }
    expect([errorCode, acknowledged.length]).toEqual([ErrorCode.KAFKA_STORAGE_ERROR, 4]);
    // Offline it stays, for readers too, also when there is room again; the neighbour and its connection go on.
    expect((await read(writer, 'full')).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(await read(bystander, 'other')).toEqual({ errorCode: 0, values: ['before'] });
    host.disk.capacityBytes = null;
    expect(await produce(writer, 'full', 'too early')).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(await produce(bystander, 'other', 'after')).toBe(0);
    await again();
    const reader = await connect();
    expect(await read(reader, 'full')).toEqual({ errorCode: 0, values: acknowledged });
    expect(await read(reader, 'other')).toEqual({ errorCode: 0, values: ['before', 'after'] });
    expect(await produce(reader, 'full', 'again')).toBe(0);
  });
});

test('EIO on a write, and on a flush that was to be waited for: 56 for that partition', async () => {
  for (const kind of ['append', 'flush'] as const) {
    await onStage({ 'log.flush.interval.messages': '1' }, async ({ host, connect, again }) => {
      const [writer, bystander] = [await connect(), await connect()];
      await create(writer, 'broken', 'other');
      expect(await produce(writer, 'broken', 'stored')).toBe(0);
      host.disk.intercept = failing('EIO', kind, '/broken-0/');
      expect(await produce(writer, 'broken', 'lost')).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      expect(await produce(writer, 'broken', 'late')).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      expect(await produce(bystander, 'other', 'fine')).toBe(0);
      await again();
      const reader = await connect();
      // What was refused may have been written; what was acknowledged must be there, first.
      expect((await read(reader, 'broken')).values[0]).toBe('stored');
      expect((await read(reader, 'other')).values).toEqual(['fine']);
    });
  }
});

test('EIO on a read costs that fetch, not the broker', async () => {
  await onStage({}, async ({ host, connect, again }) => {
    const [reader, bystander] = [await connect(), await connect()];
    await create(reader, 'broken', 'other');
    for (const name of ['broken', 'other']) expect(await produce(bystander, name, 'stored')).toBe(0);
    host.disk.intercept = failing('EIO', 'read', '/broken-0/');
    const outcome = await read(reader, 'broken').then(
      ({ errorCode }) => errorCode,
      () => 'connection lost',
    );
    expect([ErrorCode.KAFKA_STORAGE_ERROR, 'connection lost']).toContain(outcome);
    expect((await read(bystander, 'other')).values).toEqual(['stored']);
    await again();
    expect((await read(await connect(), 'broken')).values).toEqual(['stored']);
  });
});

test('a coordinator whose log fails refuses commits, and the data partitions live', async () => {
  await onStage({}, async ({ host, connect }) => {
    const [member, bystander] = [await connect(), await connect()];
    await create(member, 'data');
    const commit = async () => {
      const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }];
      const body = { groupId: 'g', memberId: '', topics: [{ name: 'data', partitions }] };
      return (await member.send(OffsetCommit, body, { versionMax: 9 })).topics[0]!.partitions[0]!.errorCode;
    };
    const found = await member.send(FindCoordinator, { keyType: 0, coordinatorKeys: ['g'] });
    expect(found.coordinators[0]!.errorCode).toBe(0);
    expect(await commit()).toBe(0);
    host.disk.intercept = failing('ENOSPC', 'append', '/__consumer_offsets-0/');
    const codes = [await commit(), await commit()];
    for (const code of codes) expect([ErrorCode.NOT_COORDINATOR, ErrorCode.COORDINATOR_NOT_AVAILABLE]).toContain(code);
    expect(await produce(bystander, 'data', 'fine')).toBe(0);
  });
});

test('a metadata log that fails refuses new topics, and what there is goes on', async () => {
  await onStage({}, async ({ host, connect, again }) => {
    const [admin, bystander] = [await connect(), await connect()];
    await create(admin, 'data');
    host.disk.intercept = failing('EIO', 'append', '/__cluster_metadata-0/');
    const outcome = await create(admin, 'more').then(
      () => 'made',
      () => 'refused',
    );
    expect(outcome).toBe('refused');
    expect(await produce(bystander, 'data', 'fine')).toBe(0);
    await again();
    const client = await connect();
    expect((await read(client, 'data')).values).toEqual(['fine']);
    await create(client, 'more');
  });
});

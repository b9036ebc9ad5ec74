import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { LogDirectoryError } from '../log/log-directory.ts';
import { realPorts } from '../ports/real/ports.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { Produce } from '../protocol/messages/00-produce.ts';
import { Fetch } from '../protocol/messages/01-fetch.ts';
import { Metadata } from '../protocol/messages/03-metadata.ts';
import { RecordBatchBuilder } from '../protocol/record-batch-builder.ts';
import { RpcClient } from '../rpc/rpc-client.ts';
import { Broker } from './broker.ts';
import { brokerConfig, withBroker } from './testing.ts';

/** What goes wrong around a broker: folders, ports, disks, readers. */
function batchOf(bytes: number): Buffer {
  const builder = new RecordBatchBuilder({});
  builder.append(1_767_225_600_000, null, Buffer.alloc(bytes, 7));
  return builder.build();
}

async function produce(client: RpcClient, topic: string, bytes: number): Promise<number> {
  const { responses } = await client.send(
    Produce,
    { acks: -1, timeoutMs: 1000, topicData: [{ name: topic, partitionData: [{ index: 0, records: batchOf(bytes) }] }] },
    { versionMax: 12 },
  );
  return responses[0]!.partitionResponses[0]!.errorCode;
}

function fetchOf(topic: string, fetchOffset: number) {
  const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 10_000_000 }];
  return { maxWaitMs: 0, minBytes: 0, topics: [{ topic, partitions }], forgottenTopicsData: [] };
}

function realBroker(settings: Readonly<Record<string, string>>) {
  const config = brokerConfig({ listeners: 'PLAINTEXT://127.0.0.1:0', ...settings });
  const broker = new Broker({ ports: realPorts(), config });
  onTestFinished(() => broker.shutdown());
  return broker;
}

function dataFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mqlab-broker-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('a folder in use, a folder of another node, a port that is taken: each is said, and harms nobody', async () => {
  const folder = dataFolder();
  const first = realBroker({ 'log.dirs': folder });
  const { port } = await first.start();
  await expect(realBroker({ 'log.dirs': folder }).start()).rejects.toThrow(LogDirectoryError);
  const taken = realBroker({ 'log.dirs': dataFolder(), listeners: `PLAINTEXT://127.0.0.1:${port}` });
  await expect(taken.start()).rejects.toMatchObject({ code: 'EADDRINUSE' });
  const client = await RpcClient.connect(realPorts(), { host: '127.0.0.1', port });
  expect((await client.send(Metadata, { topics: null })).brokers).toHaveLength(1);
  client.close();
  await first.shutdown();
  await expect(realBroker({ 'log.dirs': folder, 'node.id': '9' }).start()).rejects.toThrow(/belongs to node.id 1/);
});

test('what is fetched goes out by sendfile, byte for byte', async () => {
  const ports = realPorts();
  const config = brokerConfig({ listeners: 'PLAINTEXT://127.0.0.1:0', 'log.dirs': dataFolder() });
  const broker = new Broker({ ports, config });
  onTestFinished(() => broker.shutdown());
  const client = await RpcClient.connect(realPorts(), await broker.start());
  await client.send(Metadata, { topics: [{ name: 't' }], allowAutoTopicCreation: true });
  for (let i = 0; i < 4; i++) expect(await produce(client, 't', 500_000)).toBe(0);
  const { responses } = await client.send(Fetch, fetchOf('t', 0), { versionMax: 12 });
  const records = responses[0]!.partitions[0]!.records!;
  expect(records.length).toBe(4 * batchOf(500_000).length);
  const { bytesSentBySendfile, bytesSentByCopy } = ports.network.metrics;
  expect(bytesSentBySendfile + bytesSentByCopy).toBe(records.length);
  client.close();
});

test('a full disk takes the partition offline with its error; the broker lives and serves what it has', async () => {
  await withBroker({}, async ({ world, connect }) => {
    const client = await connect();
    for (const name of ['full', 'other']) {
      await client.send(Metadata, { topics: [{ name }], allowAutoTopicCreation: true });
      expect(await produce(client, name, 1000)).toBe(0);
    }
    const { disk } = world.process('broker');
    disk.capacityBytes = 0;
    expect(await produce(client, 'full', 1000)).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    expect(await produce(client, 'full', 1000)).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(await produce(client, 'other', 1000)).toBe(0);
    const { responses } = await client.send(Fetch, fetchOf('other', 0), { versionMax: 12 });
    expect(responses[0]!.partitions[0]).toMatchObject({ errorCode: 0, highWatermark: 2 });
  });
});

test('a clean shutdown answers who waits, and the next start needs no recovery', async () => {
  const folder = dataFolder();
  const broker = realBroker({ 'log.dirs': folder });
  const address = await broker.start();
  const ports = realPorts();
  const client = await RpcClient.connect(ports, address);
  await client.send(Metadata, { topics: [{ name: 't' }], allowAutoTopicCreation: true });
  for (let i = 0; i < 10; i++) await produce(client, 't', 900_000);
  const parked = client.send(Fetch, { ...fetchOf('t', 10), maxWaitMs: 60_000, minBytes: 1 }, { versionMax: 12 });
  await setTimeout(100);
  await broker.shutdown();
  expect((await parked).responses[0]!.partitions[0]).toMatchObject({ errorCode: 0, highWatermark: 10 });
  client.close();
  const lines: string[] = [];
  const config = brokerConfig({ listeners: 'PLAINTEXT://127.0.0.1:0', 'log.dirs': folder });
  const again = new Broker({ ports: realPorts(), config, onLog: (line) => void lines.push(line) });
  await again.start();
  await again.shutdown();
  expect(lines).toEqual([]);
});

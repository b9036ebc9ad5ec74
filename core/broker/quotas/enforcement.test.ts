// Quotas as clients feel them, in virtual time.
import { expect, test } from 'vitest';
import { ErrorCode } from '../../protocol/errors.ts';
import { Produce } from '../../protocol/messages/00-produce.ts';
import { Fetch } from '../../protocol/messages/01-fetch.ts';
import { ApiVersions } from '../../protocol/messages/18-api-versions.ts';
import { CreateTopics } from '../../protocol/messages/19-create-topics.ts';
import { AlterClientQuotas } from '../../protocol/messages/49-alter-client-quotas.ts';
import { buildBatch } from '../../protocol/record-batch-builder.ts';
import { encodeRequest } from '../../rpc/request-codec.ts';
import type { RpcClient } from '../../rpc/rpc-client.ts';
import { BROKER_ADDRESS, type TestCluster, withBroker } from '../testing.ts';

const BATCH = buildBatch({
  records: Array.from({ length: 10 }, () => ({ timestamp: 1_767_225_600_000, key: 'k', value: Buffer.alloc(20_000) })),
});
const NAMES_MAX = { versionMax: 12 };

function create(client: RpcClient, name: string, numPartitions = 1, versionMax = 7) {
  const topics = [{ name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }];
  return client.send(CreateTopics, { topics, timeoutMs: 1000 }, { versionMax });
}

async function setQuota(
  client: RpcClient,
  entity: Readonly<Record<string, string | null>>,
  key: string,
  value: number,
) {
  const parts = Object.entries(entity).map(([entityType, entityName]) => ({ entityType, entityName }));
  const ops = [{ key, value, remove: false }];
  const { entries } = await client.send(AlterClientQuotas, { entries: [{ entity: parts, ops }], validateOnly: false });
  expect(entries[0]!.errorCode).toBe(ErrorCode.NONE);
}

function produceBody(acks: number) {
  return { acks, timeoutMs: 1000, topicData: [{ name: 't', partitionData: [{ index: 0, records: BATCH }] }] };
}

function produce(client: RpcClient) {
  return client.send(Produce, produceBody(-1), NAMES_MAX);
}

function fetch(client: RpcClient, offset: number) {
  const partitions = [{ partition: 0, fetchOffset: offset, partitionMaxBytes: 300_000 }];
  return client.send(
    Fetch,
    { maxWaitMs: 0, minBytes: 1, topics: [{ topic: 't', partitions }], forgottenTopicsData: [] },
    NAMES_MAX,
  );
}

/** Bytes a second of virtual time. */
async function measure({ ports }: TestCluster, durationMs: number, step: () => Promise<number>): Promise<number> {
  const startMs = ports.clock.monotonic();
  let bytes = 0;
  while (ports.clock.monotonic() - startMs < durationMs) bytes += await step();
  return (bytes * 1000) / (ports.clock.monotonic() - startMs);
}

test('C56 a producer is held at its quota; others are not', async () => {
  await withBroker({}, async (cluster) => {
    const client = await cluster.connect({ clientId: 'loud' });
    await create(client, 't');
    await setQuota(client, { 'client-id': 'loud' }, 'producer_byte_rate', 2_000_000);
    let throttled = 0;
    // Two whole windows: a silent client may use one's allowance at once, and again when that burst has left the window.
    const rate = await measure(cluster, 22_000, async () => {
      const { responses, throttleTimeMs } = await produce(client);
      expect(responses[0]!.partitionResponses[0]!.errorCode).toBe(ErrorCode.NONE);
      if (throttleTimeMs > 0) throttled++;
      return BATCH.length;
    });
    expect(rate).toBeGreaterThan(1_600_000);
    expect(rate).toBeLessThan(2_400_000);
    expect(throttled).toBeGreaterThan(10);
    const quiet = await cluster.connect({ clientId: 'quiet' });
    const free = await measure(cluster, 100, async () => {
      expect((await produce(quiet)).throttleTimeMs).toBe(0);
      return BATCH.length;
    });
    expect(free).toBeGreaterThan(4_000_000);
  });
});

test('C40 a fetch over the quota is answered empty, at once, and the connection is muted for the time that it names', async () => {
  await withBroker({ 'quota.window.num': '3' }, async (cluster) => {
    const { clock } = cluster.ports;
    const client = await cluster.connect({ clientId: 'reader' });
    await create(client, 't');
    for (let i = 0; i < 5; i++) await produce(client);
    await setQuota(client, { user: null }, 'consumer_byte_rate', 200_000);
    let empty = 0;
    const rate = await measure(cluster, 20_000, async () => {
      const sentMs = clock.monotonic();
      const { errorCode, responses, throttleTimeMs } = await fetch(client, 0);
      const answeredMs = clock.monotonic();
      expect(errorCode).toBe(ErrorCode.NONE);
      if (throttleTimeMs === 0) return responses[0]!.partitions[0]!.records!.length;
      empty++;
      expect(responses).toEqual([]);
      expect(answeredMs - sentMs).toBeLessThan(100);
      await fetch(client, 1000);
      // Less the way of the first answer.
      expect(clock.monotonic() - answeredMs).toBeGreaterThan(throttleTimeMs - 5);
      return 0;
    });
    expect(empty).toBeGreaterThan(3);
    expect(rate).toBeGreaterThan(140_000);
    expect(rate).toBeLessThan(240_000);
  });
});

test('C56 produce with acks=0 is not answered, and muted all the same', async () => {
  await withBroker({ 'quota.window.num': '2' }, async (cluster) => {
    const client = await cluster.connect();
    await create(client, 't');
    await setQuota(client, { 'client-id': null }, 'producer_byte_rate', 100_000);
    const { clock, network } = cluster.ports;
    const connection = await network.connect(BROKER_ADDRESS, 1000);
    const startMs = clock.monotonic();
    const answeredMs = await new Promise<number>((resolve) => {
      connection.start({ onData: () => resolve(clock.monotonic()), onClose: () => resolve(0) });
      connection.send(encodeRequest(Produce, 12, 1, 'silent', produceBody(0)));
      connection.send(encodeRequest(ApiVersions, 0, 2, 'silent', {}));
    });
    expect(answeredMs - startMs).toBeGreaterThan(500);
  });
});

test('C56 controller_mutation_rate: an overdrawn bucket refuses with 89, or silences who does not know 89', async () => {
  await withBroker({ 'controller.quota.window.num': '2' }, async (cluster) => {
    const client = await cluster.connect();
    await setQuota(client, { user: 'ANONYMOUS' }, 'controller_mutation_rate', 1);
    const first = await create(client, 'a', 5);
    expect([first.topics[0]!.errorCode, first.throttleTimeMs]).toEqual([ErrorCode.NONE, 0]);
    const second = await create(client, 'b', 1);
    expect(second.topics[0]!.errorCode).toBe(ErrorCode.THROTTLING_QUOTA_EXCEEDED);
    expect(second.throttleTimeMs).toBeGreaterThan(2500);
    expect(second.throttleTimeMs).toBeLessThanOrEqual(3000);
    // The answer to this one comes after the silence, when the bucket is full enough again.
    expect((await create(client, 'b', 5)).topics[0]!.errorCode).toBe(ErrorCode.NONE);
    const old = await create(client, 'c', 1, 5);
    expect([old.topics[0]!.errorCode, old.throttleTimeMs > 0]).toEqual([ErrorCode.NONE, true]);
  });
});

test('C56 connection_creation_rate: over it, connections are closed after a while', async () => {
  await withBroker({ 'quota.window.num': '2' }, async (cluster) => {
    const first = await cluster.connect();
    await setQuota(first, { ip: null }, 'connection_creation_rate', 3);
    const { clock } = cluster.ports;
    const startMs = clock.monotonic();
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, () =>
        cluster.connect().then(
          () => 'open',
          () => clock.monotonic() - startMs,
        ),
      ),
    );
    expect(outcomes.filter((each) => each === 'open')).toHaveLength(3);
    for (const each of outcomes) if (each !== 'open') expect(each).toBeGreaterThan(100);
    await cluster.wait(5000);
    await cluster.connect();
  });
});

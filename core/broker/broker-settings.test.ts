// C55: settings of the broker that may be altered have their effect at once, also those that no topic inherits.
import { expect, test } from 'vitest';
import { ErrorCode } from '../protocol/errors.ts';
import { Produce } from '../protocol/messages/00-produce.ts';
import { CreateTopics } from '../protocol/messages/19-create-topics.ts';
import { InitProducerId } from '../protocol/messages/22-init-producer-id.ts';
import { IncrementalAlterConfigs } from '../protocol/messages/44-incremental-alter-configs.ts';
import { buildBatch } from '../protocol/record-batch-builder.ts';
import type { RpcClient } from '../rpc/rpc-client.ts';
import { withBroker } from './testing.ts';

async function alter(client: RpcClient, name: string, value: string): Promise<void> {
  const configs = [{ name, value, configOperation: 0 }];
  const resources = [{ resourceType: 4, resourceName: '1', configs }];
  const { responses } = await client.send(IncrementalAlterConfigs, { resources, validateOnly: false });
  expect(responses[0]).toMatchObject({ errorCode: 0, errorMessage: null });
}

test('max.connections and max.connections.per.ip: the next connection is the first that meets them', async () => {
  await withBroker({}, async (cluster) => {
    const client = await cluster.connect();
    const isOpen = () =>
      cluster.connect().then(
        () => true,
        () => false,
      );
    expect(await isOpen()).toBe(true);
    await alter(client, 'max.connections.per.ip', '2');
    expect(await isOpen()).toBe(false);
    await alter(client, 'max.connections.per.ip.overrides', 'client:3');
    expect([await isOpen(), await isOpen()]).toEqual([true, false]);
    await alter(client, 'max.connections.per.ip', '100');
    await alter(client, 'max.connections.per.ip.overrides', '');
    await alter(client, 'max.connections', '3');
    expect(await isOpen()).toBe(false);
    await alter(client, 'max.connections', '4');
    expect(await isOpen()).toBe(true);
  });
});

test('max.connection.creation.rate: connections beyond it have to wait', async () => {
  await withBroker({ 'quota.window.num': '2' }, async (cluster) => {
    const client = await cluster.connect();
    await alter(client, 'max.connection.creation.rate', '2');
    const { clock } = cluster.ports;
    const startMs = clock.monotonic();
    const waits = await Promise.all(
      Array.from({ length: 8 }, () => cluster.connect().then(() => clock.monotonic() - startMs)),
    );
    expect(waits.filter((each) => each < 100).length).toBeLessThan(5);
    expect(Math.max(...waits)).toBeGreaterThan(1000);
  });
});

test('transaction.partition.verification.enable: an old producer is asked for its transaction, or taken at its word', async () => {
  const settings = { 'transaction.state.log.num.partitions': '1', 'transaction.state.log.replication.factor': '1' };
  await withBroker(settings, async (cluster) => {
    const client = await cluster.connect();
    await client.send(CreateTopics, {
      topics: [{ name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
    });
    const init = { transactionalId: 'tx', transactionTimeoutMs: 60_000, producerId: -1, producerEpoch: -1 };
    let begun = await client.send(InitProducerId, init, { versionMax: 4 });
    for (let attempt = 0; begun.errorCode !== 0 && attempt < 50; attempt++) {
      await cluster.wait(50);
      begun = await client.send(InitProducerId, init, { versionMax: 4 });
    }
    const { producerId, producerEpoch } = begun;
    const write = async () => {
      const records = buildBatch({
        producerId,
        producerEpoch,
        baseSequence: 0,
        isTransactional: true,
        records: [{ timestamp: 1_767_225_600_000, key: 'k', value: 'v' }],
      });
      const topicData = [{ name: 't', partitionData: [{ index: 0, records }] }];
      const body = { transactionalId: 'tx', acks: -1, timeoutMs: 1000, topicData };
      return (await client.send(Produce, body, { versionMax: 9 })).responses[0]!.partitionResponses[0]!.errorCode;
    };
    // What clients of that age try again on.
    expect(await write()).toBe(ErrorCode.NOT_ENOUGH_REPLICAS);
    await alter(client, 'transaction.partition.verification.enable', 'false');
    expect(await write()).toBe(ErrorCode.NONE);
  });
});

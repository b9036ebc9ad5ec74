import { expect, test } from 'vitest';
import { ErrorCode } from '../protocol/errors.ts';
import { Produce } from '../protocol/messages/00-produce.ts';
import { Metadata } from '../protocol/messages/03-metadata.ts';
import { OffsetCommit } from '../protocol/messages/08-offset-commit.ts';
import { OffsetFetch } from '../protocol/messages/09-offset-fetch.ts';
import { FindCoordinator } from '../protocol/messages/10-find-coordinator.ts';
import { CreateTopics } from '../protocol/messages/19-create-topics.ts';
import { DescribeLogDirs } from '../protocol/messages/35-describe-log-dirs.ts';
import { ElectLeaders } from '../protocol/messages/43-elect-leaders.ts';
import { UnregisterBroker } from '../protocol/messages/64-unregister-broker.ts';
import { buildBatch } from '../protocol/record-batch-builder.ts';
import type { RpcClient } from '../rpc/rpc-client.ts';
import { withBroker } from './testing.ts';

/** A broker with several log dirs: one fails while it runs, the metadata log has its own; a broker that leaves its cluster. */
async function create(client: RpcClient, name: string, numPartitions: number): Promise<void> {
  const { topics } = await client.send(CreateTopics, {
    topics: [{ name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }],
  });
  expect(topics[0]!.errorCode).toBe(0);
}

async function produce(client: RpcClient, name: string, index: number): Promise<number> {
  const records = buildBatch({ records: [{ timestamp: 1_767_225_600_000, key: 'k', value: 'v' }] });
  const topicData = [{ name, partitionData: [{ index, records }] }];
  const { responses } = await client.send(Produce, { acks: -1, timeoutMs: 1000, topicData }, { versionMax: 12 });
  return responses[0]!.partitionResponses[0]!.errorCode;
}

async function elect(client: RpcClient, electionType: number, topic: string, partition: number): Promise<number> {
  const topicPartitions = [{ topic, partitions: [partition] }];
  const { replicaElectionResults } = await client.send(ElectLeaders, {
    electionType,
    topicPartitions,
    timeoutMs: 1000,
  });
  return replicaElectionResults[0]!.partitionResult[0]!.errorCode;
}

const leadersOf = async (client: RpcClient, name: string) => {
  const { topics } = await client.send(Metadata, { topics: [{ name }] });
  return topics[0]!.partitions.map(({ leaderId, errorCode }) => {
    expect(errorCode).toBe(leaderId < 0 ? ErrorCode.LEADER_NOT_AVAILABLE : ErrorCode.NONE);
    return leaderId;
  });
};

test('C10 C57 a log dir fails while the broker runs: its partitions have no leader, nobody can be elected (80, 83), and the next start mends it', async () => {
  await withBroker({ 'log.dirs': '/a,/b,/c' }, async ({ world, connect, restart, wait }) => {
    const client = await connect();
    await create(client, 't', 3);
    for (const partition of [0, 1, 2]) expect(await produce(client, 't', partition)).toBe(0);
    const { disk } = world.process('broker');
    disk.intercept = ({ path }) => (path.startsWith('/b') ? { error: 'EIO' } : undefined);
    const codes = [await produce(client, 't', 0), await produce(client, 't', 1), await produce(client, 't', 2)];
    const lost = codes.indexOf(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(codes.filter((code) => code === 0)).toHaveLength(2);
    await wait(100);
    expect(await leadersOf(client, 't')).toEqual([0, 1, 2].map((partition) => (partition === lost ? -1 : 1)));
    expect(await elect(client, 0, 't', lost)).toBe(ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE);
    expect(await elect(client, 1, 't', lost)).toBe(ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE);
    expect(await elect(client, 1, 't', (lost + 1) % 3)).toBe(ErrorCode.ELECTION_NOT_NEEDED);
    const { results } = await client.send(DescribeLogDirs, { topics: null });
    expect(results.map(({ logDir, errorCode }) => [logDir, errorCode])).toEqual([
      ['/a', 0],
      ['/b', ErrorCode.KAFKA_STORAGE_ERROR],
      ['/c', 0],
    ]);
    await create(client, 'later', 4);
    for (const partition of [0, 1, 2, 3]) expect(await produce(client, 'later', partition)).toBe(0);
    client.close();
    disk.intercept = null;
    await restart();
    const again = await connect();
    expect(await leadersOf(again, 't')).toEqual([1, 1, 1]);
    expect(await produce(again, 't', lost)).toBe(0);
  });
});

test('metadata.log.dir: the metadata log lies apart from the partitions', async () => {
  await withBroker({ 'log.dirs': '/a,/b', 'metadata.log.dir': '/meta' }, async ({ world, connect, restart }) => {
    const client = await connect();
    await create(client, 't', 2);
    client.close();
    await restart();
    const again = await connect();
    expect(await leadersOf(again, 't')).toEqual([1, 1]);
    for (const partition of [0, 1]) expect(await produce(again, 't', partition)).toBe(0);
    const folders = new Set(
      [...world.process('broker').disk.snapshot().keys()].map((path) => path.split('/').slice(1, 3).join('/')),
    );
    expect([...folders].filter((path) => path.includes('__cluster_metadata'))).toEqual(['meta/__cluster_metadata-0']);
    for (const dir of ['a', 'b', 'meta']) expect(folders).toContain(`${dir}/meta.properties`);
  });
});

test('a broker that is unregistered is gone from the metadata, and back with its partitions after its next start', async () => {
  await withBroker({}, async ({ connect, restart }) => {
    const client = await connect();
    await create(client, 't', 2);
    expect(await client.send(UnregisterBroker, { brokerId: 1 })).toMatchObject({ errorCode: 0 });
    expect((await client.send(Metadata, { topics: null })).brokers).toEqual([]);
    expect(await leadersOf(client, 't')).toEqual([-1, -1]);
    expect(await produce(client, 't', 0)).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    client.close();
    await restart();
    const again = await connect();
    expect(await leadersOf(again, 't')).toEqual([1, 1]);
    expect(await produce(again, 't', 0)).toBe(0);
  });
});

test('a coordinator whose partition cannot be read does not answer from nothing', async () => {
  await withBroker({ 'offsets.topic.num.partitions': '1' }, async ({ world, connect, restart, wait }) => {
    const offset = async (client: RpcClient) => {
      const { groups } = await client.send(
        OffsetFetch,
        { groups: [{ groupId: 'g', topics: null }] },
        { versionMax: 9 },
      );
      return groups.map(({ errorCode, topics }) => [errorCode, topics[0]?.partitions[0]?.committedOffset]);
    };
    const client = await connect();
    await create(client, 't', 1);
    await client.send(FindCoordinator, { keyType: 0, coordinatorKeys: ['g'] });
    await wait(100);
    const topics = [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: 7, committedMetadata: '' }] }];
    const commit = { groupId: 'g', generationIdOrMemberEpoch: -1, memberId: '', topics };
    expect((await client.send(OffsetCommit, commit, { versionMax: 9 })).topics[0]!.partitions[0]!.errorCode).toBe(0);
    expect(await offset(client)).toEqual([[0, 7]]);
    client.close();
    const { disk } = world.process('broker');
    disk.intercept = ({ path }) => (path.startsWith('/data/__consumer_offsets-0') ? { error: 'EIO' } : undefined);
    await restart();
    const blind = await connect();
    expect(await offset(blind)).toEqual([[ErrorCode.NOT_COORDINATOR, undefined]]);
    blind.close();
    disk.intercept = null;
    await restart();
    expect(await offset(await connect())).toEqual([[0, 7]]);
  });
});

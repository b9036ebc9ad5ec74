import { expect, test } from 'vitest';
import { ErrorCode } from '../protocol/errors.ts';
import { OffsetFetch } from '../protocol/messages/09-offset-fetch.ts';
import { FindCoordinator } from '../protocol/messages/10-find-coordinator.ts';
import { CreateTopics } from '../protocol/messages/19-create-topics.ts';
import { DeleteTopics } from '../protocol/messages/20-delete-topics.ts';
import { ConsumerGroupHeartbeat } from '../protocol/messages/68-consumer-group-heartbeat.ts';
import { ConsumerGroupDescribe } from '../protocol/messages/69-consumer-group-describe.ts';
import { ShareGroupHeartbeat } from '../protocol/messages/76-share-group-heartbeat.ts';
import { ZERO_UUID } from '../protocol/writer.ts';
import type { RpcClient } from '../rpc/rpc-client.ts';
import { type TestCluster, withBroker } from './testing.ts';

/** Consumer groups of a whole broker in virtual time, by raw requests: sessions, time-outs, kills. */
const SETTINGS = { 'offsets.topic.replication.factor': '1', 'offsets.topic.num.partitions': '3' };

async function connect(cluster: TestCluster, group: string): Promise<RpcClient> {
  const client = await cluster.connect();
  for (;;) {
    const found = await client.send(FindCoordinator, { keyType: 0, coordinatorKeys: [group] });
    const groups = [{ groupId: group, topics: null }];
    const fetched = await client.send(OffsetFetch, { groups, requireStable: false });
    if (found.coordinators[0]!.errorCode === 0 && fetched.groups[0]!.errorCode === 0) return client;
    await cluster.wait(50);
  }
}

async function createTopic(client: RpcClient, name: string, numPartitions: number): Promise<string> {
  const { topics } = await client.send(CreateTopics, {
    topics: [{ name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }],
    timeoutMs: 1000,
    validateOnly: false,
  });
  return topics[0]!.topicId;
}

interface Held {
  epoch: number;
  partitions: readonly { topicId: string; partitions: readonly number[] }[];
}

/** One heartbeat of a well-behaved member: it holds what it is told, and says so. */
async function beat(
  client: RpcClient,
  groupId: string,
  memberId: string,
  held: Held | null,
  topics: string[],
): Promise<Held> {
  const answer = await client.send(ConsumerGroupHeartbeat, {
    groupId,
    memberId,
    memberEpoch: held?.epoch ?? 0,
    rebalanceTimeoutMs: 60_000,
    subscribedTopicNames: topics,
    topicPartitions:
      held === null ? [] : held.partitions.map((each) => ({ ...each, partitions: [...each.partitions] })),
  });
  expect(answer.errorCode).toBe(0);
  return { epoch: answer.memberEpoch, partitions: answer.assignment?.topicPartitions ?? held?.partitions ?? [] };
}

const countOf = (held: Held): number => held.partitions.reduce((sum, each) => sum + each.partitions.length, 0);

async function scenario(seed: number): Promise<string> {
  return withBroker(
    SETTINGS,
    async (cluster) => {
      let client = await connect(cluster, 'g');
      await createTopic(client, 't', 5);
      let a = await beat(client, 'g', 'a', null, ['t', 'u']);
      expect(countOf(a)).toBe(5);
      let b = await beat(client, 'g', 'b', null, ['t', 'u']);
      for (let i = 0; i < 4; i++) {
        await cluster.wait(5000);
        a = await beat(client, 'g', 'a', a, ['t', 'u']);
        b = await beat(client, 'g', 'b', b, ['t', 'u']);
        expect(countOf(a) + countOf(b)).toBeLessThanOrEqual(5);
      }
      expect([countOf(a), countOf(b)].sort()).toEqual([2, 3]);
      // A kill: both go on where they were.
      await cluster.restart();
      client = await connect(cluster, 'g');
      const { epoch } = a;
      a = await beat(client, 'g', 'a', a, ['t', 'u']);
      expect(a.epoch).toBe(epoch);
      // A topic that they have been waiting for.
      await createTopic(client, 'u', 2);
      for (let i = 0; i < 4; i++) {
        a = await beat(client, 'g', 'a', a, ['t', 'u']);
        b = await beat(client, 'g', 'b', b, ['t', 'u']);
        await cluster.wait(5000);
      }
      expect(countOf(a) + countOf(b)).toBe(7);
      // One falls silent: its session ends, and all is the other's.
      for (let i = 0; i < 12; i++) {
        await cluster.wait(5000);
        a = await beat(client, 'g', 'a', a, ['t', 'u']);
      }
      expect(countOf(a)).toBe(7);
      await client.send(DeleteTopics, { topics: [{ name: 'u', topicId: ZERO_UUID }], timeoutMs: 1000 });
      for (let i = 0; i < 2; i++) {
        await cluster.wait(5000);
        a = await beat(client, 'g', 'a', a, ['t', 'u']);
      }
      const groupIds = ['g'];
      const described = await client.send(ConsumerGroupDescribe, { groupIds, includeAuthorizedOperations: false });
      expect(described.groups[0]).toMatchObject({ groupState: 'Stable', members: [{ memberId: 'a' }] });
      expect(described.groups[0]!.members[0]!.assignment.topicPartitions.map((each) => each.topicName)).toEqual(['t']);
      // And when the last one has gone silent too, nobody is left.
      await cluster.wait(60_000);
      const empty = await client.send(ConsumerGroupDescribe, { groupIds, includeAuthorizedOperations: false });
      expect(empty.groups[0]).toMatchObject({ groupState: 'Empty', members: [] });
      expect(cluster.logged.filter((line) => line.includes('rror'))).toEqual([]);
    },
    seed,
  );
}

test('members share, a kill is survived, topics come and go, who is silent loses its part', async () => {
  await scenario(1);
});

test('one seed, one history', async () => {
  expect(await scenario(7)).toBe(await scenario(7));
});

test('group.coordinator.rebalance.protocols without consumer: the APIs are there, and refuse', async () => {
  const settings = { ...SETTINGS, 'group.coordinator.rebalance.protocols': 'classic' };
  await withBroker(settings, async (cluster) => {
    const client = await connect(cluster, 'g');
    const member = { groupId: 'g', memberId: 'AAAAAAAAAAAAAAAAAAAAAQ', memberEpoch: 0, rebalanceTimeoutMs: 1000 };
    const beaten = await client.send(ConsumerGroupHeartbeat, {
      ...member,
      subscribedTopicNames: ['t'],
      topicPartitions: [],
    });
    expect(beaten.errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION);
    const { groups } = await client.send(ConsumerGroupDescribe, {
      groupIds: ['g'],
      includeAuthorizedOperations: false,
    });
    expect(groups[0]!.errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION);
    const share = { groupId: 's', memberId: member.memberId, memberEpoch: 0, subscribedTopicNames: ['t'] };
    const shared = await client.send(ShareGroupHeartbeat, share);
    expect(shared.errorCode).not.toBe(ErrorCode.UNSUPPORTED_VERSION);
    expect(client.finalizedFeatures.get('group.version')).toBe(1);
    client.close();
  });
});

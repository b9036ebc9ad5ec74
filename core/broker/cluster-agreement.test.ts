/** The smallest cases of what the campaign of the lab `replication` found. */
import { expect, test } from 'vitest';
import { Admin } from '../client/admin/admin.ts';
import { Producer } from '../client/producer/producer.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { Metadata } from '../protocol/messages/03-metadata.ts';
import { DescribeQuorum } from '../protocol/messages/55-describe-quorum.ts';
import { withCluster } from './cluster-testing.ts';

test('followers that flush tell what they have when it is flushed, and not after a long poll for other partitions', async () => {
  await withCluster(3, { 'log.flush.interval.messages': '1' }, async (cluster) => {
    const bootstrap = { 'bootstrap.servers': cluster.bootstrap() };
    const admin = new Admin(cluster.ports, bootstrap);
    await admin.createTopics([{ name: 't', partitions: 6, replicationFactor: 3 }]);
    const producer = new Producer(cluster.ports, { ...bootstrap, 'linger.ms': 0 });
    await producer.send({ topic: 't', partition: 0, value: 'warm' });
    for (let i = 0; i < 12; i++) {
      const beganMs = cluster.world.timeMs;
      await producer.send({ topic: 't', partition: i % 6, value: `v${i}` });
      expect(cluster.world.timeMs - beganMs).toBeLessThan(100);
    }
    await producer.close();
    await admin.close();
  });
});

test('the quorum can be described while a voter is down that never fetched from this leader', async () => {
  await withCluster(3, {}, async (cluster) => {
    const active = cluster.ids.find((id) => cluster.broker(id).inspect().metadata?.isLeader)!;
    const [one] = cluster.ids.filter((id) => id !== active);
    cluster.kill(active);
    await cluster.until(() =>
      cluster.ids.some((id) => id !== active && cluster.broker(id).inspect().metadata?.isLeader === true),
    );
    const client = await cluster.connect(one!);
    const topics = [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }];
    const answer = await client.send(DescribeQuorum, { topics });
    const [partition] = answer.topics[0]!.partitions;
    expect(partition!.currentVoters.find(({ replicaId }) => replicaId === active)).toMatchObject({ logEndOffset: -1 });
    client.close();
  });
});

test('a topic that this broker has not heard of yet, and that there is, is no error of whoever names it', async () => {
  await withCluster(3, {}, async (cluster) => {
    const { world, ids } = cluster;
    const active = ids.find((id) => cluster.broker(id).inspect().metadata?.isLeader)!;
    const late = ids.find((id) => id !== active)!;
    // What happens to the metadata is heard of there a second late.
    world.network.link(`n${active}`, `n${late}`, { latencyMs: [400, 400] });
    const admin = new Admin(cluster.ports, { 'bootstrap.servers': `n${active}:9092` });
    await admin.createTopics([{ name: 't', partitions: 1, replicationFactor: 3 }]);
    const client = await cluster.connect(late);
    const answer = await client.send(
      Metadata,
      { topics: [{ name: 't' }], allowAutoTopicCreation: true },
      { versionMax: 9 },
    );
    expect([ErrorCode.NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]).toContain(answer.topics[0]!.errorCode);
    client.close();
    await admin.close();
  });
});

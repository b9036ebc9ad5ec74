/** How long a partition takes no writes after its leader died (C46), in virtual time: by whether the active controller died too. */
import { expect, test } from 'vitest';
import { Admin } from '../client/admin/admin.ts';
import { Producer } from '../client/producer/producer.ts';
import { type SimCluster, withCluster } from './cluster-testing.ts';

const SESSION_MS = 3_000;
const HEARTBEAT_MS = 500;
const SETTINGS = {
  'broker.session.timeout.ms': String(SESSION_MS),
  'broker.heartbeat.interval.ms': String(HEARTBEAT_MS),
};

const activeOf = (cluster: SimCluster): number =>
  cluster.ids.find((id) => cluster.broker(id).inspect().metadata?.isLeader === true)!;

/** Of a partition whose leader dies while nothing is sent: from the kill to the acknowledgement of what is sent after it. */
async function gapMs(seed: number, diesWithController: boolean): Promise<number> {
  let gap = 0;
  await withCluster(
    3,
    SETTINGS,
    async (cluster) => {
      const bootstrap = { 'bootstrap.servers': cluster.bootstrap() };
      const admin = new Admin(cluster.ports, bootstrap);
      await admin.createTopics([
        { name: 't', partitions: 3, replicationFactor: 3, configs: { 'min.insync.replicas': '2' } },
      ]);
      const producer = new Producer(cluster.ports, bootstrap);
      for (let partition = 0; partition < 3; partition++) await producer.send({ topic: 't', partition, value: 'a' });
      await cluster.wait(5_000 + 97 * seed);
      const active = activeOf(cluster);
      const [topic] = await admin.describeTopics(['t']);
      const { index, leader } = topic!.partitions.find((each) => (each.leader === active) === diesWithController)!;
      const killedMs = cluster.world.timeMs;
      cluster.kill(leader);
      await producer.send({ topic: 't', partition: index, value: 'b' });
      gap = cluster.world.timeMs - killedMs;
      await producer.close();
      await admin.close();
    },
    seed,
  );
  return gap;
}

test.each([true, false])('a leader dies, the active controller with it: %s', async (diesWithController) => {
  for (let seed = 1; seed <= 4; seed++) {
    const gap = await gapMs(seed, diesWithController);
    expect(gap).toBeGreaterThan(SESSION_MS - HEARTBEAT_MS - 100);
    expect(gap).toBeLessThan(SESSION_MS + 500);
  }
});

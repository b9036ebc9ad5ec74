import { expect, test } from 'vitest';
import { SimWorld } from '../ports/sim/world.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { CreateTopics } from '../protocol/messages/19-create-topics.ts';
import { Broker } from './broker.ts';
import { withCluster } from './cluster-testing.ts';
import { brokerConfig } from './testing.ts';

/** What is wrong when a node starts is refused, and the message names the cause; the others notice nothing. */
const CLUSTER = { 'initial.broker.registration.timeout.ms': '4000' };

function nodeSettings(id: number): Record<string, string> {
  return {
    ...CLUSTER,
    'node.id': String(id),
    'process.roles': 'broker',
    'controller.quorum.voters': '1@n1:9093,2@n2:9093,3@n3:9093',
    listeners: `PLAINTEXT://stranger:9092`,
  };
}

/** How its start fails, on a host of its own. */
async function startFails(world: SimWorld, settings: Record<string, string>, meta?: string): Promise<string> {
  const process = world.process('stranger');
  return new Promise((resolve) => {
    process.spawn(async ({ files, ...ports }) => {
      if (meta !== undefined) {
        files.makeDirectory('/data');
        files.open('/data/meta.properties', 'createNew').append([Buffer.from(meta)]);
      }
      const broker = new Broker({ ports: { files, ...ports }, config: brokerConfig(settings) });
      await broker.start().then(
        () => resolve('it started'),
        (error: Error) => resolve(error.message),
      );
    });
  });
}

test('a broker of another cluster is refused by name', async () => {
  await withCluster(3, CLUSTER, async ({ world }) => {
    const meta = 'version=1\ncluster.id=AnotherClusterAltogethA\nnode.id=7\n';
    expect(await startFails(world, nodeSettings(7), meta)).toMatch(
      /broker 7 of cluster AnotherClusterAltogethA was not registered: INCONSISTENT_CLUSTER_ID/,
    );
  });
});

test("a second broker under a live broker's id is refused, and the first goes on", async () => {
  await withCluster(3, { ...CLUSTER, 'process.roles': 'broker,controller' }, async (cluster) => {
    // A broker of its own first: 4.
    const first = cluster.world.process('first');
    await new Promise<void>((resolve) => {
      first.spawn(async (ports) => {
        await new Broker({
          ports,
          config: brokerConfig({ ...nodeSettings(4), listeners: 'PLAINTEXT://first:9092' }),
        }).start();
        resolve();
      });
    });
    expect(await startFails(cluster.world, nodeSettings(4))).toMatch(
      /broker 4 .* was not registered within 4000 ms.*DUPLICATE_BROKER_REGISTRATION: another broker with node.id 4 is alive/,
    );
    expect(first.alive).toBe(true);
  });
});

test('a topic with more replicas than brokers is refused with the numbers', async () => {
  await withCluster(3, CLUSTER, async (cluster) => {
    for (const id of cluster.ids) {
      const client = await cluster.connect(id);
      const topics = [{ name: 'wide', numPartitions: 1, replicationFactor: 4, assignments: [], configs: [] }];
      const answer = await client.send(CreateTopics, { topics, timeoutMs: 1000, validateOnly: false });
      expect(answer.topics[0]).toMatchObject({ errorCode: ErrorCode.INVALID_REPLICATION_FACTOR });
      expect(answer.topics[0]!.errorMessage).toMatch(/4.*3/);
      client.close();
    }
  });
});

test('a voter whose state file is damaged, or names other voters, does not start, and says which file', async () => {
  for (const [text, cause] of [
    ['{"leaderId":1,', /quorum-state/],
    [
      '{"leaderId":1,"leaderEpoch":3,"votedId":-1,"currentVoters":[{"voterId":8},{"voterId":9}],"data_version":0}',
      /voters are 8, 9/,
    ],
  ] as const) {
    const world = new SimWorld({ seed: 3 });
    const message = await world.settle(
      new Promise<string>((resolve) => {
        world.process('n1').spawn(async (ports) => {
          ports.files.makeDirectory('/data/__cluster_metadata-0');
          ports.files.open('/data/__cluster_metadata-0/quorum-state', 'createNew').append([Buffer.from(text)]);
          const config = brokerConfig({
            'node.id': '1',
            'controller.quorum.voters': '1@n1:9093,2@n2:9093,3@n3:9093',
            listeners: 'PLAINTEXT://n1:9092,CONTROLLER://n1:9093',
          });
          await new Broker({ ports, config }).start().then(
            () => resolve('it started'),
            (error: Error) => resolve(error.message),
          );
        });
      }),
    );
    expect(message).toMatch(cause);
    expect(message).toContain('/data/__cluster_metadata-0/quorum-state');
  }
});

test('two brokers on one folder: the second one is refused by name of the folder', async () => {
  const world = new SimWorld({ seed: 4 });
  const first = world.process('a');
  const second = world.process('b', { disk: first.disk });
  const start = (process: typeof first, host: string): Promise<string> =>
    new Promise((resolve) => {
      process.spawn(async (ports) => {
        const broker = new Broker({ ports, config: brokerConfig({ listeners: `PLAINTEXT://${host}:9092` }) });
        await broker.start().then(
          () => resolve('started'),
          (error: Error) => resolve(error.message),
        );
      });
    });
  expect(await world.settle(start(first, 'a'))).toBe('started');
  expect(await world.settle(start(second, 'b'))).toMatch(/^\/data is in use by another broker/);
});

test('a controller that comes back with an old folder catches up, and nothing that was committed is lost', async () => {
  await withCluster(3, CLUSTER, async (cluster) => {
    const { world } = cluster;
    const create = async (name: string): Promise<void> => {
      const client = await cluster.connect(2);
      const topics = [{ name, numPartitions: 1, replicationFactor: 2, assignments: [], configs: [] }];
      const answer = await client.send(CreateTopics, { topics, timeoutMs: 5000, validateOnly: false });
      expect(answer.topics[0]!.errorCode).toBe(0);
      client.close();
    };
    await create('before');
    await cluster.stop(1);
    await create('while-it-was-away');
    await cluster.start(1);
    const topicsOf = (id: number): string[] => [...cluster.broker(id).inspect().partitions()].map(({ topic }) => topic);
    await cluster.until(
      () =>
        cluster.broker(1).inspect().metadata!.highWatermark >= cluster.broker(2).inspect().metadata!.highWatermark - 1,
    );
    const held = cluster.ids.flatMap(topicsOf).sort();
    expect(held.filter((topic) => topic === 'before')).toHaveLength(2);
    expect(held.filter((topic) => topic === 'while-it-was-away')).toHaveLength(2);
    expect(world.failures).toEqual([]);
  });
});

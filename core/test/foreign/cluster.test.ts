// Three brokers as foreign clients see them: kafkajs (old versions), @platformatic/kafka (new ones), kcat and Kafka's own tools where they are. The leader
// dies by kill −9 under the npm clients; with Java the tools for operators work on the cluster, and dump-log reads what is left.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ProduceAcks,
  Consumer as StreamConsumer,
  Producer as StreamProducer,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KillableCluster } from '../failover/cluster.ts';
import { differentReplicas } from '../failover/folders.ts';
import { dumpFolder } from './data-folder.ts';
import { eventually, owned, skipped } from './harness.ts';
import { java, kafkaClasspath, type tools } from './java.ts';
import { kcat, kcatMissing } from './kcat.ts';

const TOPIC = 'across';
const PARTITIONS = 3;

describe.skipIf(!owned)('three brokers', { timeout: 120_000 }, () => {
  let cluster: KillableCluster;
  const scratch = mkdtempSync(join(tmpdir(), 'mqlab-cluster-tools-'));

  beforeAll(async () => {
    cluster = await KillableCluster.start(3, {
      'broker.session.timeout.ms': '2000',
      'broker.heartbeat.interval.ms': '300',
      'group.initial.rebalance.delay.ms': '100',
      'offsets.topic.num.partitions': '5',
      'num.partitions': '2',
    });
    await cluster.admin.createTopics([
      { name: TOPIC, partitions: PARTITIONS, replicationFactor: 3, configs: { 'min.insync.replicas': '2' } },
    ]);
  }, 60_000);
  afterAll(async () => {
    await cluster?.stopAll();
    cluster?.remove();
    rmSync(scratch, { recursive: true, force: true });
  });

  const leaderOf = async (partition: number): Promise<number> => {
    const [topic] = await cluster.admin.describeTopics([TOPIC]);
    return topic!.partitions[partition]!.leader;
  };
  const allInSync = () =>
    eventually(
      'all replicas in sync',
      async () => {
        const topics = await cluster.admin.describeTopics(null);
        return topics.every(({ partitions }) =>
          partitions.every(({ isr, replicas }) => isr.length === replicas.length),
        );
      },
      40_000,
    );

  test('kafkajs and platformatic write and read on while the leader dies', async () => {
    const brokers = cluster.bootstrap.split(',');
    const kafka = new kafkajs.Kafka({
      clientId: 'kj',
      brokers,
      logLevel: kafkajs.logLevel.NOTHING,
      retry: { initialRetryTime: 100, retries: 15 },
    });
    const first = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
    const second = new StreamProducer({
      clientId: 'pf',
      bootstrapBrokers: brokers,
      serializers: stringSerializers,
      retries: 100,
      retryDelay: 100,
    });
    const reader = kafka.consumer({ groupId: 'readers', heartbeatInterval: 300, sessionTimeout: 6000 });
    const seen = new Set<string>();
    await Promise.all([first.connect(), reader.connect()]);
    await reader.subscribe({ topics: [TOPIC], fromBeginning: true });
    await reader.run({ eachMessage: async ({ message }) => void seen.add(message.value!.toString()) });
    const sent: string[] = [];
    const send = async (n: number): Promise<void> => {
      const key = `k${n % 10}`;
      await first.send({ topic: TOPIC, acks: -1, messages: [{ key, value: `kj${n}` }] });
      await second.send({ messages: [{ topic: TOPIC, key, value: `pf${n}` }], acks: ProduceAcks.ALL });
      sent.push(`kj${n}`, `pf${n}`);
    };
    for (let n = 0; n < 40; n++) await send(n);
    const victim = await leaderOf(0);
    await cluster.kill(victim);
    for (let n = 40; n < 80; n++) await send(n);
    expect(await leaderOf(0)).not.toBe(victim);
    await cluster.restart(victim);
    for (let n = 80; n < 100; n++) await send(n);
    await eventually('everything sent is read', () => sent.every((value) => seen.has(value)), 40_000);
    await allInSync();
    await Promise.allSettled([first.disconnect(), reader.disconnect(), second.close()]);
    // The other way round: the new client's consumer reads what both wrote.
    const streams = new StreamConsumer({
      clientId: 'pf',
      bootstrapBrokers: brokers,
      groupId: 'streams',
      deserializers: stringDeserializers,
    });
    const stream = await streams.consume({
      topics: [TOPIC],
      mode: 'earliest',
      sessionTimeout: 10_000,
      heartbeatInterval: 500,
    });
    const read = new Set<string>();
    for await (const { value } of stream) {
      read.add(value);
      if (sent.every((each) => read.has(each))) break;
    }
    await streams.close(true);
  });

  test('kcat reads from each of the brokers', async (context) => {
    if (kcatMissing !== undefined) return context.skip(skipped('three brokers, kcat', kcatMissing) && kcatMissing);
    for (const bootstrap of cluster.bootstrap.split(',')) {
      const { stdout, code } = await kcat(['-b', bootstrap, '-C', '-t', TOPIC, '-e', '-q', '-o', 'beginning']);
      expect(code).toBe(0);
      expect(new Set(stdout.trim().split('\n')).size).toBe(200);
    }
  });

  test("Kafka's tools: quorum, reassignment, preferred leaders; dump-log, and the same bytes on every replica", async (context) => {
    const at = kafkaClasspath();
    if ('missing' in at) return context.skip(skipped('three brokers, tools', at.missing) && at.missing);
    const run = async (tool: keyof typeof tools, ...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await java(tool, ['--bootstrap-server', cluster.bootstrap, ...args]);
      expect(code, stderr).toBe(0);
      return stdout;
    };
    const status = await run('quorum', 'describe', '--status');
    expect(status).toMatch(/CurrentVoters:.*"id": 1.*"id": 2.*"id": 3/);
    const file = join(scratch, 'move.json');
    const [topic] = await cluster.admin.describeTopics([TOPIC]);
    const [a, b, c] = topic!.partitions[0]!.replicas;
    writeFileSync(
      file,
      JSON.stringify({ version: 1, partitions: [{ topic: TOPIC, partition: 0, replicas: [b, c, a] }] }),
    );
    await run('reassign', '--reassignment-json-file', file, '--execute');
    await eventually('the new assignment', async () => {
      const [moved] = await cluster.admin.describeTopics([TOPIC]);
      return moved!.partitions[0]!.replicas.join() === [b, c, a].join();
    });
    await run('leaderElection', '--election-type', 'preferred', '--all-topic-partitions');
    await eventually('the preferred leader', async () => (await leaderOf(0)) === b);
    await allInSync();
    await cluster.stopAll();
    const logDirs = cluster.ids.map((id) => cluster.logDir(id));
    expect(differentReplicas(logDirs, TOPIC, PARTITIONS)).toEqual([]);
    for (const dir of logDirs) expect((await dumpFolder(dir)).complaints).toEqual([]);
  });
});

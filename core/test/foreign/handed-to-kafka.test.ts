// A whole single-node data folder, metadata log included, written here: a real Apache Kafka opens it, serves the same records and offsets, and goes on
// writing; then it is opened here again.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Admin } from '../../client/admin/admin.ts';
import { Consumer } from '../../client/consumer/consumer.ts';
import { Producer } from '../../client/producer/producer.ts';
import { realPorts } from '../../ports/real/ports.ts';
import { type ApacheKafka, startApacheKafka } from './apache-kafka.ts';
import { dumpFolder } from './data-folder.ts';
import { type ForeignBroker, owned, skipped, startBroker } from './harness.ts';
import { kafkaClasspath } from './java.ts';

const classpath = kafkaClasspath();
const directory = mkdtempSync(join(tmpdir(), 'mqlab-handed-'));
let broker: ForeignBroker | undefined;
let kafka: ApacheKafka | undefined;

afterAll(async () => {
  await kafka?.dispose();
  await broker?.dispose();
  rmSync(directory, { recursive: true, force: true });
});

const TOPIC = 'handed-over';
const GROUP = 'reader';

async function write(bootstrap: string, from: number, until: number): Promise<void> {
  const producer = new Producer<unknown, string>(realPorts(), { 'bootstrap.servers': bootstrap });
  const sends = [];
  for (let n = from; n < until; n++) sends.push(producer.send({ topic: TOPIC, key: `k${n % 7}`, value: `v${n}` }));
  await Promise.all(sends);
  await producer.close();
}

/** What the group reads on from its committed offsets; commits what it read. */
async function readOn(bootstrap: string, count: number): Promise<string[]> {
  const consumer = new Consumer(realPorts(), {
    'bootstrap.servers': bootstrap,
    'group.id': GROUP,
    'auto.offset.reset': 'earliest',
    'enable.auto.commit': false,
  });
  consumer.subscribe([TOPIC]);
  const seen: string[] = [];
  while (seen.length < count) for (const { value } of await consumer.poll(500)) seen.push(value!.toString());
  await consumer.commitSync();
  await consumer.close();
  return seen.sort();
}

/** Both partitions from their beginning. */
async function readWhole(bootstrap: string): Promise<string[]> {
  const consumer = new Consumer(realPorts(), { 'bootstrap.servers': bootstrap });
  const all = [0, 1].map((partition) => ({ topic: TOPIC, partition }));
  consumer.assign(all);
  consumer.seekToBeginning(all);
  const count = [...(await consumer.endOffsets(all)).values()].reduce((sum, end) => sum + end, 0);
  const seen: string[] = [];
  while (seen.length < count) for (const { value } of await consumer.poll(500)) seen.push(value!.toString());
  await consumer.close();
  return seen.sort();
}

const values = (from: number, until: number): string[] =>
  Array.from({ length: until - from }, (_, i) => `v${from + i}`).sort();

test('a folder goes to Apache Kafka and comes back', { timeout: 120_000 }, async (context) => {
  if (!owned) return context.skip(skipped('a folder handed over', 'the broker under test is not ours') && 'not ours');
  if ('missing' in classpath) {
    return context.skip(skipped('a folder handed over', classpath.missing) && classpath.missing);
  }
  const settings = { 'log.dirs': directory, 'node.id': 1, 'offsets.topic.num.partitions': 3 };
  broker = await startBroker({ set: settings });
  const admin = new Admin(realPorts(), { 'bootstrap.servers': broker.bootstrap });
  await admin.createTopics([{ name: TOPIC, partitions: 2, configs: { 'retention.ms': '86400000' } }]);
  await admin.close();
  await write(broker.bootstrap, 0, 300);
  expect(await readOn(broker.bootstrap, 300)).toEqual(values(0, 300));
  expect(await broker.stop()).toBe(0);
  const before = await dumpFolder(directory);
  expect(before.complaints).toEqual([]);
  expect(before.files.clusterMetadata).toBe(1);

  // Kafka waits for the session of the broker's last life, which it finds unfenced.
  kafka = await startApacheKafka(
    {
      'node.id': 1,
      'broker.session.timeout.ms': 1000,
      'broker.heartbeat.interval.ms': 300,
      'offsets.topic.num.partitions': 3,
      'offsets.topic.replication.factor': 1,
    },
    directory,
  );
  await write(kafka.bootstrap, 300, 400);
  expect(await readOn(kafka.bootstrap, 100)).toEqual(values(300, 400));
  await kafka.stop();

  // What Kafka left: it worked on a copy.
  const copy = mkdtempSync(join(tmpdir(), 'mqlab-handed-back-'));
  try {
    cpSync(kafka.dataDir, copy, { recursive: true });
    const again = await startBroker({ set: { ...settings, 'log.dirs': copy } });
    try {
      await write(again.bootstrap, 400, 450);
      expect(await readOn(again.bootstrap, 50)).toEqual(values(400, 450));
      expect(await readWhole(again.bootstrap)).toEqual(values(0, 450));
      expect(await again.stop()).toBe(0);
      expect(again.stderr()).not.toMatch(/was cut|could not/);
      expect((await dumpFolder(copy)).complaints).toEqual([]);
    } finally {
      await again.dispose();
    }
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
});

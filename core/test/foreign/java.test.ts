// The broker as Apache Kafka's own tools see it, and its data folder as their dump-log reads it.
// Skipped, with a printed reason, where java or Kafka's jars are not here (see java.ts for where they are looked for).
// One JVM a call: the tests are few, and each asks much of its call.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import kafkajs, { type Admin } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { disposeClean } from './data-folder.ts';
import { codecs, flights } from './flights.ts';
import { type ForeignBroker, freshName, owned, skipped, startBroker } from './harness.ts';
import { dataFiles, dumpLog, java, kafkaClasspath, type tools } from './java.ts';
import { compressionTypes, registerKafkajsCodecs } from './kafkajs-codecs.ts';

registerKafkajsCodecs();

const at = kafkaClasspath();
const bytesOfSegment = 1024 * 1024;

describe.skipIf('missing' in at && skipped('java', at.missing))('java', { timeout: 60_000 }, () => {
  let broker: ForeignBroker;
  let kafka: kafkajs.Kafka;
  let admin: Admin;

  beforeAll(async () => {
    broker = await startBroker();
    kafka = new kafkajs.Kafka({ brokers: [broker.bootstrap], logLevel: kafkajs.logLevel.NOTHING });
    admin = kafka.admin();
    await admin.connect();
  });

  afterAll(async () => {
    await admin?.disconnect().catch(() => {});
    await disposeClean(broker, 'java');
  });

  async function createTopic(stem: string, numPartitions = 1, configEntries: { name: string; value: string }[] = []) {
    const topic = freshName(stem);
    await admin.createTopics({ topics: [{ topic, numPartitions, configEntries }] });
    return topic;
  }

  /** Stdout of a tool that must succeed. */
  async function run(tool: keyof typeof tools, args: readonly string[], input = ''): Promise<string> {
    const { code, stdout, stderr } = await java(tool, ['--bootstrap-server', broker.bootstrap, ...args], input);
    expect(code, `${tool} ${args.join(' ')}\n${stdout}\n${stderr}`).toBe(0);
    return stdout;
  }

  test('api versions: the tool can use all that the broker offers of the core', async () => {
    const offered = await run('apiVersions', []);
    for (const api of ['Produce(0): 0 to 13', 'Fetch(1): 4 to 18', 'Metadata(3): 0 to 13', 'JoinGroup(11): 0 to 9']) {
      expect(offered).toContain(api);
    }
  });

  test('topics: create, describe, refuse twice, delete', async () => {
    const topic = freshName('topics');
    const config = ['--config', 'retention.ms=60000'];
    expect(await run('topics', ['--create', '--topic', topic, '--partitions', '2', ...config])).toContain(
      'Created topic',
    );
    const [described, again] = await Promise.all([
      run('topics', ['--describe', '--topic', topic]),
      java('topics', ['--bootstrap-server', broker.bootstrap, '--create', '--topic', topic]),
    ]);
    expect(described).toMatch(/PartitionCount: 2\tReplicationFactor: 1\tConfigs: .*retention.ms=60000/);
    expect(again.code).toBe(1);
    expect(again.stdout + again.stderr).toContain('already exists');
    expect(await run('configs', ['--describe', '--all', '--entity-type', 'topics', '--entity-name', topic])).toMatch(
      /retention.ms=60000 sensitive=false synonyms=\{DYNAMIC_TOPIC_CONFIG:retention.ms=60000/,
    );
    await run('topics', ['--delete', '--topic', topic]);
    expect(await admin.listTopics()).not.toContain(topic);
  });

  test('console producer and consumer, group description, lag and reset', async () => {
    const topic = await createTopic('console', 2);
    const group = freshName('group');
    const records = flights(500);
    const input = records.map(({ key, value }) => `${key}|${value}\n`).join('');
    const keyed = ['--reader-property', 'parse.key=true', '--reader-property', 'key.separator=|'];
    await run('producer', ['--topic', topic, '--compression-codec', 'zstd', ...keyed], input);
    const printed = ['--formatter-property', 'print.key=true', '--formatter-property', 'key.separator=|'];
    const count = ['--from-beginning', '--max-messages', '500', '--timeout-ms', '15000'];
    const read = await run('consumer', ['--topic', topic, '--group', group, ...count, ...printed]);
    expect(read.trim().split('\n').sort()).toEqual(input.trim().split('\n').sort());

    const total = (text: string, column: number) =>
      text
        .split('\n')
        .filter((line) => line.startsWith(`${group} `))
        .reduce((sum, line) => sum + Number(line.split(/\s+/)[column]), 0);
    const before = await run('groups', ['--describe', '--group', group]);
    expect([total(before, 3), total(before, 5)]).toEqual([500, 0]);
    await run('groups', ['--reset-offsets', '--group', group, '--topic', topic, '--to-earliest', '--execute']);
    const after = await run('groups', ['--describe', '--group', group]);
    expect([total(after, 3), total(after, 5)]).toEqual([0, 500]);
    expect(await run('groups', ['--delete', '--group', group])).toContain('was successful');
  });

  test('verifiable producer and consumer agree on what was acknowledged', async () => {
    const topic = await createTopic('verifiable', 2);
    const produced = await run('verifiableProducer', ['--topic', topic, '--max-messages', '1000', '--acks', '-1']);
    expect(produced).toMatch(/"sent":1000,"acked":1000/);
    const group = ['--group-id', freshName('group'), '--reset-policy', 'earliest'];
    const consumed = await run('verifiableConsumer', ['--topic', topic, '--max-messages', '1000', ...group]);
    const counts = [...consumed.matchAll(/"name":"records_consumed","count":(\d+)/g)].map((match) => Number(match[1]));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(1000);
    expect(consumed).toMatch(/"name":"offsets_committed".*"success":true/);
  });

  test.skipIf(!owned && skipped('dump-log', 'the data folder of an external broker is not ours'))(
    'dump-log finds nothing wrong in the data folder, killed and after a clean shutdown',
    { timeout: 120_000 },
    async () => {
      const topic = await createTopic('dump', 1, [{ name: 'segment.bytes', value: String(bytesOfSegment) }]);
      const records = flights(20_000);
      for (const idempotent of [false, true]) {
        const producer = kafka.producer({ idempotent, createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
        await producer.connect();
        for (let from = 0, batch = 0; from < records.length; from += 500, batch++) {
          const messages = records.slice(from, from + 500).map(({ key, value }) => ({ key, value }));
          await producer.send({
            topic,
            messages,
            compression: idempotent ? compressionTypes[codecs[batch % codecs.length]!] : 0,
          });
        }
        await producer.disconnect();
      }
      await broker.kill();
      await logsAreClean(records.length * 2);
      const segments = dataFiles(broker.dataDir).logs.filter((path) => path.includes(topic));
      expect(segments.length).toBeGreaterThan(2);
      await broker.restart();
      expect(await broker.stop()).toBe(0);
      await folderIsClean(records.length * 2);
      await damageIsSeen(topic);
      await broker.restart();
    },
  );

  async function logsAreClean(recordsMin: number): Promise<void> {
    const files = dataFiles(broker.dataDir);
    expect(files.logs.length).toBeGreaterThan(2);
    const [logs, offsets] = await Promise.all([
      dumpLog(files.logs, '--deep-iteration', '--print-data-log'),
      dumpLog(files.offsets, '--deep-iteration', '--offsets-decoder'),
    ]);
    expect(logs.complaints).toEqual([]);
    expect(logs.records).toBeGreaterThanOrEqual(recordsMin);
    for (const codec of codecs) expect(logs.stdout).toContain(`compresscodec: ${codec} `);
    expect(offsets.complaints).toEqual([]);
    expect(offsets.stdout).toMatch(/key: \{"type":"1","data":\{"group":.*payload: \{"version":"4"/);
    expect(offsets.stdout).toMatch(/key: \{"type":"2","data":\{"group":.*"protocolType":"consumer"/);
  }

  /** The judge judged: a flipped bit, a torn tail and a wrong index entry, each in a copy, are complaints. */
  async function damageIsSeen(topic: string): Promise<void> {
    const from = join(broker.dataDir, `${topic}-0`);
    const sizeOf = (name: string) => statSync(join(from, name)).size;
    const indexes = readdirSync(from).filter((name) => /^\d{20}\.index$/.test(name));
    const index = indexes.sort((a, b) => sizeOf(b) - sizeOf(a))[0]!;
    expect(sizeOf(index)).toBeGreaterThan(8);
    const log = index.replace('.index', '.log');
    const copies = join(broker.dataDir, 'damaged');
    const damage = (kind: string, name: string, change: (bytes: Buffer) => Buffer): string => {
      const dir = join(copies, kind, `${topic}-0`);
      mkdirSync(dir, { recursive: true });
      for (const each of [log, index]) copyFileSync(join(from, each), join(dir, each));
      writeFileSync(join(dir, name), change(readFileSync(join(dir, name))));
      return join(dir, name);
    };
    const flip = (at: number) => (bytes: Buffer) => {
      bytes[at]! ^= 1;
      return bytes;
    };
    try {
      const damaged = [damage('flipped', log, flip(200)), damage('torn', log, (bytes) => bytes.subarray(0, -7))];
      const [logs, wrong] = await Promise.all([
        dumpLog(damaged, '--deep-iteration'),
        dumpLog([damage('wrong', index, flip(3))], '--verify-index-only'),
      ]);
      expect(logs.complaints.join('\n')).toMatch(/isvalid: false|Exception/);
      expect(logs.complaints.join('\n')).toMatch(/invalid bytes at the end/);
      expect(wrong.complaints.join('\n'), wrong.stdout).toMatch(/Mismatches in/);
    } finally {
      rmSync(copies, { recursive: true, force: true });
    }
  }

  /** Indexes, after a clean shutdown only: a killed broker may leave them preallocated, which dump-log itself cannot read. */
  async function folderIsClean(recordsMin: number): Promise<void> {
    const { logs, indexes, snapshots } = dataFiles(broker.dataDir);
    const sane = indexes.filter((path) => path.endsWith('.index'));
    const [all, verified, checked] = await Promise.all([
      dumpLog([...logs, ...indexes, ...snapshots], '--deep-iteration', '--print-data-log'),
      dumpLog(indexes, '--verify-index-only'),
      dumpLog(sane, '--index-sanity-check'),
    ]);
    for (const { complaints } of [all, verified, checked]) expect(complaints).toEqual([]);
    expect(all.records).toBeGreaterThanOrEqual(recordsMin);
    expect(all.stdout).toMatch(/^offset: \d+ position: \d+$/m);
    expect(all.stdout).toMatch(/^timestamp: \d+ offset: \d+$/m);
    expect(all.stdout).toMatch(/^producerId: \d+ .*lastSequence: \d+/m);
    expect(checked.stdout.match(/ passed sanity check\.$/gm)).toHaveLength(sane.length);
  }
});

// Apache Kafka's tools for operators: log dirs, reassignment, elections, quorum, features, cluster.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { batchOf, createTopic, produce, Wire } from '../behaviours/wire.ts';
import { disposeClean } from './data-folder.ts';
import { type ForeignBroker, owned, skipped, startBroker } from './harness.ts';
import { dumpLog, java, kafkaClasspath, type tools } from './java.ts';

const classpath = kafkaClasspath();
const isSkipped = 'missing' in classpath ? skipped('operators’ tools', classpath.missing) : !owned;

describe.skipIf(isSkipped)('operators’ tools', { timeout: 90_000 }, () => {
  const root = mkdtempSync(join(tmpdir(), 'mqlab-tools-'));
  const [a, b] = [join(root, 'a'), join(root, 'b')];
  let broker: ForeignBroker;
  let wire: Wire;

  beforeAll(async () => {
    broker = await startBroker({ set: { 'log.dirs': `${a},${b}` } });
    wire = await Wire.open(broker);
    await createTopic(wire, 'moved');
    for (let i = 0; i < 20; i++) await produce(wire, 'moved', batchOf([`v${i}`]));
  });
  afterAll(async () => {
    wire?.close();
    await disposeClean(broker, 'admin-tools');
    rmSync(root, { recursive: true, force: true });
  });

  const run = async (tool: keyof typeof tools, ...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await java(tool, ['--bootstrap-server', broker.bootstrap, ...args]);
    expect(code, stderr).toBe(0);
    return stdout;
  };

  test('kafka-reassign-partitions moves a partition to another log dir; log-dirs shows it, dump-log reads it', async () => {
    const home = readdirSync(a).includes('moved-0') ? a : b;
    const target = home === a ? b : a;
    const file = join(root, 'move.json');
    const partition = { topic: 'moved', partition: 0, replicas: [1], log_dirs: [target] };
    writeFileSync(file, JSON.stringify({ version: 1, partitions: [partition] }));
    const begun = await run('reassign', '--reassignment-json-file', file, '--execute');
    expect(begun).toContain(`Successfully started moving log directory to ${target} for replica moved-0 with broker 1`);
    expect(await run('reassign', '--reassignment-json-file', file, '--verify')).toMatch(
      /moved-0-1 completed successfully/,
    );
    const text = await run('logDirs', '--describe', '--topic-list', 'moved');
    const { brokers } = JSON.parse(text.split('\n').find((line) => line.startsWith('{'))!);
    const holder = brokers[0].logDirs.filter((each: { partitions: unknown[] }) => each.partitions.length > 0);
    expect(holder.map((each: { logDir: string }) => each.logDir)).toEqual([target]);
    const { complaints, records } = await dumpLog(
      [join(target, 'moved-0', `${'0'.repeat(20)}.log`)],
      '--deep-iteration',
    );
    expect([complaints, records]).toEqual([[], 20]);
  });

  test('kafka-leader-election, kafka-metadata-quorum, kafka-features, kafka-cluster', async () => {
    const [election, status, features, cluster] = await Promise.all([
      run('leaderElection', '--election-type', 'preferred', '--topic', 'moved', '--partition', '0'),
      run('quorum', 'describe', '--status'),
      run('features', 'downgrade', '--feature', 'transaction.version=1'),
      java('cluster', ['list-endpoints', '--bootstrap-server', broker.bootstrap]),
    ]);
    expect(election).toMatch(/Valid replica already elected for partitions moved-0/);
    expect(status).toMatch(/LeaderId: +1\n/);
    expect(status).toMatch(/CurrentVoters: +\[\{"id": 1, "directoryId": "[\w-]{22}", "endpoints": /);
    expect(features).toContain('transaction.version was downgraded to 1.');
    expect(cluster.stdout).toMatch(/^1 +127\.0\.0\.1 +\d+ +null +unfenced +broker/m);
    expect(await run('features', 'describe')).toMatch(/transaction\.version.*FinalizedVersionLevel: 1\b/);
  });
});

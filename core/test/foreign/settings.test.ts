// Quotas, credentials and client metrics as Apache Kafka's own tools set and tell them, and as its dump-log reads their records.
// Skipped, with a printed reason, where java or Kafka's jars are not here. Calls that do not hang together run side by side.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { disposeClean } from './data-folder.ts';
import { type ForeignBroker, owned, skipped, startBroker } from './harness.ts';
import { java, kafkaClasspath, type tools } from './java.ts';

const at = kafkaClasspath();

describe.skipIf('missing' in at && skipped('java', at.missing))('settings by java', { timeout: 90_000 }, () => {
  let broker: ForeignBroker;
  beforeAll(async () => {
    broker = await startBroker();
  });
  afterAll(() => disposeClean(broker, 'settings'));

  async function run(tool: keyof typeof tools, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await java(tool, ['--bootstrap-server', broker.bootstrap, ...args], '', 60_000);
    expect(code, `${tool} ${args.join(' ')}\n${stdout}\n${stderr}`).toBe(0);
    return stdout;
  }
  const alter = (entity: string, config: string) =>
    run('configs', '--alter', ...entity.split(' '), '--add-config', config);
  const describeAll = (entity: string) => run('configs', '--describe', ...entity.split(' '));

  test('C54 C56 set, told, and written as Kafka writes them', async () => {
    await Promise.all([
      alter('--entity-type users --entity-name u --entity-type clients --entity-default', 'producer_byte_rate=1000'),
      alter('--entity-type users --entity-name s', 'SCRAM-SHA-256=[iterations=8192,password=p]'),
      alter('--entity-type client-metrics --entity-name m', 'interval.ms=1000,match=[client_id=a.*]'),
    ]);
    const [users, credentials, metrics] = await Promise.all([
      describeAll('--entity-type users --entity-type clients'),
      describeAll('--entity-type users --entity-name s'),
      describeAll('--entity-type client-metrics --entity-name m'),
    ]);
    expect(users).toMatch(/user-principal 'u', the default client-id are producer_byte_rate=1000\.0/);
    expect(credentials).toContain("SCRAM credential configs for user-principal 's' are SCRAM-SHA-256=iterations=8192");
    expect(metrics).toMatch(/interval\.ms=1000.*\n\s*match=client_id=a\.\*/);
    if (!owned) return;
    const folder = join(broker.dataDir, '__cluster_metadata-0');
    const log = readdirSync(folder).find((name) => name.endsWith('.log'))!;
    const dumped = (await java('dumpLog', ['--cluster-metadata-decoder', '--files', join(folder, log)])).stdout;
    for (const type of ['CLIENT_QUOTA_RECORD', 'USER_SCRAM_CREDENTIAL_RECORD', '"resourceType":16']) {
      expect(dumped).toContain(type);
    }
  });
});

// The broker as kcat (librdkafka) sees it. Skipped, with a printed reason, where kcat is not installed.
// Every expectation here also holds against Apache Kafka 4.3 (see harness.ts for how to point the suite at another broker).
import kafkajs, { type Admin } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { disposeClean } from './data-folder.ts';
import { codecs, flights } from './flights.ts';
import { eventually, type ForeignBroker, freshName, skipped, startBroker } from './harness.ts';
import { kcat, kcatMissing } from './kcat.ts';

describe.skipIf(kcatMissing !== undefined && skipped('kcat', kcatMissing))('kcat', () => {
  const fast = ['-X', 'fetch.wait.max.ms=50'];
  let broker: ForeignBroker;
  let admin: Admin;

  beforeAll(async () => {
    broker = await startBroker();
    const kafka = new kafkajs.Kafka({ brokers: [broker.bootstrap], logLevel: kafkajs.logLevel.NOTHING });
    admin = kafka.admin();
    await admin.connect();
  });

  afterAll(async () => {
    await admin?.disconnect().catch(() => {});
    await disposeClean(broker, 'kcat');
  });

  async function createTopic(stem: string, numPartitions = 1): Promise<string> {
    const topic = freshName(stem);
    await admin.createTopics({ topics: [{ topic, numPartitions }] });
    return topic;
  }

  const produce = (topic: string, input: string, ...args: string[]) =>
    kcat(['-P', '-b', broker.bootstrap, '-t', topic, ...args], { input });

  async function read(topic: string, ...args: string[]): Promise<string[]> {
    const { code, stdout, stderr } = await kcat([
      '-C',
      '-b',
      broker.bootstrap,
      '-t',
      topic,
      '-e',
      '-q',
      ...fast,
      ...args,
    ]);
    expect(code, stderr).toBe(0);
    return stdout.split('\n').filter((line) => line !== '');
  }

  test('metadata: text, JSON and an unknown topic', async () => {
    const topic = await createTopic('meta', 3);
    const listed = await kcat(['-L', '-b', broker.bootstrap, '-t', topic, '-J']);
    const metadata = JSON.parse(listed.stdout);
    expect(metadata.brokers).toMatchObject([{ name: broker.bootstrap }]);
    const [{ id }] = metadata.brokers;
    expect(metadata.controllerid).toBe(id);
    expect(metadata.topics).toEqual([
      {
        topic,
        partitions: [0, 1, 2].map((partition) => ({ partition, leader: id, replicas: [{ id }], isrs: [{ id }] })),
      },
    ]);
    const unknown = await kcat(['-L', '-b', broker.bootstrap, '-t', freshName('nowhere')]);
    expect(unknown.code).toBe(0);
    expect(unknown.stdout).toContain('Unknown topic or partition');
    const all = await kcat(['-L', '-b', broker.bootstrap]);
    expect(all.stdout).toContain(`topic "${topic}" with 3 partitions:`);
  });

  test.each(codecs)('%s: 2,000 flights go in and come back', async (codec) => {
    const topic = await createTopic(`codec-${codec}`);
    const lines = flights(2000).map(({ key, value }) => `${key}\t${value}`);
    const sent = await produce(topic, `${lines.join('\n')}\n`, '-K', '\t', '-z', codec);
    expect(sent.code, sent.stderr).toBe(0);
    expect(await read(topic, '-o', 'beginning', '-f', '%k\t%s\n')).toEqual(lines);
  });

  test('idempotent producer', async () => {
    const topic = await createTopic('idempotent');
    const lines = flights(2000).map(({ value }) => value);
    const sent = await produce(topic, `${lines.join('\n')}\n`, '-X', 'enable.idempotence=true', '-z', 'lz4');
    expect(sent.code, sent.stderr).toBe(0);
    expect(await read(topic, '-o', 'beginning')).toEqual(lines);
  });

  test('keys, headers, nulls', async () => {
    const topic = await createTopic('nulls');
    await produce(topic, 'k1\tv1\n\tno key\nk3\t\n', '-K', '\t', '-Z', '-H', 'a=b', '-H', 'c=d');
    expect(await read(topic, '-o', 'beginning', '-Z', '-f', '%o %K:%k %S:%s %h\n')).toEqual([
      '0 2:k1 2:v1 a=b,c=d',
      '1 -1:NULL 6:no key a=b,c=d',
      '2 2:k3 -1:NULL a=b,c=d',
    ]);
  });

  test('offsets: absolute, from the end, by timestamp, and queried', async () => {
    const topic = await createTopic('offsets');
    await produce(topic, 'a\nb\nc\nd\n');
    const before = Date.now() + 1;
    await eventually('the clock moved on', () => Date.now() > before);
    await produce(topic, 'e\nf\n');
    const offsets = (...from: string[]) => read(topic, '-p', '0', ...from, '-f', '%o\n');
    expect(await offsets('-o', '4')).toEqual(['4', '5']);
    expect(await offsets('-o', '-2')).toEqual(['4', '5']);
    expect(await offsets('-o', '1', '-c', '2')).toEqual(['1', '2']);
    expect(await offsets('-o', `s@${before}`)).toEqual(['4', '5']);
    expect(await offsets('-o', 's@0', '-o', `e@${before}`)).toEqual(['0', '1', '2', '3']);
    const query = async (time: number) =>
      (await kcat(['-Q', '-b', broker.bootstrap, '-t', `${topic}:0:${time}`])).stdout;
    expect(await query(-1)).toBe(`${topic} [0] offset 6\n`);
    expect(await query(-2)).toBe(`${topic} [0] offset 0\n`);
    expect(await query(before)).toBe(`${topic} [0] offset 4\n`);
  });

  test('a waiting consumer gets what is produced later', async () => {
    const topic = await createTopic('wait');
    const got: string[] = [];
    const reading = kcat(['-C', '-b', broker.bootstrap, '-t', topic, '-o', 'beginning', '-u', '-q', '-c', '3'], {
      onLine: (line) => void got.push(line),
    });
    for (const line of ['one', 'two', 'three']) {
      await produce(topic, `${line}\n`);
      await eventually(line, () => got.at(-1) === line);
    }
    expect((await reading).code).toBe(0);
  });

  test('a group: two members share, the one that stays takes over, a third reads nothing twice', async () => {
    const topic = await createTopic('group', 4);
    const group = freshName('group');
    const got = { a: [] as string[], b: [] as string[] };
    const stop = new Map<string, () => void>();
    const join = (name: 'a' | 'b') =>
      kcat(
        [
          '-b',
          broker.bootstrap,
          '-G',
          group,
          '-X',
          'auto.offset.reset=earliest',
          '-X',
          'heartbeat.interval.ms=300',
          ...fast,
          '-u',
          '-f',
          '%p %s\n',
          topic,
        ],
        {
          onLine: (line) => void got[name].push(line),
          onStart: (child) => void stop.set(name, () => child.kill('SIGTERM')),
        },
      );
    const shares = async (members: number) =>
      eventually(`${members} stable members`, async () => {
        const [found] = (await admin.describeGroups([group])).groups;
        return found!.state === 'Stable' && found!.members.length === members;
      });
    const first = join('a');
    await shares(1);
    const second = join('b');
    await shares(2);
    for (let p = 0; p < 4; p++) await produce(topic, `both\n`, '-p', String(p));
    await eventually('four read by two', () => got.a.length === 2 && got.b.length === 2);
    stop.get('a')!();
    expect((await first).code).toBe(0);
    await shares(1);
    for (let p = 0; p < 4; p++) await produce(topic, `alone\n`, '-p', String(p));
    await eventually('four read by one', () => got.b.length === 6);
    stop.get('b')!();
    expect((await second).code).toBe(0);
    const third = await kcat(['-b', broker.bootstrap, '-G', group, '-e', '-q', topic]);
    expect(third).toMatchObject({ code: 0, stdout: '' });
  });

  describe('errors', () => {
    test('an unknown topic', async () => {
      const topic = freshName('nowhere');
      const sent = await produce(topic, 'x\n', '-X', 'message.timeout.ms=1500');
      expect(sent.code).toBe(1);
      expect(sent.stderr).toMatch(/timed out|Unknown topic/);
      const got = await kcat(['-C', '-b', broker.bootstrap, '-t', topic, '-e']);
      expect(got.code).toBe(1);
      expect(got.stderr).toContain('Unknown topic or partition');
    });

    test('a message above the limit', async () => {
      const topic = await createTopic('large');
      const sent = await produce(topic, 'x'.repeat(1_200_000), '-X', 'message.max.bytes=2000000');
      expect(sent.code).toBe(1);
      expect(sent.stderr).toContain('Message size too large');
    });

    test('an offset out of range, without a reset', async () => {
      const topic = await createTopic('range');
      await produce(topic, 'x\n');
      const args = ['-C', '-b', broker.bootstrap, '-t', topic, '-p', '0', '-o', '999', '-X', 'auto.offset.reset=error'];
      const got = await kcat(args);
      expect(got.code).toBe(1);
      expect(got.stderr).toContain('Offset out of range');
    });

    test('a session timeout outside the bounds', async () => {
      const topic = await createTopic('session');
      const settings = ['-X', 'session.timeout.ms=100', '-X', 'heartbeat.interval.ms=10'];
      const got = await kcat(['-b', broker.bootstrap, '-G', freshName('group'), ...settings, topic]);
      expect(got.code).toBe(1);
      expect(got.stderr).toContain('Invalid session timeout');
    });
  });
});

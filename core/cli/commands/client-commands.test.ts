import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Producer } from '../../client/producer/producer.ts';
import { realPorts } from '../../ports/real/ports.ts';

/** `produce`, `consume`, `groups` and `configs` as a script sees them: real processes on a real broker. */
const MQLAB = fileURLToPath(new URL('../mqlab.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'mqlab-cli-'));
let broker: ChildProcess;
let server = '';

interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function mqlab(args: readonly string[], input = ''): Promise<Run> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [MQLAB, ...args]);
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data) => (stdout += data));
    child.stderr.on('data', (data) => (stderr += data));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

const on = (command: string, ...args: string[]) => mqlab([command, '--bootstrap-server', server, ...args]);

beforeAll(async () => {
  const settings = ['listeners=PLAINTEXT://127.0.0.1:0', `log.dirs=${join(folder, 'data')}`];
  settings.push('group.initial.rebalance.delay.ms=0', 'num.partitions=2');
  broker = spawn(process.execPath, [MQLAB, 'broker', ...settings.flatMap((each) => ['--set', each])]);
  server = await new Promise<string>((resolve, reject) => {
    let out = '';
    broker.stdout!.on('data', (data) => {
      out += data;
      const ready = /^ready (\S+)$/m.exec(out);
      if (ready !== null) resolve(ready[1]!);
    });
    broker.on('close', (code) => reject(new Error(`the broker ended with ${code}`)));
  });
});

afterAll(async () => {
  broker.removeAllListeners('close');
  const ended = new Promise((resolve) => broker.once('close', resolve));
  broker.kill('SIGTERM');
  await ended;
  rmSync(folder, { recursive: true, force: true });
});

test('lines go in and come out; a group has positions and lag', async () => {
  const lines = Array.from({ length: 50 }, (_, i) => `k${i}:value ${i}`);
  const file = join(folder, 'lines.txt');
  writeFileSync(file, `${lines.join('\n')}\n`);
  const keyed = ['--property', 'parse.key=true', '--property', 'key.separator=:'];
  const produced = await on('produce', '--topic', 't', '--file', file, ...keyed);
  expect(produced).toMatchObject({ code: 0, stderr: '50 records sent to t\n' });

  const print = ['--property', 'print.key=true', '--property', 'key.separator=:'];
  const consumed = await on('consume', '--topic', 't', '--from-beginning', '--max-messages', '50', ...print);
  expect(consumed.stdout.trimEnd().split('\n').sort()).toEqual([...lines].sort());

  const part = await on(
    'consume',
    '--topic',
    't',
    '--from-beginning',
    '--group',
    'g',
    '--max-messages',
    '20',
    '--json',
  );
  const records = part.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(records.length).toBe(20);
  expect(records[0]).toMatchObject({ topic: 't', key: expect.stringMatching(/^k/), headers: [] });

  const described = await on('groups', '--describe', '--group', 'g', '--json');
  const rows = described.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(rows.reduce((sum, row) => sum + row.lag, 0)).toBe(30);

  const dry = await on('groups', '--reset-offsets', '--group', 'g', '--topic', 't', '--to-earliest');
  expect(dry.stdout).toMatch(/OLD-OFFSET +NEW-OFFSET/);
  expect(dry.stderr).toMatch(/dry run/);
  await on('groups', '--reset-offsets', '--group', 'g', '--topic', 't', '--to-earliest', '--execute');
  const rest = await on('consume', '--topic', 't', '--group', 'g', '--max-messages', '50', '--timeout-ms', '10000');
  expect(rest.stdout.trimEnd().split('\n').length).toBe(50);

  expect((await on('groups', '--delete', '--group', 'g')).stdout).toBe('deleted group g\n');
  expect((await on('groups', '--describe', '--group', 'g')).code).toBe(1);
  const configs = await on('configs', '--describe', '--topic', 't', '--all');
  expect(configs.stdout).toMatch(/^SETTING +VALUE +FROM/);
}, 60_000);

const jsonLines = ({ stdout }: Run): Record<string, unknown>[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('settings and quotas are changed, shown, and taken back', async () => {
  await on('topics', '--create', '--topic', 'set');
  const added = await on(
    'configs',
    '--alter',
    '--topic',
    'set',
    '--add-config',
    'retention.ms=1000,cleanup.policy=[compact,delete]',
  );
  expect(added.stdout).toBe('changed retention.ms, cleanup.policy of topic set\n');
  const shown = jsonLines(await on('configs', '--describe', '--topic', 'set', '--json'));
  expect(shown.map(({ name, value }) => [name, value])).toEqual([
    ['cleanup.policy', 'compact,delete'],
    ['retention.ms', '1000'],
  ]);
  await on('configs', '--alter', '--topic', 'set', '--delete-config', 'retention.ms,cleanup.policy');
  expect((await on('configs', '--describe', '--topic', 'set')).stdout).toMatch(/all settings have their defaults/);
  const refused = await on('configs', '--alter', '--topic', 'set', '--add-config', 'retention=1');
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/INVALID_CONFIG .*retention/) });

  const user = ['--entity-type', 'users', '--entity-name', 'ada', '--entity-type', 'clients', '--entity-default'];
  await on('configs', '--alter', ...user, '--add-config', 'producer_byte_rate=5000');
  const quotas = jsonLines(await on('configs', '--describe', ...user, '--json'));
  const entity = [
    { type: 'user', name: 'ada' },
    { type: 'client-id', name: null },
  ];
  expect(quotas).toEqual([{ entity: expect.arrayContaining(entity), quotas: { producer_byte_rate: 5000 } }]);
  await on('configs', '--alter', ...user, '--delete-config', 'producer_byte_rate');
  expect((await on('configs', '--describe', ...user)).stdout).toBe('no quotas\n');
}, 60_000);

test('perf says what it measured; dump-log shows the records and sees one broken byte', async () => {
  await on('topics', '--create', '--topic', 'p', '--partitions', '1');
  const sent = await on('perf', 'produce', '--topic', 'p', '--num-records', '500', '--record-size', '100', '--json');
  expect(JSON.parse(sent.stdout)).toMatchObject({ records: 500, failed: 0, latency: { count: 500 } });
  const read = await on('perf', 'consume', '--topic', 'p', '--num-records', '500', '--json');
  expect(JSON.parse(read.stdout)).toMatchObject({ records: 500, bytes: 50_000 });
  const echo = await on('perf', 'end-to-end', '--topic', 'p', '--num-records', '5', '--json');
  expect(JSON.parse(echo.stdout)).toMatchObject({ count: 5 });

  const partition = join(folder, 'data', 'p-0');
  const dumped = await mqlab(['dump-log', '--files', partition, '--deep-iteration', '--json']);
  expect(dumped.code).toBe(0);
  expect(jsonLines(dumped).filter(({ valueSize }) => valueSize === 100).length).toBe(500);
  const copy = join(folder, 'broken-0');
  cpSync(partition, copy, { recursive: true });
  const log = join(copy, '00000000000000000000.log');
  const bytes = readFileSync(log);
  bytes[200]! ^= 1;
  writeFileSync(log, bytes);
  const broken = await mqlab(['dump-log', '--files', log]);
  expect(broken).toMatchObject({ code: 1, stderr: 'mqlab: 1 problem found\n' });
  expect(broken.stdout).toMatch(/PROBLEM CRC \d+ where the bytes have \d+/);
}, 60_000);

test('a transaction is listed and described; a hanging one is found by nobody while its coordinator knows it', async () => {
  const producer = new Producer(realPorts(), { 'bootstrap.servers': server, 'transactional.id': 'cli-tx' });
  await producer.initTransactions();
  producer.beginTransaction();
  await producer.send({ topic: 't', partition: 1, value: 'open' });
  const [listed] = jsonLines(await on('transactions', 'list', '--json'));
  expect(listed).toMatchObject({ transactionalId: 'cli-tx', state: 'Ongoing' });
  const [described] = jsonLines(await on('transactions', 'describe', '--transactional-id', 'cli-tx', '--json'));
  expect(described).toMatchObject({ state: 'Ongoing', partitions: 't-1', producerId: listed!.producerId });
  const where = ['--topic', 't', '--partition', '1', '--json'];
  const producers = jsonLines(await on('transactions', 'describe-producers', ...where));
  const [open] = producers.filter(({ transactionStart }) => transactionStart !== null);
  expect(open).toMatchObject({ producerId: listed!.producerId });
  const hanging = await on('transactions', 'find-hanging', '--topic', 't', '--max-transaction-timeout', '0');
  expect(hanging.stdout).toBe('no hanging transactions\n');
  const none = await on('transactions', 'abort', '--topic', 't', '--partition', '1', '--start-offset', '999999');
  expect(none).toMatchObject({ code: 1, stderr: expect.stringMatching(/no transaction is open in t-1/) });
  await producer.abortTransaction();
  await producer.close();
}, 60_000);

test('bad input is refused with the flag and what is allowed', async () => {
  const cases: [string[], RegExp][] = [
    [['produce', '--topic', 't'], /--bootstrap-server is needed/],
    [['produce', '--bootstrap-server', 'nowhere', '--topic', 't'], /--bootstrap-server nowhere: allowed is HOST:PORT/],
    [
      ['produce', '--bootstrap-server', server, '--topic', 't', '--property', 'parse.keys=true'],
      /allowed names are parse.key/,
    ],
    [
      ['produce', '--bootstrap-server', server, '--topic', 't', '--producer-property', 'acks=3'],
      /acks: "3".*all, -1, 0, 1/,
    ],
    [['consume', '--bootstrap-server', server], /--topic or --include/],
    [['consume', '--bootstrap-server', server, '--topic', 't', '--offset', '3'], /--offset needs --partition/],
    [['consume', '--bootstrap-server', server, '--topic', 't', '--max-messages', 'x'], /--max-messages x/],
    [['groups', '--bootstrap-server', server], /one of --list, --describe, --delete, --reset-offsets/],
    [
      ['groups', '--bootstrap-server', server, '--reset-offsets', '--group', 'g', '--topic', 't'],
      /one of --to-earliest/,
    ],
    [['configs', '--bootstrap-server', server, '--describe', '--entity-type', 'hosts'], /allowed are topics, brokers/],
    [['configs', '--bootstrap-server', server, '--alter', '--topic', 't'], /--alter needs --add-config/],
    [
      ['configs', '--bootstrap-server', server, '--alter', '--topic', 't', '--add-config', 'x'],
      /--add-config x: allowed/,
    ],
    [['transactions', 'describe', '--bootstrap-server', server], /--transactional-id is needed/],
    [['dump-log', '--files', join(folder, 'nowhere')], /there is no such file/],
    [['perf', 'produce', '--bootstrap-server', server, '--topic', 't', '--num-records', '0'], /--num-records 0/],
  ];
  for (const [args, message] of cases) {
    const { code, stderr } = await mqlab(args);
    expect({ args, code }).toEqual({ args, code: 2 });
    expect(stderr).toMatch(message);
  }
}, 60_000);

test('a key that is missing in a line is refused with the line', async () => {
  const given = ['produce', '--bootstrap-server', server, '--topic', 't', '--property', 'parse.key=true'];
  const { code, stderr } = await mqlab(given, 'a\tb\nno key\n');
  expect(code).toBe(2);
  expect(stderr).toMatch(/line 2: no key separator/);
});

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '@mqlab/core/cli/free-ports.ts';
import { NodeProcess } from '@mqlab/core/cli/node-process.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openExternalTarget } from './external-target.ts';
import { releaseOf } from './external-version.ts';

const folder = mkdtempSync(join(tmpdir(), 'mqlab-external-'));
let broker: NodeProcess;
let bootstrap = '';
beforeAll(async () => {
  const [port] = (await freePorts(1)) as [number];
  bootstrap = `127.0.0.1:${port}`;
  broker = new NodeProcess({ 'log.dirs': join(folder, 'data'), listeners: `PLAINTEXT://${bootstrap}`, 'node.id': '5' });
  await broker.start();
});
afterAll(async () => {
  await broker.kill();
  rmSync(folder, { recursive: true });
});

test('what is possible follows from the commands; they get the node id; a run ends with everything up', async () => {
  const said = join(folder, 'said');
  const say = (word: string): string => `echo ${word} {id} >> ${said}`;
  const nodeCommands = { kill: say('kill'), start: say('start'), pause: say('pause'), resume: say('resume') };
  const target = await openExternalTarget({ seed: 1, bootstrap, nodeCommands });
  expect(target.nodes.map((node) => node.id)).toEqual([5]);
  expect(target.version).toMatch(/^Kafka protocol of 4\.\d \(metadata\.version \d+\)$/);
  expect([target.can('kill-broker'), target.can('pause-broker'), target.can('power-cut')]).toEqual([true, true, false]);
  await target.killBroker(5);
  await target.killBroker(5);
  await target.startBroker(5);
  await target.killBroker(5);
  await target.close();
  expect(readFileSync(said, 'utf8')).toBe('kill 5\nstart 5\nkill 5\nstart 5\n');
});

test('the own client loses an answer and is killed; with a foreign one neither is possible', async () => {
  const target = await openExternalTarget({ seed: 1, bootstrap });
  expect([target.can('drop-response'), target.can('crash-app')]).toEqual([true, true]);
  const admin = await target.app('operator').client('mqlab').admin();
  await admin.createTopic('lost-answers', 1);
  const app = target.app('p1');
  const producer = await app.client('mqlab').producer({ acks: 1, idempotence: false, lingerMs: 0 });
  const record = { topic: 'lost-answers', partition: 0, key: null, value: 'v' };
  expect((await producer.send(record)).outcome).toBe('ok');
  target.dropNextResponse('p1');
  expect(await producer.send(record)).toMatchObject({ outcome: 'ok', offset: 2 });
  let isHeard = false;
  target.cutLink('p1');
  void producer.send(record).then(() => {
    isHeard = true;
  });
  target.crashApp('p1');
  expect(app.alive).toBe(false);
  expect((await admin.offsets('lost-answers'))[0]!.end).toBe(3);
  expect(isHeard).toBe(false);
  await target.close();
  const foreign = await openExternalTarget({ seed: 1, bootstrap, client: 'kafkajs' });
  foreign.app('p1');
  expect(foreign.can('crash-app')).toBe(false);
  expect(() => foreign.dropNextResponse('p1')).toThrow('target external cannot drop-response');
  await foreign.close();
});

test('without commands nothing is possible with nodes; a command that fails is told with what it wrote', async () => {
  const plain = await openExternalTarget({ seed: 1, bootstrap });
  expect(plain.can('kill-broker')).toBe(false);
  await expect(plain.killBroker(5)).rejects.toThrow('target external cannot kill-broker');
  await plain.close();
  const nodeCommands = { kill: 'echo no such node {id} >&2; exit 3', start: 'true' };
  const failing = await openExternalTarget({ seed: 1, bootstrap, nodeCommands });
  await expect(failing.killBroker(5)).rejects.toThrow(/exit code 3\nno such node 5/);
  await failing.close();
  await expect(openExternalTarget({ seed: 1, bootstrap, brokers: 3 })).rejects.toThrow('wants 3 brokers');
});

test('the release that a metadata.version came with', () => {
  expect([6, 7, 11, 19, 21, 25, 27, 30].map(releaseOf)).toEqual([
    null,
    '3.3',
    '3.5',
    '3.7',
    '3.9',
    '4.0',
    '4.1',
    '4.3',
  ]);
});

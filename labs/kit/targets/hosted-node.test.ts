import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '@mqlab/core/cli/free-ports.ts';
import { Admin } from '@mqlab/core/client/admin/admin.ts';
import { realPorts } from '@mqlab/core/ports/real/ports.ts';
import { afterAll, expect, test } from 'vitest';
import { HostedNode } from './hosted-node.ts';

const folder = mkdtempSync(join(tmpdir(), 'mqlab-hosted-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function nodeOn(name: string): Promise<{ node: HostedNode; port: number; bootstrap: string }> {
  const [port] = (await freePorts(1)) as [number];
  const bootstrap = `127.0.0.1:${port}`;
  const node = new HostedNode({ 'log.dirs': join(folder, name), listeners: `PLAINTEXT://${bootstrap}` });
  return { node, port, bootstrap };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function topicsOf(bootstrap: string): Promise<string[]> {
  const admin = new Admin(realPorts(), { 'bootstrap.servers': bootstrap });
  try {
    return [...(await admin.listTopics())];
  } finally {
    await admin.close();
  }
}

test('what is dropped leaves its process to the next, and nothing else', async () => {
  const one = await nodeOn('one');
  expect(await one.node.start()).toBe(true);
  const { pid } = one.node;
  const admin = new Admin(realPorts(), { 'bootstrap.servers': one.bootstrap });
  await admin.createTopics([{ name: 'of-one', partitions: 3 }]);
  const socket = net.connect(one.port, '127.0.0.1');
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => {});
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
  await one.node.drop();
  await closed;
  expect(one.node.isRunning).toBe(false);
  await admin.close();

  const two = await nodeOn('two');
  await two.node.start();
  expect(two.node.pid).toBe(pid);
  expect(await topicsOf(two.bootstrap)).toEqual([]);
  const refused = net.connect(one.port, '127.0.0.1');
  expect(
    await new Promise((resolve) => refused.once('error', (error: NodeJS.ErrnoException) => resolve(error.code))),
  ).toBe('ECONNREFUSED');
  // The folder of the first is as it was left, its lock is free: a start recovers it.
  await one.node.start();
  expect(await topicsOf(one.bootstrap)).toEqual(['of-one']);
  await Promise.all([one.node.drop(), two.node.drop()]);
});

test('what is killed takes its process along; a clean stop does not', async () => {
  const { node, bootstrap } = await nodeOn('three');
  await node.start();
  const first = node.pid!;
  await node.kill();
  expect(() => process.kill(first, 0)).toThrow('ESRCH');
  await node.start();
  const second = node.pid!;
  expect(second).not.toBe(first);
  expect(await node.stop(10_000)).toBe(true);
  expect(existsSync(join(folder, 'three', '.kafka_cleanshutdown'))).toBe(true);
  expect(() => process.kill(second, 0)).not.toThrow();
  await node.start();
  node.pause();
  node.resume();
  expect(await topicsOf(bootstrap)).toEqual([]);
  node.pause();
  const paused = node.pid!;
  await node.kill();
  expect(() => process.kill(paused, 0)).toThrow('ESRCH');
});

test('whatever ends who started a node ends its process', async () => {
  const module = new URL('./hosted-node.ts', import.meta.url).href;
  const [port] = (await freePorts(1)) as [number];
  const properties = { 'log.dirs': join(folder, 'six'), listeners: `PLAINTEXT://127.0.0.1:${port}` };
  const program = `
    const { HostedNode } = await import(${JSON.stringify(module)});
    const node = new HostedNode(${JSON.stringify(properties)});
    await node.start();
    console.log(node.pid);`;
  const starter = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const pid = Number(await new Promise<string>((resolve) => starter.stdout.once('data', (text) => resolve(`${text}`))));
  expect(() => process.kill(pid, 0)).not.toThrow();
  starter.kill('SIGKILL');
  await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
});

test('a start that fails says why; one that is killed says nothing', async () => {
  const bad = new HostedNode({ 'log.dirs': join(folder, 'four'), listeners: 'NONSENSE' });
  await expect(bad.start()).rejects.toThrow(/the broker did not start: .*listeners/s);
  expect(bad.isRunning).toBe(false);
  const { node } = await nodeOn('five');
  const starting = node.start();
  await node.kill();
  expect(await starting).toBe(false);
  const again = node.start();
  await node.drop();
  expect(await again).toBe(false);
});

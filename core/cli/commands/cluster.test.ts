import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, expect, test } from 'vitest';

const launcher = join(import.meta.dirname, '../mqlab.js');
const folder = mkdtempSync(join(tmpdir(), 'mqlab-cluster-'));
const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
});

interface RunningCluster {
  readonly lines: string[];
  readonly log: string[];
  readonly ready: Promise<string>;
  end(signal: NodeJS.Signals): Promise<number | null>;
}

function startCluster(...args: string[]): RunningCluster {
  const child = spawn(process.execPath, [launcher, 'cluster', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const lines: string[] = [];
  const log: string[] = [];
  createInterface({ input: child.stderr! }).on('line', (line) => log.push(line));
  const ready = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      lines.push(line);
      if (line.startsWith('ready ')) resolve(line);
    });
    void exited.then((code) => reject(new Error(`ended with ${code}:\n${log.join('\n')}`)));
  });
  return {
    lines,
    log,
    ready,
    end: (signal) => {
      child.kill(signal);
      return exited;
    },
  };
}

function refused(...args: string[]): string {
  const { status, stderr } = spawnSync(process.execPath, [launcher, 'cluster', ...args], { encoding: 'utf8' });
  expect(status).toBe(2);
  return stderr;
}

test('what cannot be is refused, with what is allowed', () => {
  expect(refused('--brokers', '0')).toContain('--brokers 0: a whole number from 1 to 20 is wanted');
  expect(refused('--controllers', 'many')).toContain('a whole number from 0 to 9');
  expect(refused('--set', 'node.id=7')).toContain('node.id: each node of a cluster has its own');
  expect(refused('--set', 'num.partitionz=7', '--data', join(folder, 'x'))).toContain('did you mean num.partitions');
  expect(refused('--config', join(folder, 'none'))).toContain('ENOENT');
  const damaged = mkdtempSync(join(folder, 'damaged-'));
  writeFileSync(join(damaged, 'cluster.json'), '{"version":1}');
  expect(refused('--data', damaged)).toContain('cluster.json does not describe a cluster');
});

test('a line for each node, then ready; the dead are told; the same data is the same cluster; a clean end is exit 0', async () => {
  const data = join(folder, 'data');
  const first = startCluster('--brokers', '3', '--data', data, '--set', 'num.partitions=2');
  const ready = await first.ready;
  expect(ready).toMatch(/^ready 127\.0\.0\.1:\d+,127\.0\.0\.1:\d+,127\.0\.0\.1:\d+$/);
  const nodes = first.lines.slice(0, -1).map((line) => /^broker (\d) (\S+) pid (\d+) (\S+)$/.exec(line)!);
  expect(nodes.map((match) => match[1])).toEqual(['1', '2', '3']);
  expect(`ready ${nodes.map((match) => match[2]).join(',')}`).toBe(ready);
  expect(nodes.map((match) => match[4])).toEqual([1, 2, 3].map((id) => join(data, `node-${id}`)));
  process.kill(Number(nodes[2]![3]), 'SIGKILL');
  await expect
    .poll(() => first.log.join('\n'), { timeout: 5000 })
    .toContain('broker 3 died (SIGKILL); it is not started');
  expect(await first.end('SIGTERM')).toBe(0);
  expect(first.log.some((line) => line.startsWith('broker 1 | '))).toBe(true);

  expect(refused('--brokers', '2', '--data', data)).toContain('holds a cluster with --brokers 3 --controllers 0');
  const second = startCluster('--data', data);
  expect(await second.ready).toBe(ready);
  expect(await second.end('SIGINT')).toBe(0);
}, 120_000);

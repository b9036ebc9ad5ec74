import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readlinkSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';

const launcher = join(import.meta.dirname, 'mqlab.js');
const pinned = join(dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin', 'node');

/** A Node of another version than the pinned one, where the machine has one. */
function otherNode(): string | null {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    if (folder.includes('node_modules')) continue;
    try {
      const node = join(folder, 'node');
      if (execFileSync(node, ['--version'], { encoding: 'utf8' }).trim() !== process.version) return node;
    } catch {
      // No node there.
    }
  }
  return null;
}

const other = process.platform === 'linux' ? otherNode() : null;
if (other === null) console.log('launcher: skipped, no second Node on this machine (or not Linux)');

test.skipIf(other === null)(
  'called by another Node, the process itself becomes the pinned runtime: kill −9 reaches the broker',
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'mqlab-launcher-'));
    const settings = ['--set', 'listeners=PLAINTEXT://127.0.0.1:0', '--set', `log.dirs=${directory}`];
    const child: ChildProcess = spawn(other as string, [launcher, 'broker', ...settings], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      const ready = await new Promise<string>((resolve) => {
        createInterface({ input: child.stdout as NodeJS.ReadableStream }).once('line', resolve);
      });
      expect(ready).toMatch(/^ready 127\.0\.0\.1:\d+$/);
      expect(readlinkSync(`/proc/${child.pid}/exe`)).toBe(pinned);
    } finally {
      child.kill('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
    }
  },
);

test.skipIf(other === null)('exit codes and messages pass through', () => {
  const run = (...args: string[]): { status: number; stderr: string } => {
    try {
      execFileSync(other as string, [launcher, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
      return { status: 0, stderr: '' };
    } catch (error) {
      const { status, stderr } = error as { status: number; stderr: Buffer };
      return { status, stderr: stderr.toString() };
    }
  };
  expect(run('lab', 'list').status).toBe(0);
  expect(run('lab', 'run', 'nope')).toMatchObject({ status: 2, stderr: expect.stringContaining('no lab "nope"') });
});

/**
 * A broker process with the time from the start of the process to `ready`, and what it costs while it runs.
 *
 * Invariant: the process ends with this one. The data folder is the caller's.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { processUsage } from '../load/process-usage.ts';

const READY_MS_MAX = 120_000;
const LOG_LINES_KEPT = 20;

export interface TimedNode {
  readonly bootstrap: string;
  readonly pid: number;
  /** Of `performance.now()`, right before the process was started. */
  readonly startedAtMs: number;
  readonly readyMs: number;
  kill(): Promise<void>;
  stop(): Promise<void>;
}

export async function startTimed(dataDir: string, settings: Readonly<Record<string, string>> = {}): Promise<TimedNode> {
  const launcher = fileURLToPath(import.meta.resolve('@mqlab/core/cli/mqlab.js'));
  const all = { listeners: 'PLAINTEXT://127.0.0.1:0', 'log.dirs': dataDir, ...settings };
  const flags = Object.entries(all).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  const startedAtMs = performance.now();
  const child = spawn(process.execPath, [launcher, 'broker', ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
  const killed = (): void => void child.kill('SIGKILL');
  process.once('exit', killed);
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    process.off('exit', killed);
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  };
  try {
    const bootstrap = await readyLine(child);
    const readyMs = performance.now() - startedAtMs;
    return {
      bootstrap,
      pid: child.pid!,
      startedAtMs,
      readyMs,
      kill: () => end('SIGKILL'),
      stop: () => end('SIGTERM'),
    };
  } catch (error) {
    await end('SIGKILL');
    throw error;
  }
}

function readyLine(child: ChildProcess): Promise<string> {
  const log: string[] = [];
  createInterface({ input: child.stderr! }).on('line', (line) => {
    log.push(line);
    if (log.length > LOG_LINES_KEPT) log.shift();
  });
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`the broker ${why}\n${log.join('\n')}`));
    const timer = setTimeout(() => fail(`was not ready in ${READY_MS_MAX} ms`), READY_MS_MAX);
    const onExit = (): void => {
      clearTimeout(timer);
      fail('ended before it was ready');
    };
    child.once('exit', onExit);
    createInterface({ input: child.stdout! }).once('line', (line) => {
      clearTimeout(timer);
      child.off('exit', onExit);
      resolve(/^ready ([^,\s]+)/.exec(line)?.[1] ?? '');
    });
  });
}

/** null where there is no /proc. */
export function openHandles(pid: number): number | null {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return null;
  }
}

export interface IdleCost {
  readonly rssBytes: number;
  /** Of one processor. */
  readonly cpuPercent: number;
  readonly handles: number;
}

/** What the process costs while nobody asks it anything; null where there is no /proc. */
export async function idleCost(pid: number, settleMs: number, idleMs: number): Promise<IdleCost | null> {
  await delay(settleMs);
  const before = processUsage(pid);
  const startMs = performance.now();
  await delay(idleMs);
  const after = processUsage(pid);
  const handles = openHandles(pid);
  if (before === null || after === null || handles === null) return null;
  const cpuPercent = ((after.cpuSeconds - before.cpuSeconds) / ((performance.now() - startMs) / 1000)) * 100;
  return { rssBytes: after.rssBytes, cpuPercent, handles };
}

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

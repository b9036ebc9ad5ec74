/**
 * A server under load in a process of its own: the broker with a data folder of its own, or the null sink. `stop` ends the process and takes the
 * folder away.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface ServerProcess {
  readonly bootstrap: string;
  readonly pid: number;
  /** Where it keeps its data; null for one that keeps nothing. */
  readonly dataDir: string | null;
  stop(): Promise<void>;
}

const READY_MS_MAX = 30_000;
const STOP_MS_MAX = 5_000;
const LOG_LINES_KEPT = 20;

/** `mqlab broker` with these settings (Kafka's property names) on a free port; `launcher`: the mqlab.js of another checkout. */
export async function startBroker(
  settings: Readonly<Record<string, string>> = {},
  launcher = fileURLToPath(import.meta.resolve('@mqlab/core/cli/mqlab.js')),
): Promise<ServerProcess> {
  const dataDir = mkdtempSync(join(tmpdir(), 'mqlab-load-'));
  const all = { listeners: 'PLAINTEXT://127.0.0.1:0', 'log.dirs': dataDir, ...settings };
  const flags = Object.entries(all).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  try {
    return await startServer([launcher, 'broker', ...flags], dataDir);
  } catch (error) {
    rmSync(dataDir, { recursive: true, force: true });
    throw error;
  }
}

export function startNullSink(partitions: number): Promise<ServerProcess> {
  return startServer([fileURLToPath(new URL('./null-sink.ts', import.meta.url)), String(partitions)], null);
}

async function startServer(args: readonly string[], dataDir: string | null): Promise<ServerProcess> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const bootstrap = await readyLine(child);
  // A server must not outlive whoever measures it.
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  return {
    bootstrap,
    pid: child.pid!,
    dataDir,
    stop: async () => {
      process.off('exit', kill);
      if (child.exitCode === null && child.signalCode === null) {
        const exited = once(child, 'exit');
        child.kill('SIGTERM');
        const timer = setTimeout(kill, STOP_MS_MAX);
        await exited;
        clearTimeout(timer);
      }
      if (dataDir !== null) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function readyLine(child: ChildProcess): Promise<string> {
  const log: string[] = [];
  createInterface({ input: child.stderr! }).on('line', (line) => {
    log.push(line);
    if (log.length > LOG_LINES_KEPT) log.shift();
  });
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(new Error(`the server under load ${why}\n${log.join('\n')}`));
    };
    const timer = setTimeout(() => fail(`was not ready in ${READY_MS_MAX} ms`), READY_MS_MAX);
    const onExit = (code: number | null, signal: string | null): void => fail(`ended (${signal ?? code})`);
    child.once('error', (error) => fail(`did not start: ${error.message}`));
    child.once('exit', onExit);
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const bootstrap = /^ready (\S+)$/.exec(line)?.[1];
      if (bootstrap === undefined) return;
      clearTimeout(timer);
      child.off('exit', onExit);
      resolve(bootstrap.split(',')[0]!);
    });
  });
}

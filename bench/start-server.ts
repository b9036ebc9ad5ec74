/**
 * A server as a child process: started, awaited until it serves, ended.
 *
 * Invariants: it does not outlive this process, however that ends; what it says is kept in bounded memory and is part of every error; a grandchild that holds
 * its output open delays no end by more than `CLOSE_MS_MAX`.
 *
 * Left to others: its configuration, its data folder, its ports (`core/cli/free-ports.ts`).
 */
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { endWithThisProcess } from './end-with-this-process.ts';

export interface ServerCommand {
  /** What errors call it. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Over this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly ready: ReadyCondition;
  /** A start that takes longer has failed. */
  readonly startMsMax: number;
  /** A clean end may take this long; then it is killed. */
  readonly stopMsMax: number;
}

/** It serves once it has written a line of stdout or stderr in which `line` is found, and then all of `ports` accept connections on 127.0.0.1. */
export type ReadyCondition =
  | { readonly line: RegExp; readonly ports?: readonly number[] }
  | { readonly line?: undefined; readonly ports: readonly number[] };

export interface RunningServer {
  readonly pid: number;
  /** What `ready.line` found: the whole, then its groups. Empty where only ports were awaited. */
  readonly ready: readonly string[];
  /** Right before the process was started, on the scale of this thread's `performance.now()`. */
  readonly startedAtMs: number;
  /** From then until the ready condition was met. */
  readonly startMs: number;
  /** The newest lines of both streams, oldest first; all that it wrote once `stop` or `kill` has resolved, as far as they are kept. */
  readonly output: () => readonly string[];
  /** SIGTERM, and SIGKILL after `stopMsMax`. Resolves when the process is gone, at once if it has ended by itself. */
  readonly stop: () => Promise<void>;
  /** SIGKILL, also during a `stop`. Resolves when the process is gone. */
  readonly kill: () => Promise<void>;
}

const PORT_POLL_MS = 10;
/** From the end of the process until its last lines are read. */
const CLOSE_MS_MAX = 2_000;
const LINES_KEPT = 100;
const LINE_CHARS_MAX = 2_000;

/** Rejects when it cannot be started, ends before it serves, or does not serve in time; it is gone then. The error has what was expected and what it said. */
export async function startServer(server: ServerCommand): Promise<RunningServer> {
  const startedAtMs = performance.now();
  const child = spawn(server.command, server.args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...server.env },
    cwd: server.cwd,
  });
  endWithThisProcess(child);
  const output = new Output([child.stdout, child.stderr]);
  const closed = new Promise((resolve) => child.once('close', resolve));
  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(`did not start: ${error.message}`));
    child.once('exit', (code, signal) => resolve(`ended with ${signal ?? `code ${code}`} before it was ready`));
  });
  const end = async (first: NodeJS.Signals): Promise<void> => {
    child.kill(first);
    const timer = setTimeout(() => child.kill('SIGKILL'), server.stopMsMax);
    await ended;
    clearTimeout(timer);
    await Promise.race([closed, delay(CLOSE_MS_MAX, null, { ref: false })]);
    child.stdout.destroy();
    child.stderr.destroy();
  };

  const over = new AbortController();
  const { line, ports = [] } = server.ready;
  const served = async (): Promise<{ readonly match: readonly string[]; readonly atMs: number }> => {
    const match = line === undefined ? [] : await output.lineWith(line);
    await Promise.all(ports.map((port) => accepts(port, over.signal)));
    return { match, atMs: performance.now() };
  };
  const late = delay(server.startMsMax, `was not ready within ${server.startMsMax} ms`, { signal: over.signal });
  const first = await Promise.race([served(), ended, late]);
  over.abort();
  if (typeof first === 'string') {
    await end('SIGKILL');
    throw new Error([`${server.name} ${first}; expected: ${wordsOf(server.ready)}`, ...output.lines()].join('\n'));
  }
  return {
    pid: child.pid!,
    ready: first.match,
    startedAtMs,
    startMs: first.atMs - startedAtMs,
    output: () => output.lines(),
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
}

export interface RunningServers {
  readonly pids: readonly number[];
  /** From the start of the first process until the last one's ready condition was met. */
  readonly startMs: number;
  /** One after the other, the last one first. */
  readonly stop: () => Promise<void>;
}

/** Processes that are one server together, started side by side in this order. Rejects when one of them does; all are gone then. */
export async function startServers(servers: readonly ServerCommand[]): Promise<RunningServers> {
  const starts = await Promise.allSettled(servers.map(startServer));
  const running = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
  const stop = async (): Promise<void> => {
    for (const server of running.toReversed()) await server.stop();
  };
  const failed = starts.find((start) => start.status === 'rejected');
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  const startedAtMs = Math.min(...running.map((server) => server.startedAtMs));
  const readyAtMs = Math.max(...running.map((server) => server.startedAtMs + server.startMs));
  return { pids: running.map(({ pid }) => pid), startMs: readyAtMs - startedAtMs, stop };
}

/** The newest lines of some streams. Of a line that is longer than what is kept, its beginning. */
class Output {
  readonly #lines: string[] = [];
  /** What each stream has written after its last line's end. */
  readonly #rests: string[];
  #onLine: (line: string) => void = () => {};

  constructor(streams: readonly Readable[]) {
    this.#rests = streams.map(() => '');
    for (const [at, stream] of streams.entries())
      stream.setEncoding('utf8').on('data', (text: string) => {
        const lines = (this.#rests[at] + text).split('\n');
        this.#rests[at] = lines.pop()!.slice(0, LINE_CHARS_MAX);
        for (const line of lines) this.#add(line.slice(0, LINE_CHARS_MAX).replace(/\r$/, ''));
      });
  }

  /** The first line to come in which it is found, with its groups. */
  lineWith(pattern: RegExp): Promise<readonly string[]> {
    return new Promise((resolve) => {
      this.#onLine = (line) => {
        const match = pattern.exec(line);
        if (match === null) return;
        this.#onLine = () => {};
        resolve([...match]);
      };
    });
  }

  lines(): readonly string[] {
    return [...this.#lines, ...this.#rests.filter((rest) => rest !== '')];
  }

  #add(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > LINES_KEPT) this.#lines.shift();
    this.#onLine(line);
  }
}

/** Asks until it does; rejects when aborted. */
async function accepts(port: number, signal: AbortSignal): Promise<void> {
  while (!(await isOpen(port, signal))) await delay(PORT_POLL_MS, null, { signal });
}

function isOpen(port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', signal });
    const answer = (open: boolean): void => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => answer(true)).on('error', () => answer(false));
  });
}

function wordsOf({ line, ports = [] }: ReadyCondition): string {
  const parts = [
    ...(line === undefined ? [] : [`a line with ${line}`]),
    ...(ports.length === 0 ? [] : [`connections on port ${ports.join(', ')}`]),
  ];
  return parts.join(' and ');
}

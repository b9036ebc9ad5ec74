/** A server as a child process: its output in a short memory, the line that says that it is ready, a clean end within a bound. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { monotonicMs } from '../load/monotonic.ts';

export interface Child {
  readonly pid: number;
  /** What the pattern of the ready line found. */
  readonly ready: RegExpExecArray;
  readonly startMs: number;
  /** The newest lines of both streams, oldest first. */
  readonly log: readonly string[];
  /** SIGTERM, and SIGKILL when it takes too long. */
  stop(): Promise<void>;
  kill(): Promise<void>;
}

export interface ChildStart {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** A line of stdout or stderr. */
  readonly ready: RegExp;
  readonly readyMsMax: number;
}

const LOG_LINES_KEPT = 40;
/** A clean end of thousands of partitions is as many flushes. */
const STOP_MS_MAX = 60_000;

export async function startChild({ command, args, env, cwd, ready, readyMsMax }: ChildStart): Promise<Child> {
  const beganMs = monotonicMs();
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: env ?? process.env, cwd });
  // A server must not outlive whoever measures it.
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const log: string[] = [];
  const found = await new Promise<RegExpExecArray>((resolve, reject) => {
    const fail = (why: string): void => {
      clearTimeout(timer);
      kill();
      process.off('exit', kill);
      reject(new Error(`${command} ${why}\n${log.join('\n')}`));
    };
    const timer = setTimeout(() => fail(`was not ready in ${readyMsMax} ms`), readyMsMax);
    const onExit = (code: number | null, signal: string | null): void => fail(`ended (${signal ?? code})`);
    child.once('error', (error) => fail(`did not start: ${error.message}`));
    child.once('exit', onExit);
    for (const stream of [child.stdout!, child.stderr!])
      createInterface({ input: stream }).on('line', (line) => {
        log.push(line);
        if (log.length > LOG_LINES_KEPT) log.shift();
        const match = ready.exec(line);
        if (match === null) return;
        clearTimeout(timer);
        child.off('exit', onExit);
        resolve(match);
      });
  });
  const end = (first: NodeJS.Signals): Promise<void> => ended(child, first).finally(() => process.off('exit', kill));
  return {
    pid: child.pid!,
    ready: found,
    startMs: monotonicMs() - beganMs,
    log,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
}

async function ended(child: ChildProcess, first: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  // `close`, not `exit`: the last lines of its log are read by then.
  const closed = once(child, 'close');
  child.kill(first);
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
  await closed;
  clearTimeout(timer);
}

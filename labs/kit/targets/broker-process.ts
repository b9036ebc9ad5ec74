/**
 * A real broker process: `mqlab broker` on a data folder, started, killed, stopped and continued by signals.
 *
 * Invariant: at most one process; `start` resolves when it printed `ready`. The data folder outlives the process. What it logs last is told when it fails to start.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const READY_MS_MAX = 30_000;
const LOG_LINES_KEPT = 30;

/** Whatever ends this process ends its brokers too: nobody else knows them. */
const living = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

export class BrokerProcess {
  readonly #properties: Readonly<Record<string, string>>;
  readonly #environment: Readonly<Record<string, string>>;
  #child: ChildProcess | null = null;

  /** `environment` on top of this process's own. */
  constructor(properties: Readonly<Record<string, string>>, environment: Readonly<Record<string, string>> = {}) {
    this.#properties = properties;
    this.#environment = environment;
  }

  get isRunning(): boolean {
    return this.#child !== null;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async start(): Promise<void> {
    if (this.#child !== null) return;
    const launcher = fileURLToPath(import.meta.resolve('@mqlab/core/cli/mqlab.js'));
    const settings = Object.entries(this.#properties).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
    const child = spawn(process.execPath, [launcher, 'broker', ...settings], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...this.#environment },
    });
    this.#child = child;
    living.add(child);
    child.once('exit', () => living.delete(child));
    const log: string[] = [];
    createInterface({ input: child.stderr! }).on('line', (line) => {
      log.push(line);
      if (log.length > LOG_LINES_KEPT) log.shift();
    });
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string): void => {
        clearTimeout(timer);
        child.kill('SIGKILL');
        this.#child = null;
        reject(new Error(`the broker ${why}\n${log.join('\n')}`));
      };
      const timer = setTimeout(() => fail(`was not ready in ${READY_MS_MAX} ms`), READY_MS_MAX);
      const exited = (code: number | null, signal: string | null): void => fail(`ended (${signal ?? code})`);
      child.once('error', (error) => fail(`did not start: ${error.message}`));
      child.once('exit', exited);
      createInterface({ input: child.stdout! }).on('line', (line) => {
        if (!line.startsWith('ready ')) return;
        clearTimeout(timer);
        child.off('exit', exited);
        resolve();
      });
    });
    child.once('exit', () => {
      if (this.#child === child) this.#child = null;
    });
  }

  /** kill −9; also of a stopped process. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** A clean shutdown. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    this.#child = null;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }
}

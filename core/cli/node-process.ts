import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/**
 * A real node: `mqlab broker` on a data folder as a process of its own, started, killed, stopped and continued by signals.
 *
 * Invariant: at most one process; `start` resolves when it printed `ready`. The data folder outlives the process. What it logs last is told when it fails to start.
 */
const READY_MS_MAX = 60_000;
const LOG_LINES_KEPT = 30;

/** Whatever ends this process ends its nodes too: nobody else knows them. */
const living = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

export interface NodeProcessOptions {
  /** On top of this process's own. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Signals of the terminal do not reach it: who started it decides when it ends. */
  readonly ownGroup?: boolean;
  readonly onLog?: (line: string) => void;
  /** It ended after it was ready and nobody here asked for it. */
  readonly onDeath?: (how: string) => void;
}

export class NodeProcess {
  readonly #properties: Readonly<Record<string, string>>;
  readonly #options: NodeProcessOptions;
  #child: ChildProcess | null = null;
  #starting: Promise<boolean> | null = null;

  /** `properties` by Kafka's names. */
  constructor(properties: Readonly<Record<string, string>>, options: NodeProcessOptions = {}) {
    this.#properties = properties;
    this.#options = options;
  }

  /** From `start` on, also before it is ready. */
  get isRunning(): boolean {
    return this.#child !== null;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** True once it is ready; false when it was killed or stopped from here before that. At once when it runs. Rejects when it fails to start. */
  start(): Promise<boolean> {
    if (this.#starting === null && this.#child !== null) return Promise.resolve(true);
    if (this.#starting !== null) return this.#starting;
    const starting = this.#start().finally(() => {
      if (this.#starting === starting) this.#starting = null;
    });
    this.#starting = starting;
    return starting;
  }

  #start(): Promise<boolean> {
    const launcher = fileURLToPath(new URL('./mqlab.js', import.meta.url));
    const settings = Object.entries(this.#properties).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
    const { environment, ownGroup = false, onLog, onDeath } = this.#options;
    const child = spawn(process.execPath, [launcher, 'broker', ...settings], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
      detached: ownGroup,
    });
    this.#child = child;
    living.add(child);
    const log: string[] = [];
    createInterface({ input: child.stderr! }).on('line', (line) => {
      onLog?.(line);
      log.push(line);
      if (log.length > LOG_LINES_KEPT) log.shift();
    });
    return new Promise<boolean>((resolve, reject) => {
      let isReady = false;
      const fail = (why: string): void => {
        clearTimeout(timer);
        const wasOurs = this.#child === child;
        if (wasOurs) this.#child = null;
        child.kill('SIGKILL');
        if (wasOurs) reject(new Error(`the broker ${why}\n${log.join('\n')}`));
        else resolve(false);
      };
      const timer = setTimeout(() => fail(`was not ready in ${READY_MS_MAX} ms`), READY_MS_MAX);
      child.once('error', (error) => fail(`did not start: ${error.message}`));
      child.once('exit', (code, signal) => {
        living.delete(child);
        if (!isReady) {
          fail(`ended (${signal ?? code})`);
          return;
        }
        if (this.#child !== child) return;
        this.#child = null;
        onDeath?.(signal ?? `exit code ${code}`);
      });
      createInterface({ input: child.stdout! }).on('line', (line) => {
        if (isReady || !line.startsWith('ready')) return;
        isReady = true;
        clearTimeout(timer);
        resolve(true);
      });
    });
  }

  /** kill −9; also of a stopped process. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** A clean shutdown; killed when it takes longer than `msMax`. True when it ended cleanly, or did not run. */
  async stop(msMax?: number): Promise<boolean> {
    return this.#end('SIGTERM', msMax);
  }

  /** SIGSTOP. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  /** SIGCONT. */
  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async #end(signal: NodeJS.Signals, msMax?: number): Promise<boolean> {
    const child = this.#child;
    if (child === null) return true;
    this.#child = null;
    this.#starting = null;
    const exited = new Promise<number | null>((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode);
      else child.once('exit', resolve);
    });
    child.kill(signal);
    const timer = msMax === undefined ? null : setTimeout(() => child.kill('SIGKILL'), msMax);
    const code = await exited;
    if (timer !== null) clearTimeout(timer);
    return code === 0;
  }
}

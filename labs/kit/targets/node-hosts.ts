/**
 * Processes that wait for a broker to run, so that a row does not pay for the start of a process: most of what it costs to start a broker.
 *
 * Invariant: a host has one owner at a time, or is idle here; who took it kills it or gives it back without a broker. Idle ones do not keep this process
 * alive, and whatever ends this process ends all of them: they read their orders from it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { packageFolder } from '../package-folder.ts';
import type { HostAnswer, HostOrder, HostTask } from './host-lines.ts';

const IDLE_MAX = 8;
const LOG_LINES_KEPT = 30;

const living = new Set<ChildProcess>();
// A host that is paused does not see that its orders have ended.
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

export class NodeHosts {
  readonly #idle: NodeHost[] = [];

  /** One without a broker; it may still be on its way up. */
  take(): NodeHost {
    const host = this.#idle.shift() ?? new NodeHost();
    host.hold(true);
    return host;
  }

  /** Of one that has no broker. */
  giveBack(host: NodeHost): void {
    if (!host.isAlive) return;
    if (this.#idle.length < IDLE_MAX) this.#keep(host);
    else void host.kill();
  }

  /** After one was killed: the next to be taken is on its way up from now on. */
  replace(): void {
    if (this.#idle.length === 0) this.#keep(new NodeHost());
  }

  #keep(host: NodeHost): void {
    host.hold(false);
    this.#idle.push(host);
    host.onEnd = () => {
      const at = this.#idle.indexOf(host);
      if (at >= 0) this.#idle.splice(at, 1);
    };
  }
}

/** One for all targets of this process. */
export const nodeHosts = new NodeHosts();

export class NodeHost {
  /** Of its present owner: its process has ended. */
  onEnd: () => void = () => {};
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #log: string[] = [];
  readonly #pending = new Map<number, { resolve(): void; reject(error: Error): void }>();
  #orders = 0;
  #isAlive = true;

  constructor() {
    const runtime = join(packageFolder('node'), 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    const child = spawn(runtime, [fileURLToPath(new URL('./node-host.ts', import.meta.url))], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { NODE_COMPILE_CACHE: join(tmpdir(), 'mqlab-compile-cache'), ...process.env },
    });
    this.#child = child;
    living.add(child);
    this.#ended = new Promise((resolve) => {
      const end = (how: string): void => {
        living.delete(child);
        this.#end(how);
        resolve();
      };
      child.once('error', (error) => end(`did not start: ${error.message}`));
      child.once('close', (code, signal) => end(`ended (${signal ?? code})`));
    });
    // Orders for one that has just ended.
    child.stdin!.on('error', () => {});
    createInterface({ input: child.stderr! }).on('line', (line) => {
      this.#log.push(line);
      if (this.#log.length > LOG_LINES_KEPT) this.#log.shift();
    });
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const { done } = JSON.parse(line) as HostAnswer;
      // What came before it is done too, or nobody will do it any more.
      for (const [number, { resolve }] of [...this.#pending]) {
        if (number > done) break;
        this.#pending.delete(number);
        resolve();
      }
    });
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Resolves when it is done, or a later one is; rejects, with what it logged last, when the host ends before. */
  order(task: HostTask): Promise<void> {
    if (!this.#isAlive) return Promise.reject(new Error(`the process of the node has ended\n${this.#log.join('\n')}`));
    const order: HostOrder = { number: ++this.#orders, ...task };
    return new Promise((resolve, reject) => {
      this.#pending.set(order.number, { resolve, reject });
      this.#child.stdin!.write(`${JSON.stringify(order)}\n`);
    });
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal);
  }

  /** kill −9; also of a paused one. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  /** Whether this process stays alive for it. */
  hold(isHeld: boolean): void {
    this.onEnd = () => {};
    const { stdin, stdout, stderr } = this.#child;
    for (const each of [this.#child, stdin, stdout, stderr]) {
      const holder = each as unknown as { ref(): void; unref(): void };
      if (isHeld) holder.ref();
      else holder.unref();
    }
  }

  #end(how: string): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    const error = new Error(`the process of the node ${how}\n${this.#log.join('\n')}`);
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    this.onEnd();
  }
}

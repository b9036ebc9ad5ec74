/**
 * A real node in a process of its own that was there before (`node-hosts.ts`): started, killed, stopped and continued by signals.
 *
 * Invariant: at most one process. `kill` ends the process itself, and the next start is in another one; a broker that ended in any other way leaves its process
 * to those who come after. The data folder outlives all of them.
 */
import { type NodeHost, nodeHosts } from './node-hosts.ts';

const READY_MS_MAX = 60_000;
/** A process that does not let go of its broker in this time is no good any more. */
const DROP_MS_MAX = 2_000;

export class HostedNode {
  readonly #properties: Readonly<Record<string, string>>;
  readonly #fullDiskFile: string | null;
  #host: NodeHost | null = null;
  #starting: Promise<boolean> | null = null;
  /** Until the process before is gone, and with it its hold on the data folder. */
  #ending: Promise<unknown> = Promise.resolve();

  /** `properties` by Kafka's names. `fullDiskFile`: while it exists the disk is full. */
  constructor(properties: Readonly<Record<string, string>>, fullDiskFile: string | null = null) {
    this.#properties = properties;
    this.#fullDiskFile = fullDiskFile;
  }

  /** From `start` on, also before it is ready. */
  get isRunning(): boolean {
    return this.#host !== null;
  }

  get pid(): number | undefined {
    return this.#host?.pid;
  }

  /** True once it is ready; false when it was killed or stopped from here before that. At once when it runs. Rejects when it fails to start. */
  start(): Promise<boolean> {
    if (this.#starting === null && this.#host !== null) return Promise.resolve(true);
    if (this.#starting !== null) return this.#starting;
    const starting = this.#start().finally(() => {
      if (this.#starting === starting) this.#starting = null;
    });
    this.#starting = starting;
    return starting;
  }

  async #start(): Promise<boolean> {
    const host = nodeHosts.take();
    this.#host = host;
    await this.#ending;
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      void host.kill();
    }, READY_MS_MAX);
    try {
      await host.order({ task: 'start', properties: this.#properties, fullDiskFile: this.#fullDiskFile });
      host.onEnd = () => {
        if (this.#host === host) this.#host = null;
      };
      return this.#host === host;
    } catch (error) {
      if (this.#host !== host) return false;
      this.#host = null;
      const why = isLate ? `was not ready in ${READY_MS_MAX} ms` : 'did not start';
      throw new Error(`the broker ${why}: ${(error as Error).message}`);
    } finally {
      clearTimeout(timer);
    }
  }

  /** kill −9; also of a paused process. */
  async kill(): Promise<void> {
    const host = this.#leave();
    if (host === null) return;
    nodeHosts.replace();
    this.#ending = host.kill();
    await this.#ending;
  }

  /** A clean shutdown; killed when it takes longer than `msMax`. True when it ended cleanly, or did not run. */
  stop(msMax: number): Promise<boolean> {
    return this.#end('stop', msMax);
  }

  /** The row is over: nothing is flushed and nobody is told, and the process is for the next one. Not of a paused process: that one is killed. */
  async drop(): Promise<void> {
    await this.#end('drop', DROP_MS_MAX);
  }

  /** SIGSTOP. */
  pause(): void {
    this.#host?.signal('SIGSTOP');
  }

  /** SIGCONT. */
  resume(): void {
    this.#host?.signal('SIGCONT');
  }

  #end(task: 'stop' | 'drop', msMax: number): Promise<boolean> {
    const host = this.#leave();
    if (host === null) return Promise.resolve(true);
    const ended = this.#let(host, task, msMax);
    this.#ending = ended;
    return ended;
  }

  /** True when it let go of its broker in time. */
  async #let(host: NodeHost, task: 'stop' | 'drop', msMax: number): Promise<boolean> {
    const timer = setTimeout(() => void host.kill(), msMax);
    try {
      await host.order({ task });
      nodeHosts.giveBack(host);
      return true;
    } catch {
      return false;
    } finally {
      clearTimeout(timer);
    }
  }

  #leave(): NodeHost | null {
    const host = this.#host;
    this.#host = null;
    this.#starting = null;
    return host;
  }
}

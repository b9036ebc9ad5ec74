/**
 * A node of a simulated cluster: a process of the world, and the broker that runs in it, life after life over one disk.
 *
 * Invariant: one start at a time; whoever waits for a start goes on when the node is ready, and also when a kill ends that start.
 */
import type { Ports } from '@mqlab/core/ports/ports.ts';
import type { SimProcess } from '@mqlab/core/ports/sim/process.ts';
import type { SimWorld } from '@mqlab/core/ports/sim/world.ts';
import type { RunningBroker } from './embedded-broker.ts';
import type { TargetNode } from './target.ts';

export class SimNode implements TargetNode {
  readonly id: number;
  readonly isBroker: boolean;
  readonly isController: boolean;
  readonly host: string;
  readonly port: number;
  readonly #world: SimWorld;
  readonly #start: (ports: Ports) => Promise<RunningBroker>;
  #running: RunningBroker | null = null;
  #stopping: Promise<void> | null = null;
  #endStop: () => void = () => {};
  #starting: { readonly done: Promise<void>; readonly end: () => void } | null = null;

  constructor(
    world: SimWorld,
    node: TargetNode,
    host: string,
    port: number,
    start: (ports: Ports) => Promise<RunningBroker>,
  ) {
    this.id = node.id;
    this.isBroker = node.isBroker;
    this.isController = node.isController;
    this.host = host;
    this.port = port;
    this.#world = world;
    this.#start = start;
  }

  get process(): SimProcess {
    return this.#world.process(this.host);
  }

  /** What runs and is ready. */
  get running(): RunningBroker | null {
    return this.#running;
  }

  /** It would answer. */
  get isReachable(): boolean {
    return this.#running !== null && this.process.alive && !this.process.paused;
  }

  start(): Promise<void> {
    if (this.#stopping !== null) return this.#stopping.then(() => this.start());
    if (this.#running !== null && this.process.alive) return Promise.resolve();
    if (this.#starting === null || !this.process.alive) this.#starting = this.#startOnce();
    return this.#starting.done;
  }

  /** SIGKILL. */
  kill(): void {
    this.ended();
    this.process.crash();
  }

  /** A clean shutdown; over at once when the node is killed meanwhile. */
  async stop(): Promise<void> {
    if (this.#stopping !== null) return this.#stopping;
    const running = this.#running;
    const { process } = this;
    if (running === null || !process.alive) return this.kill();
    this.#running = null;
    const { life } = process;
    this.#stopping = new Promise<void>((resolve, reject) => {
      this.#endStop = resolve;
      process.spawn(() => running.close().then(resolve, reject));
    }).then(() => {
      this.#stopping = null;
      if (process.life === life) this.kill();
    });
    return this.#stopping;
  }

  /** Its life is over, whoever ended it: nobody waits for it any more. */
  ended(): void {
    this.#running = null;
    this.#starting?.end();
    this.#starting = null;
    this.#endStop();
  }

  #startOnce(): { readonly done: Promise<void>; readonly end: () => void } {
    const { process } = this;
    const ports = process.alive ? process.ports : process.restart();
    const { life } = process;
    let end = (): void => {};
    const done = new Promise<void>((resolve, reject) => {
      end = resolve;
      const ready = (running: RunningBroker): void => {
        if (process.life !== life || !life.alive) return;
        this.#running = running;
        this.#starting = null;
        resolve();
      };
      const failed = (error: unknown): void => {
        reject(error);
        if (process.life === life) this.kill();
      };
      process.spawn(() => this.#start(ports).then(ready, failed));
    });
    return { done, end };
  }
}

/**
 * A simulated process: a name (also its host's name), a disk that outlives it, and lives, one after another.
 *
 * Invariant: nothing of an ended life happens any more: its timers, callbacks and promises stay silent, and code that still runs gets
 * `ProcessEnded` from every port. What it wrote stays in the page cache unless the power was cut.
 */
import type { Clock, Timer } from '../clock.ts';
import type { Ports } from '../ports.ts';
import type { SimDisk } from './disk.ts';
import type { SimEvent } from './event-queue.ts';
import { SimFiles } from './files.ts';
import { SimRandom } from './random.ts';
import { EVENT_DEFER, EVENT_SPAWN, EVENT_TIMER, type SimWorld } from './world.ts';

/** Thrown at code of a life that has ended; the world ignores it. */
export class ProcessEnded extends Error {
  constructor(name: string) {
    super(`the simulated process ${name} has ended`);
    this.name = 'ProcessEnded';
  }
}

/** One life of a process, from start to crash. */
export interface SimLife {
  readonly id: number;
  readonly process: SimProcess;
  alive: boolean;
}

interface SimPorts extends Ports {
  readonly files: SimFiles;
}

export interface ClockSettings {
  /** Added to the wall clock. */
  readonly skewMs?: number;
  /** How much faster than the world's this clock runs, in parts per million. */
  readonly driftPpm?: number;
}

export class SimProcess {
  readonly name: string;
  readonly disk: SimDisk;
  readonly #world: SimWorld;
  #life: SimLife;
  #ports: SimPorts;
  #lifeCount = 0;
  #paused = false;
  #held: SimEvent[] = [];
  #skewMs = 0;
  #rate = 1;
  /** Where the clock stood when its rate last changed. */
  #baseWorldMs = 0;
  #baseMs = 0;

  constructor(world: SimWorld, name: string, disk: SimDisk) {
    this.#world = world;
    this.name = name;
    this.disk = disk;
    this.#life = this.#newLife();
    this.#ports = this.#newPorts(this.#life);
  }

  /** Of the present life. */
  get ports(): Ports {
    return this.#ports;
  }

  get life(): SimLife {
    return this.#life;
  }

  get alive(): boolean {
    return this.#life.alive;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Runs `body` as an event of this process; what it throws or rejects with is a failure of this process. */
  spawn(body: (ports: Ports) => void | Promise<void>): void {
    const life = this.#life;
    const ports = this.#ports;
    if (!life.alive) throw new ProcessEnded(this.name);
    this.#world.schedule(0, life, EVENT_SPAWN, () => {
      void body(ports);
    });
  }

  /**
   * kill −9: timers and callbacks die, connections break with their data in flight lost, locks fall, the page cache stays.
   */
  crash(): void {
    if (!this.#life.alive) return;
    this.#endLife();
    this.#world.network.lifeEnded(this.#life, 'crash');
  }

  /** Called by `SimWorld.powerCut`. No peer is told: the host is silent until `restart`. */
  powerOff(): void {
    const wasAlive = this.#life.alive;
    this.#endLife();
    if (wasAlive) this.#world.network.lifeEnded(this.#life, 'power');
    this.#world.network.setHostUp(this.name, false);
    this.disk.powerCut(this.#world.random(`power:${this.name}:${this.#lifeCount}`));
  }

  /** A new life over the same disk. */
  restart(): Ports {
    if (this.#life.alive) throw new Error(`the simulated process ${this.name} is alive`);
    this.#life = this.#newLife();
    this.#ports = this.#newPorts(this.#life);
    this.#world.network.setHostUp(this.name, true);
    return this.#ports;
  }

  /** SIGSTOP: its events wait; the system under it still takes bytes into its buffers. */
  pause(): void {
    this.#paused = true;
  }

  /** SIGCONT: what waited happens now, in order. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    const held = this.#held;
    this.#held = [];
    for (const event of held) this.#world.reschedule(event);
  }

  hold(event: SimEvent): void {
    this.#held.push(event);
  }

  setClock(settings: ClockSettings): void {
    this.#baseMs = this.monotonic();
    this.#baseWorldMs = this.#world.timeMs;
    this.#skewMs = settings.skewMs ?? this.#skewMs;
    if (settings.driftPpm !== undefined) this.#rate = 1 + settings.driftPpm / 1e6;
  }

  monotonic(): number {
    return this.#baseMs + (this.#world.timeMs - this.#baseWorldMs) * this.#rate;
  }

  #endLife(): void {
    this.#life.alive = false;
    this.#paused = false;
    this.#held = [];
    this.#ports.files.endLife();
    this.disk.releaseLocks(this.#life);
  }

  #newLife(): SimLife {
    this.#lifeCount += 1;
    return { id: this.#world.nextLifeId(), process: this, alive: true };
  }

  #newPorts(life: SimLife): SimPorts {
    const world = this.#world;
    return {
      clock: this.#clockOf(life),
      random: new SimRandom(world.seed, `process:${this.name}:${this.#lifeCount}`),
      files: new SimFiles(world, life, this.disk),
      network: world.network.portOf(life),
    };
  }

  #clockOf(life: SimLife): Clock {
    const world = this.#world;
    return {
      now: () => Math.floor(world.startTimeMs + this.monotonic() + this.#skewMs),
      monotonic: () => this.monotonic(),
      setTimer: (delayMs, callback): Timer => {
        if (!(delayMs >= 0 && Number.isFinite(delayMs))) throw new RangeError(`timer delay ${delayMs} ms`);
        const event = world.schedule(delayMs / this.#rate, life, EVENT_TIMER, callback);
        return { cancel: () => world.cancel(event) };
      },
      defer: (callback) => {
        world.schedule(0, life, EVENT_DEFER, callback);
      },
    };
  }
}

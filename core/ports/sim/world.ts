/**
 * A simulated world: processes, a network between them, a disk under each, and virtual time that costs nothing.
 *
 * Invariant: one event at a time, ordered by virtual time and then by when it was scheduled; all microtasks that follow from an event are
 * done before the next one. Nothing here depends on real time, so one seed gives one history (`hash`).
 * Faults are calls on the world between events or from within events; which faults when is the business of plans.
 */
import { SimDisk } from './disk.ts';
import { EventQueue, type SimEvent } from './event-queue.ts';
import { type LinkSettings, SimNetwork } from './network.ts';
import { ProcessEnded, type SimLife, SimProcess } from './process.ts';
import { SimRandom } from './random.ts';
import { Trace } from './trace.ts';
import { takeTurns } from './turns.ts';

export const EVENT_TIMER = 1;
export const EVENT_DEFER = 2;
export const EVENT_SPAWN = 3;
export const EVENT_NETWORK = 4;
export const EVENT_DISK = 5;
export const EVENT_PLAN = 6;

const START_TIME_MS_DEFAULT = Date.UTC(2026, 0, 1);
const EVENTS_PER_RUN_MAX = 50_000_000;
/** More events than this without time moving is a loop. */
const EVENTS_PER_INSTANT_MAX = 1_000_000;

export interface SimWorldOptions {
  readonly seed: number;
  /** What the wall clocks show at virtual time 0. */
  readonly startTimeMs?: number;
  /** An uncaught error of a process: end the run with it (the default), or record it, crash the process and go on. */
  readonly onFailure?: 'throw' | 'record';
  readonly link?: LinkSettings;
  readonly flushLatencyMs?: readonly [min: number, max: number];
}

export interface RunOptions {
  /** Stops before the next event once true. */
  readonly until?: () => boolean;
  /** Virtual time since the start of the world. */
  readonly untilTimeMs?: number;
  /** More is taken for a loop that never ends: an error. */
  readonly maxEvents?: number;
}

export interface RunResult {
  readonly reason: 'until' | 'time' | 'empty';
  readonly events: number;
  readonly timeMs: number;
}

export interface SimFailure {
  readonly process: string;
  readonly timeMs: number;
  readonly error: unknown;
}

export class SimRunError extends Error {
  readonly seed: number;
  readonly failure: SimFailure | null;

  constructor(message: string, seed: number, failure: SimFailure | null) {
    super(`${message} (seed ${seed})`, failure === null ? undefined : { cause: failure.error });
    this.name = 'SimRunError';
    this.seed = seed;
    this.failure = failure;
  }
}

export class SimWorld {
  readonly seed: number;
  readonly startTimeMs: number;
  readonly network: SimNetwork;
  readonly trace = new Trace();
  /**
   * Called after each event and all that followed from it, with the life whose event it was (null: the world's own). For checks of what must always
   * hold: it may look at everything and must change nothing.
   */
  observer: ((life: SimLife | null) => void) | null = null;
  /** Uncaught errors and unhandled rejections of processes, each of which crashed its process. */
  readonly failures: SimFailure[] = [];
  readonly #queue = new EventQueue();
  readonly #processes = new Map<string, SimProcess>();
  readonly #onFailure: 'throw' | 'record';
  readonly #flushLatencyMs: readonly [number, number];
  #timeMs = 0;
  #sequence = 0;
  #lifeCount = 0;
  #eventCount = 0;
  #eventsThisInstant = 0;
  #current: SimLife | null = null;
  #fatal: SimRunError | null = null;

  constructor(options: SimWorldOptions) {
    this.seed = options.seed;
    this.startTimeMs = options.startTimeMs ?? START_TIME_MS_DEFAULT;
    this.#onFailure = options.onFailure ?? 'throw';
    this.#flushLatencyMs = options.flushLatencyMs ?? [0.1, 0.4];
    this.network = new SimNetwork(this, options.link);
  }

  /** Virtual milliseconds since the start. */
  get timeMs(): number {
    return this.#timeMs;
  }

  get eventCount(): number {
    return this.#eventCount;
  }

  /** The process of that name, made and started when it is new. `disk`: share another process's disk. */
  process(name: string, options: { readonly disk?: SimDisk } = {}): SimProcess {
    let process = this.#processes.get(name);
    if (process === undefined) {
      const disk = options.disk ?? new SimDisk(this, name, this.#flushLatencyMs);
      this.network.addHost(name);
      process = new SimProcess(this, name, disk);
      this.#processes.set(name, process);
    }
    return process;
  }

  get processes(): readonly SimProcess[] {
    return [...this.#processes.values()];
  }

  /** The power fails for these processes at one moment: each loses what it did not flush. They stay off until `restart`. */
  powerCut(names: readonly string[]): void {
    for (const name of names) this.process(name).powerOff();
  }

  /** A stream of randomness of its own for this use. */
  random(stream: string): SimRandom {
    return new SimRandom(this.seed, stream);
  }

  /** Everything that has happened, in 16 hexadecimal digits. */
  hash(): string {
    return this.trace.digest();
  }

  /** Schedules a step of the plan (a fault, a heal) `delayMs` from now. */
  after(delayMs: number, action: () => void): void {
    this.schedule(delayMs, null, EVENT_PLAN, action);
  }

  schedule(delayMs: number, life: SimLife | null, kind: number, callback: () => void): SimEvent {
    this.#sequence += 1;
    const event: SimEvent = {
      timeMs: this.#timeMs + delayMs,
      sequence: this.#sequence,
      life,
      kind,
      callback,
      cancelled: false,
      inQueue: false,
    };
    // Code of an ended life may still schedule; nothing of it will happen.
    if (life === null || life.alive) this.#queue.push(event);
    return event;
  }

  cancel(event: SimEvent): void {
    this.#queue.cancel(event);
  }

  /** Lets an event that waited for its paused process happen now. */
  reschedule(event: SimEvent): void {
    if (event.cancelled) return;
    this.#sequence += 1;
    event.timeMs = this.#timeMs;
    event.sequence = this.#sequence;
    this.#queue.push(event);
  }

  nextLifeId(): number {
    this.#lifeCount += 1;
    return this.#lifeCount;
  }

  /** Runs `action` in the name of a life: what it throws is that process's failure. */
  enter(life: SimLife, action: () => void): void {
    if (!life.alive) return;
    this.#current = life;
    try {
      action();
    } catch (error) {
      this.#fail(life, error);
    }
  }

  /** Runs events until one of the options says so, or there are none left. */
  async run(options: RunOptions = {}): Promise<RunResult> {
    const { until, untilTimeMs = Number.POSITIVE_INFINITY, maxEvents = EVENTS_PER_RUN_MAX } = options;
    const eventsBefore = this.#eventCount;
    let reason: RunResult['reason'] = 'empty';
    let observed = eventsBefore;
    const step = (): boolean => {
      if (this.observer !== null && observed !== this.#eventCount) {
        observed = this.#eventCount;
        this.observer(this.#current);
      }
      if (this.#fatal !== null) {
        const fatal = this.#fatal;
        this.#fatal = null;
        throw fatal;
      }
      if (until?.()) {
        reason = 'until';
        return true;
      }
      const next = this.#queue.peek();
      if (next === null) {
        reason = 'empty';
        return true;
      }
      if (next.timeMs > untilTimeMs) {
        this.#timeMs = Math.max(this.#timeMs, untilTimeMs);
        reason = 'time';
        return true;
      }
      if (this.#eventCount - eventsBefore >= maxEvents) {
        throw new SimRunError(`${maxEvents} events and no end at virtual ${this.#timeMs} ms`, this.seed, null);
      }
      this.#happen(this.#queue.pop()!);
      return false;
    };
    await takeTurns(step, (reason) => this.#reject(reason));
    this.#current = null;
    return { reason, events: this.#eventCount - eventsBefore, timeMs: this.#timeMs };
  }

  /** Runs until the promise is settled and returns its value. */
  async settle<T>(promise: Promise<T>, options: Omit<RunOptions, 'until'> = {}): Promise<T> {
    let settled = false;
    const note = () => {
      settled = true;
    };
    promise.then(note, note);
    const result = await this.run({ ...options, until: () => settled });
    if (!settled) {
      const why = result.reason === 'empty' ? 'nothing is left to happen' : `the time is up`;
      throw new SimRunError(`still pending at virtual ${this.#timeMs} ms, and ${why}`, this.seed, null);
    }
    return promise;
  }

  #happen(event: SimEvent): void {
    const life = event.life;
    if (life !== null) {
      if (!life.alive) return;
      if (life.process.paused) {
        life.process.hold(event);
        return;
      }
    }
    if (event.timeMs > this.#timeMs) {
      this.#timeMs = event.timeMs;
      this.#eventsThisInstant = 0;
    }
    this.#eventCount += 1;
    this.#eventsThisInstant += 1;
    if (this.#eventsThisInstant > EVENTS_PER_INSTANT_MAX) {
      throw new SimRunError(`${EVENTS_PER_INSTANT_MAX} events at virtual ${this.#timeMs} ms`, this.seed, null);
    }
    this.trace.number(event.timeMs);
    this.trace.word((event.kind << 24) ^ (life === null ? 0 : life.id));
    this.#current = life;
    if (life === null) event.callback();
    else this.enter(life, event.callback);
  }

  #reject(reason: unknown): void {
    if (reason instanceof ProcessEnded) return;
    if (this.#current !== null) this.#fail(this.#current, reason);
    else this.#fatal ??= new SimRunError(`unhandled rejection: ${reason}`, this.seed, null);
  }

  #fail(life: SimLife, error: unknown): void {
    if (error instanceof ProcessEnded || !life.alive) return;
    const failure: SimFailure = { process: life.process.name, timeMs: this.#timeMs, error };
    this.failures.push(failure);
    life.process.crash();
    if (this.#onFailure === 'record') return;
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const message = `${failure.process} failed at virtual ${failure.timeMs.toFixed(3)} ms: ${text}`;
    this.#fatal ??= new SimRunError(message, this.seed, failure);
  }
}

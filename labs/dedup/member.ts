/**
 * A consumer process as the run sees it: its lives, its moments between two steps where faults strike, and the links from it to the stores.
 *
 * Invariant: a request that was sent reaches its store and takes effect even when the consumer dies or stops meanwhile; its answer reaches only a consumer
 * that lives and runs, by that consumer's own clock. Code of an ended life never goes on: what it waits for never settles.
 */
import type { Clock } from '@mqlab/core/ports/clock.ts';
import type { Recorder } from '../kit/history.ts';
import type { FaultSchedule } from '../kit/plan.ts';
import type { AppProcess } from '../kit/targets/target.ts';
import type { Flight } from './strategies/strategy.ts';

/** What stands where, of the record in hand: the columns of the state table. */
export const MOMENTS = [
  'nothing done',
  'checked',
  'transaction open',
  'id written, no effect',
  'effect made, no id',
  'all written',
  'offset committed',
] as const;
export type Moment = (typeof MOMENTS)[number];

export interface Progress {
  checked: boolean;
  open: boolean;
  /** `lease`: it says that somebody is at work, not that the work is done. */
  id: boolean | 'lease';
  effect: boolean;
  committed: boolean;
}

export function noProgress(): Progress {
  return { checked: false, open: false, id: false, effect: false, committed: false };
}

/** `usesId`: the way to consume writes an id of its own beside the effect. */
export function momentOf({ checked, open, id, effect, committed }: Progress, usesId: boolean): Moment {
  if (committed) return 'offset committed';
  if (open) return 'transaction open';
  if (effect) return id === true || !usesId ? 'all written' : 'effect made, no id';
  if (id !== false) return 'id written, no effect';
  return checked ? 'checked' : 'nothing done';
}

export interface MemberSettings {
  readonly name: string;
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly schedule: FaultSchedule;
  readonly storeMs: number;
}

export class Member {
  readonly name: string;
  readonly recorder: Recorder;
  readonly #clock: Clock;
  readonly #schedule: FaultSchedule;
  readonly #storeMs: number;
  /** The present life, or null when it is down. */
  app: AppProcess | null = null;
  /** Records polled and not committed. */
  held: readonly Flight[] = [];
  progress: Progress = noProgress();
  /** Waits in a poll; false while it handles records. */
  isIdle = false;
  isPaused = false;
  /** Turns of its loop that this life has finished. */
  rounds = 0;
  /** Resolves when a pause that the target cannot make by itself is over. */
  #gate: Promise<void> = Promise.resolve();
  #openGate: () => void = () => {};

  constructor(settings: MemberSettings) {
    this.name = settings.name;
    this.recorder = settings.recorder;
    this.#clock = settings.clock;
    this.#schedule = settings.schedule;
    this.#storeMs = settings.storeMs;
  }

  closeGate(): void {
    this.#gate = new Promise((open) => {
      this.#openGate = open;
    });
  }

  openGate(): void {
    this.#openGate();
  }

  /** A point between two steps of `life`. Does not return to a life that ended here, and to a paused one only when it goes on. */
  async step(life: AppProcess): Promise<void> {
    await this.#schedule.step();
    if (this.app !== life || this.isPaused) return this.#deliver(life, 0);
  }

  /** One request: to the store, its effect, and the answer back. `settled` runs in the step in which it took effect. */
  async request<T>(life: AppProcess, perform: () => Promise<T>, settled: (result: T | Error) => void): Promise<T> {
    await this.#wait(this.#storeMs);
    let result: T | Error;
    try {
      result = await perform();
    } catch (error) {
      result = error as Error;
    }
    settled(result);
    if (this.app === life) await this.#schedule.step();
    await this.#deliver(life, this.#storeMs);
    if (result instanceof Error) throw result;
    return result;
  }

  /** By the store's clock: the network does not stop with the consumer. */
  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.setTimer(ms, resolve);
    });
  }

  /** By the consumer's own clock, which stops with it. */
  #deliver(life: AppProcess, ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (!life.alive) return;
      life.ports.clock.setTimer(ms, () => {
        void this.#gate.then(() => {
          if (life.alive) resolve();
        });
      });
    });
  }
}

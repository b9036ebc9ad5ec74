/**
 * The consumer processes of a run: started, killed, paused and asked to stop, the same on every target. What they tell of themselves goes into the
 * history through `RecordingJournal`.
 *
 * Left to others: application code in the simulator (`sim-crew.ts`), as real processes (`process-crew.ts`).
 */

import type { Answer, CommitOffset } from '../kit/drivers/driver.ts';
import type { Call, Recorder, SeenRecord } from '../kit/history.ts';
import type { Journal } from './app/journal.ts';
import type { StoreAnswer } from './app/stores.ts';
import type { Job } from './app/worker.ts';
import type { Observer } from './observer.ts';
import { GOALS } from './observer.ts';

export interface Crew {
  start(name: string): void;
  /** SIGKILL: resolves when what it had told before is in the history. */
  crash(name: string): Promise<void>;
  pause(name: string): void;
  resume(name: string): void;
  /** Asks it to give its partitions up and end. */
  stop(name: string): void;
  isRunning(name: string): boolean;
  /** Ends all that is left. */
  close(): Promise<void>;
}

export interface CrewEvents {
  /** An effect was made or a commit acknowledged. */
  readonly onStep: () => void;
  readonly onCommitted: (offset: number) => void;
}

/** Times of a target. The simulator's are virtual. */
export interface Pace {
  readonly unitMs: number;
  readonly pollWaitMs: number;
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly restartMs: number;
  /** From the sends to the end of the part with faults. */
  readonly quietMsMax: number;
  readonly drainMsMax: number;
}

export const SIM_PACE: Pace = {
  unitMs: 4,
  pollWaitMs: 8,
  sessionTimeoutMs: 300,
  heartbeatIntervalMs: 60,
  restartMs: 20,
  quietMsMax: 4000,
  drainMsMax: 10_000,
};

export const REAL_PACE: Pace = {
  unitMs: 15,
  pollWaitMs: 20,
  sessionTimeoutMs: 1000,
  heartbeatIntervalMs: 200,
  restartMs: 10,
  quietMsMax: 8000,
  drainMsMax: 20_000,
};

export const GROUP = 'flight-board';
export const TOPIC = 'flights';

/** Writes one consumer's journal into the history. */
export class RecordingJournal implements Journal {
  readonly #app: string;
  readonly #recorder: Recorder;
  readonly #observer: Observer;
  readonly #events: CrewEvents;
  /** Commits under way: a process that dies leaves them open. */
  readonly #open = new Set<Call>();

  constructor(app: string, recorder: Recorder, observer: Observer, events: CrewEvents) {
    this.#app = app;
    this.#recorder = recorder;
    this.#observer = observer;
    this.#events = events;
  }

  polled(records: readonly SeenRecord[]): void {
    const seen = records.map(({ topic, partition, offset, key, value }) => ({ topic, partition, offset, key, value }));
    this.#recorder.note(this.#app, { type: 'poll', records: seen });
    this.#observer.polled(this.#app, seen);
  }

  committing(at: CommitOffset, generation: number): (answer: Answer) => void {
    const call = this.#recorder.invoke(this.#app, { type: 'commit', group: GROUP, ...at, generation });
    this.#open.add(call);
    return (answer) => {
      if (!this.#open.delete(call)) return;
      if (answer.outcome !== 'ok') this.#recorder[answer.outcome](call, answer.error);
      else {
        this.#recorder.ok(call);
        this.#events.onCommitted(at.offset);
        this.#events.onStep();
      }
    };
  }

  assigned(partitions: CommitPartitions, generation: number): void {
    this.#recorder.note(this.#app, { type: 'assign', group: GROUP, generation, partitions });
    if (this.#app === 'c2' && partitions.length > 0) this.#observer.reach(GOALS.takeover);
  }

  revoked(partitions: CommitPartitions, generation: number): void {
    this.#recorder.note(this.#app, { type: 'revoke', group: GROUP, generation, partitions });
    this.#observer.ended(this.#app, 'revoke');
  }

  reach(goal: string): void {
    this.#observer.reach(goal);
  }

  /** What a worker did at the store. */
  worked(worker: number, job: Job, result: StoreAnswer): void {
    const { topic, partition, key, value, generation, offset } = job;
    const effect = { type: 'effect', key, value, generation, topic, partition } as const;
    const process = `${this.#app}/w${worker}`;
    if (result === 'made') {
      this.#recorder.note(process, effect);
      this.#observer.effect(this.#app, offset, value);
      this.#events.onStep();
    } else {
      this.#recorder.fail(
        this.#recorder.invoke(process, effect),
        result === 'repeat' ? 'refused: a repeat' : 'refused: no owner any more',
      );
      this.#observer.done(this.#app, offset);
      this.#observer.reach(GOALS.refused);
    }
  }

  /** The process was killed. */
  crashed(): void {
    this.#open.clear();
    this.#recorder.note(this.#app, { type: 'crash' });
    this.#observer.ended(this.#app, 'crash');
  }
}

type CommitPartitions = Parameters<Journal['assigned']>[0];

import type { Clock, Timer } from '../ports/clock.ts';
import type { Raft } from './raft.ts';
import type { Effect, ElectionState, RaftEvent } from './raft-events.ts';

/**
 * Runs the core: one event after another, the effects of each in order.
 *
 * Invariants: while the election state is on its way to the device nothing else happens: what came meanwhile waits, and so does everything that follows from
 * that state. After an error nothing happens any more.
 */
export interface RaftDriverOptions {
  readonly clock: Clock;
  readonly raft: Raft;
  readonly persist: (election: ElectionState) => Promise<void>;
  readonly execute: (effect: Effect) => void;
  /** After each event and all its effects. */
  readonly onStepped: () => void;
  readonly onFatal: (error: unknown) => void;
}

type Job = { readonly event: RaftEvent } | { readonly run: () => void };

/** Peers send one request at a time on each connection; more than this is a fault. */
const JOBS_MAX = 100_000;

export class RaftDriver {
  private readonly options: RaftDriverOptions;
  private jobs: Job[] = [];
  private isBusy = false;
  private isStopped = false;
  private timer: Timer | null = null;
  private timerMs = Number.POSITIVE_INFINITY;

  constructor(options: RaftDriverOptions) {
    this.options = options;
  }

  /** The event's turn comes at once, or when those before it are done. */
  post(event: RaftEvent): void {
    this.push({ event });
  }

  /** `run` in its turn among the events. */
  run(run: () => void): void {
    this.push({ run });
  }

  stop(): void {
    this.isStopped = true;
    this.jobs = [];
    this.timer?.cancel();
  }

  private push(job: Job): void {
    if (this.isStopped) return;
    if (this.jobs.length >= JOBS_MAX) throw new Error(`${this.jobs.length} events wait for the quorum's log`);
    this.jobs.push(job);
    if (!this.isBusy) void this.drain();
  }

  private async drain(): Promise<void> {
    this.isBusy = true;
    try {
      for (let job = this.jobs.shift(); job !== undefined; job = this.jobs.shift()) {
        if ('run' in job) job.run();
        else {
          const { raft, clock, persist, execute } = this.options;
          for (const effect of raft.step(job.event, clock.monotonic())) {
            if (effect.kind === 'persist') await persist(effect.election);
            else execute(effect);
            if (this.isStopped) return;
          }
        }
        this.options.onStepped();
        if (this.isStopped) return;
      }
      this.arm();
    } catch (error) {
      this.stop();
      this.options.onFatal(error);
    } finally {
      this.isBusy = false;
    }
  }

  /** A timer that rings too early is left alone: it finds nothing due, and is set anew. Whole milliseconds: what is rounded off must not ring at once. */
  private arm(): void {
    const { clock, raft } = this.options;
    const deadlineMs = raft.nextDeadlineMs;
    if (deadlineMs >= this.timerMs || deadlineMs === Number.POSITIVE_INFINITY) return;
    this.timer?.cancel();
    this.timerMs = deadlineMs;
    this.timer = clock.setTimer(Math.max(0, Math.ceil(deadlineMs - clock.monotonic())), () => {
      this.timerMs = Number.POSITIVE_INFINITY;
      this.post({ kind: 'tick' });
    });
  }
}

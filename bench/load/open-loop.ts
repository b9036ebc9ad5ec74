import { Latencies } from './latency.ts';

/**
 * An open loop: record number i is due at `startMs + i / rate`, whatever became of those before it.
 *
 * Invariant (no coordinated omission): each record that was due is in the histogram exactly once, with the time from
 * its due moment, not from when it could be sent. When too many are outstanding, sending waits and the clock of those that are due runs on. What is
 * still open when patience ends goes in with the time that it had waited until then, and is counted as `unfinished`.
 *
 * Pure but for `now` and `send`; whoever owns it calls `tick` again when it says so, or when a record is done.
 */
export interface OpenLoopOptions {
  readonly ratePerSecond: number;
  /** On the scale of `now`. */
  readonly startMs: number;
  /** Records are due in this time. */
  readonly forMs: number;
  readonly outstandingMax: number;
  readonly now: () => number;
  /** Hands record `index` over; whoever takes it calls `done(index, …)` once. */
  readonly send: (index: number, dueMs: number) => void;
}

export interface OpenLoopResult {
  readonly due: number;
  readonly acknowledged: number;
  readonly failed: number;
  /** Neither by the end: their latencies are lower bounds. */
  readonly unfinished: number;
  /** Acknowledged while records were still due: what got through at this rate. */
  readonly acknowledgedInWindow: number;
  readonly latencies: Latencies;
  /** From due to handed over: the generator's own share. */
  readonly lateness: Latencies;
}

/** Records handed over in one turn: answers must get in between. */
const TICK_RECORDS_MAX = 2_000;
/** Eight bytes are kept for each record of a run. */
export const OPEN_LOOP_RECORDS_MAX = 50_000_000;

export class OpenLoop {
  private readonly options: OpenLoopOptions;
  private readonly total: number;
  private readonly endMs: number;
  /** By index, counted from the due moment; NaN while open. Histograms are made at the end: recording one costs more than sending a small record. */
  private readonly doneAfterMs: Float32Array;
  private readonly sentAfterMs: Float32Array;
  private next = 0;
  private open = 0;
  private failed = 0;
  private acknowledgedInWindow = 0;

  constructor(options: OpenLoopOptions) {
    if (!(options.ratePerSecond > 0)) throw new RangeError(`rate ${options.ratePerSecond}: above 0 is wanted`);
    this.options = options;
    this.endMs = options.startMs + options.forMs;
    this.total = Math.ceil((options.forMs / 1000) * options.ratePerSecond);
    if (this.total > OPEN_LOOP_RECORDS_MAX)
      throw new RangeError(
        `${this.total} records in one open loop; at most ${OPEN_LOOP_RECORDS_MAX}: less time or more producers`,
      );
    this.doneAfterMs = new Float32Array(this.total).fill(Number.NaN);
    this.sentAfterMs = new Float32Array(this.total);
  }

  get outstanding(): number {
    return this.open;
  }

  get isDone(): boolean {
    return this.next >= this.total && this.open === 0;
  }

  private dueMsOf(index: number): number {
    return this.options.startMs + (index / this.options.ratePerSecond) * 1000;
  }

  /** Sends what is due. Returns in how many milliseconds to call again: 0 at once, Infinity when a record must be done first (or all were sent). */
  tick(): number {
    const { now, outstandingMax, send } = this.options;
    let budget = TICK_RECORDS_MAX;
    let nowMs = now();
    while (this.next < this.total) {
      const dueMs = this.dueMsOf(this.next);
      if (dueMs > nowMs) return dueMs - nowMs;
      if (this.open >= outstandingMax) return Number.POSITIVE_INFINITY;
      if (budget-- === 0) return 0;
      const index = this.next++;
      this.open++;
      this.sentAfterMs[index] = nowMs - dueMs;
      send(index, dueMs);
      if ((budget & 63) === 0) nowMs = now();
    }
    return Number.POSITIVE_INFINITY;
  }

  done(index: number, ok: boolean): void {
    if (!Number.isNaN(this.doneAfterMs[index]!)) throw new Error(`record ${index} was done twice`);
    const nowMs = this.options.now();
    const dueMs = this.dueMsOf(index);
    this.open--;
    this.doneAfterMs[index] = nowMs - dueMs;
    if (!ok) this.failed++;
    else if (nowMs < this.endMs) this.acknowledgedInWindow++;
  }

  /** Ends it. Records sent and not done, and those that were due and never could be sent, go in with the time waited so far. */
  finish(): OpenLoopResult {
    const nowMs = this.options.now();
    const latencies = new Latencies();
    const lateness = new Latencies();
    let due = 0;
    let unfinished = 0;
    for (let index = 0; index < this.total; index++) {
      const dueMs = this.dueMsOf(index);
      if (dueMs > nowMs) break;
      due++;
      const doneAfterMs = this.doneAfterMs[index]!;
      const isOpen = Number.isNaN(doneAfterMs);
      if (isOpen) unfinished++;
      latencies.record(isOpen ? nowMs - dueMs : doneAfterMs);
      lateness.record(index < this.next ? this.sentAfterMs[index]! : nowMs - dueMs);
    }
    const { failed, acknowledgedInWindow } = this;
    const acknowledged = due - unfinished - failed;
    return { due, acknowledged, failed, unfinished, acknowledgedInWindow, latencies, lateness };
  }
}

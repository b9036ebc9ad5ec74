/**
 * The two loops of a producer thread, whatever client is behind `send`: open at a rate, or closed as fast as answers come.
 *
 * Invariants: never more than `outstandingMax` records are sent and not settled; a closed loop makes no object a record (its `settled` is one function); an open loop's
 * latencies count from the due moment.
 *
 * Between records that are due within less than a millisecond, for which the runtime's timers are too coarse, the open loop's thread sleeps whole, at least a fifth of
 * a millisecond and after what it sent has left; how late records were handed over is reported beside the latencies, which include it.
 */
import { monotonicMs } from './monotonic.ts';
import { OpenLoop, type OpenLoopResult } from './open-loop.ts';
import type { ProducerReport, Start } from './worker-messages.ts';

export interface LoopOptions {
  /** Of this producer alone; `max`: closed. */
  readonly recordsPerSecond: number | 'max';
  readonly warmupMs: number;
  readonly measureMs: number;
  readonly drainMsMax: number;
  readonly outstandingMax: number;
  /** Mean of the values. */
  readonly recordBytes: number;
  /** `dueMs` is null in a closed loop. */
  readonly send: (dueMs: number | null, settled: (error: Error | null) => void) => void;
}

export type LoopReport = Pick<
  ProducerReport,
  | 'due'
  | 'acknowledged'
  | 'failed'
  | 'unfinished'
  | 'acknowledgedInWindow'
  | 'bytesInWindow'
  | 'latencies'
  | 'lateness'
  | 'failure'
>;

/** Sends of the closed loop in one turn: a batch or two, as batches leave, and answers are seen, between turns. */
const TURN_RECORDS_MAX = 1_000;
/** The runtime's timers are no finer. */
const TIMER_MS_MIN = 1;
/** What an open loop sleeps at least, so that it does not keep a processor busy with waking. */
const NAP_MS_MIN = 0.2;
const nap = new Int32Array(new SharedArrayBuffer(4));
/** Part of the warm-up in which records are due; in the rest what piled up while the code was cold drains. */
const WARMUP_SENDING_SHARE = 0.7;

export async function runLoop(options: LoopOptions, start: Start): Promise<LoopReport> {
  const rate = options.recordsPerSecond;
  return rate === 'max' ? closedLoop(options, start) : openLoop(options, rate, start);
}

async function openLoop(options: LoopOptions, rate: number, start: Start): Promise<LoopReport> {
  const { startMs, measureFromMs, measureUntilMs } = start;
  const { warmupMs, measureMs, drainMsMax, recordBytes } = options;
  const failures = new FirstFailure();
  if (warmupMs > 0)
    await runOpenLoop(options, rate, startMs, warmupMs * WARMUP_SENDING_SHARE, measureFromMs - 5, failures);
  const lastMs = measureUntilMs + drainMsMax;
  const result = await runOpenLoop(options, rate, measureFromMs, measureMs, lastMs, failures);
  const { latencies, lateness, ...counts } = result;
  return {
    ...counts,
    bytesInWindow: counts.acknowledgedInWindow * recordBytes,
    latencies: latencies.toText(),
    lateness: lateness.toText(),
    failure: failures.message,
  };
}

class FirstFailure {
  message: string | null = null;

  note(error: Error): void {
    this.message ??= error.message;
  }
}

/** Sends records that are due from `startMs` on for `forMs`, and waits for them until `lastMs`. */
async function runOpenLoop(
  { outstandingMax, send }: LoopOptions,
  ratePerSecond: number,
  startMs: number,
  forMs: number,
  lastMs: number,
  failures: FirstFailure,
): Promise<OpenLoopResult> {
  let wake = (): void => {};
  const loop: OpenLoop = new OpenLoop({
    ratePerSecond,
    startMs,
    forMs,
    outstandingMax,
    now: monotonicMs,
    send: (index, dueMs) => {
      send(dueMs, (error) => {
        if (error !== null) failures.note(error);
        loop.done(index, error === null);
        wake();
      });
    },
  });
  await new Promise<void>((resolve) => {
    let timer: NodeJS.Timeout | null = null;
    let immediate = false;
    const turn = (): void => {
      timer = null;
      immediate = false;
      if (loop.isDone || monotonicMs() >= lastMs) return resolve();
      const waitMs = loop.tick();
      if (waitMs === 0) soon();
      else if (waitMs < TIMER_MS_MIN) napThenTurn(waitMs);
      else timer ??= setTimeout(turn, Math.min(waitMs, 100));
    };
    const napThenTurn = (waitMs: number): void => {
      if (immediate) return;
      immediate = true;
      // Behind the client's own work of this turn, so that what was sent leaves first.
      setImmediate(() => {
        Atomics.wait(nap, 0, 0, Math.max(waitMs, NAP_MS_MIN));
        setImmediate(turn);
      });
    };
    const soon = (): void => {
      if (immediate) return;
      immediate = true;
      if (timer !== null) clearTimeout(timer);
      timer = null;
      setImmediate(turn);
    };
    // An answer makes room: whoever waits for it goes on in the same turn of the event loop.
    wake = () => {
      if (loop.isDone || loop.outstanding === outstandingMax - 1) soon();
    };
    turn();
  });
  return loop.finish();
}

async function closedLoop(options: LoopOptions, { measureFromMs, measureUntilMs }: Start): Promise<LoopReport> {
  const { outstandingMax, recordBytes, send } = options;
  const failures = new FirstFailure();
  let outstanding = 0;
  let acknowledged = 0;
  let failed = 0;
  let scheduled = false;
  // Read once a turn and at the first answer after it: a look at the clock for each one would cost a tenth of what sending a small record does.
  let nowMs = monotonicMs();
  await new Promise<void>((resolve) => {
    const turn = (): void => {
      scheduled = false;
      nowMs = monotonicMs();
      if (nowMs >= measureUntilMs) {
        if (outstanding === 0) resolve();
        return;
      }
      for (let i = 0; i < TURN_RECORDS_MAX && outstanding < outstandingMax; i++) {
        outstanding++;
        send(null, settled);
      }
      if (outstanding < outstandingMax) soon();
    };
    const soon = (): void => {
      if (scheduled) return;
      scheduled = true;
      setImmediate(turn);
    };
    const settled = (error: Error | null): void => {
      outstanding--;
      if (!scheduled) nowMs = monotonicMs();
      const isInWindow = nowMs >= measureFromMs && nowMs < measureUntilMs;
      if (error !== null) {
        failed++;
        failures.note(error);
      } else if (isInWindow) acknowledged++;
      soon();
    };
    turn();
  });
  return {
    due: acknowledged,
    acknowledged,
    failed,
    unfinished: 0,
    acknowledgedInWindow: acknowledged,
    bytesInWindow: acknowledged * recordBytes,
    latencies: null,
    lateness: null,
    failure: failures.message,
  };
}

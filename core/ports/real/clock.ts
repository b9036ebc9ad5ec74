/**
 * The real clock: the system's wall clock, the runtime's monotonic clock and its timers.
 *
 * Invariant: a timer never fires before its due time by `monotonic()`. The runtime measures a timeout from the start of the
 * current turn, so a bare `setTimeout` set late in a long turn fires early by the length of that turn; such a timer is armed again.
 */
import { performance } from 'node:perf_hooks';
import type { Clock, Timer } from '../clock.ts';

/** The longest delay that `setTimeout` takes; longer ones are armed in legs. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;
/** A remainder below this is the rounding of two clocks, not an early timer. */
const EARLY_MS_TOLERATED = 0.01;

class RealTimer implements Timer {
  readonly #dueMs: number;
  readonly #callback: () => void;
  #handle: NodeJS.Timeout | null;

  constructor(delayMs: number, callback: () => void) {
    this.#dueMs = performance.now() + delayMs;
    this.#callback = callback;
    this.#handle = this.#arm(delayMs);
  }

  cancel(): void {
    if (this.#handle !== null) clearTimeout(this.#handle);
    this.#handle = null;
  }

  #arm(remainingMs: number): NodeJS.Timeout {
    return setTimeout(this.#fire, Math.min(Math.ceil(remainingMs), TIMEOUT_MS_MAX));
  }

  #fire = (): void => {
    const remainingMs = this.#dueMs - performance.now();
    if (remainingMs > EARLY_MS_TOLERATED) {
      this.#handle = this.#arm(remainingMs);
      return;
    }
    this.#handle = null;
    this.#callback();
  };
}

export function realClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    setTimer(delayMs, callback) {
      if (!(delayMs >= 0 && Number.isFinite(delayMs))) throw new RangeError(`timer delay ${delayMs} ms`);
      return new RealTimer(delayMs, callback);
    },
    defer(callback) {
      setImmediate(callback);
    },
  };
}

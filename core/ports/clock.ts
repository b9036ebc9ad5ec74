/**
 * The clock port: wall time, monotonic time and timers.
 *
 * Invariant: a timer never fires synchronously inside `setTimer`, and never after `cancel`. Timers with the same due time fire
 * in the order in which they were set. In the simulator time moves only between events, so reading it twice in one event gives the same number.
 */
export interface Clock {
  /** Wall time in milliseconds since the epoch, an integer. May step (a simulated clock may be skewed). */
  now(): number;
  /** Monotonic time in milliseconds, fractional; its zero means nothing. */
  monotonic(): number;
  /** Calls `callback` once, `delayMs` (≥ 0, fractional allowed) from now. */
  setTimer(delayMs: number, callback: () => void): Timer;
  /** Calls `callback` after the events that are already due: the end of this tick, where batches are gathered. */
  defer(callback: () => void): void;
}

export interface Timer {
  /** Idempotent; also after the timer fired. */
  cancel(): void;
}

/** A promise that resolves `delayMs` from now. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(delayMs, resolve);
  });
}

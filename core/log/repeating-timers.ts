import type { Clock, Timer } from '../ports/clock.ts';

/** Timers of the clock cannot wait longer; what is set higher never comes due. */
const TIMER_MS_MAX = 0x7fff_ffff;

/** Timers that end together: tasks that come again and again, and single ones. */
export class RepeatingTimers {
  private readonly clock: Clock;
  private readonly timers = new Set<Timer>();
  private isEnded = false;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Calls `task` every `intervalMs`, the first time after one interval. */
  every(intervalMs: number, task: () => void): void {
    if (intervalMs > TIMER_MS_MAX) return;
    this.after(intervalMs, () => {
      task();
      this.every(intervalMs, task);
    });
  }

  after(delayMs: number, task: () => void): void {
    if (this.isEnded) return;
    const timer = this.clock.setTimer(delayMs, () => {
      this.timers.delete(timer);
      task();
    });
    this.timers.add(timer);
  }

  end(): void {
    this.isEnded = true;
    for (const timer of this.timers) timer.cancel();
  }
}

import type { Clock, Timer } from '../../ports/clock.ts';

/**
 * "Something changed": how answers, metadata and the application's calls wake whoever waits inside the consumer.
 *
 * Invariant: a change between `clear` and `wait` is not missed: `wait` then returns at once. After `close` nobody sleeps, and no timer is left.
 */
export class Signal {
  private readonly clock: Clock;
  private readonly wakers = new Set<() => void>();
  private hasRung = false;
  private closed = false;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get isClosed(): boolean {
    return this.closed;
  }

  ring(): void {
    this.hasRung = true;
    for (const wake of this.wakers) wake();
  }

  /** Poll looks at everything now: what rang before has been seen. */
  clear(): void {
    this.hasRung = false;
  }

  /** Until something changes, at most `timeoutMs`. With `always` also when something changed since the poll looked last. */
  wait(timeoutMs: number, always = false): Promise<void> {
    if (this.hasRung && !always) return Promise.resolve();
    return new Promise((resolve) => {
      let timer: Timer | null = null;
      const wake = () => {
        timer?.cancel();
        this.wakers.delete(wake);
        resolve();
      };
      this.wakers.add(wake);
      if (timeoutMs !== Number.POSITIVE_INFINITY) timer = this.clock.setTimer(Math.max(0, timeoutMs), wake);
    });
  }

  /** The whole time, whatever changes; less only when the consumer is closed. */
  async sleep(delayMs: number): Promise<void> {
    const untilMs = this.clock.monotonic() + delayMs;
    while (!this.closed) {
      const leftMs = untilMs - this.clock.monotonic();
      if (leftMs <= 0) return;
      await this.wait(leftMs, true);
    }
  }

  close(): void {
    this.closed = true;
    this.ring();
  }
}

import { Fifo } from './fifo.ts';

/**
 * At most so many requests on the way; the rest waits in order. For servers that refuse, or forget, what their own clients would never have in flight.
 *
 * `start` is called once for each item; whoever it hands it to calls `done` once it is answered.
 */
export class SendWindow<T> {
  private readonly limit: number;
  private readonly start: (item: T) => void;
  private readonly waiting = new Fifo<T>();
  private inFlight = 0;
  private isStarting = false;

  constructor(limit: number, start: (item: T) => void) {
    this.limit = limit;
    this.start = start;
  }

  push(item: T): void {
    this.waiting.push(item);
    this.startSome();
  }

  done(): void {
    this.inFlight--;
    this.startSome();
  }

  /** Not within itself: what fails at once is done at once, and there may be many. */
  private startSome(): void {
    if (this.isStarting) return;
    this.isStarting = true;
    while (this.inFlight < this.limit && this.waiting.count > 0) {
      this.inFlight++;
      this.start(this.waiting.shift());
    }
    this.isStarting = false;
  }
}

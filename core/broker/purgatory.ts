import type { Clock, Timer } from '../ports/clock.ts';
import type { Caller } from './handler.ts';

/**
 * Requests that wait for partitions to advance: fetches for bytes, produces for the high watermark.
 *
 * Invariant: a parked request is released exactly once: when its condition holds, when its time is over, or when its connection ended.
 * Wake-ups of one tick are gathered: ten appends to a partition make one look at the condition.
 * At most `parkedMax` wait; one more is answered at once with what there is.
 */
export type Released = 'condition' | 'timeout' | 'disconnected' | 'full';

/** What a request waits for: it tells when a look is worth while. */
export interface Watched {
  subscribe(listener: () => void): () => void;
}

export interface Parking {
  readonly partitions: readonly Watched[];
  readonly timeoutMs: number;
  readonly connection: Caller;
  isSatisfied(): boolean;
}

export const PARKED_MAX = 100_000;

export class Purgatory {
  private readonly clock: Clock;
  private parkedMax: number;
  private readonly parked = new Set<() => void>();

  constructor(clock: Clock, parkedMax = PARKED_MAX) {
    this.clock = clock;
    this.parkedMax = parkedMax;
  }

  get size(): number {
    return this.parked.size;
  }

  park(parking: Parking): Promise<Released> {
    if (this.parked.size >= this.parkedMax) return Promise.resolve('full');
    return new Promise((resolve) => {
      const undo: (() => void)[] = [];
      let isReleased = false;
      let isLooking = false;
      const release = (released: Released): void => {
        if (isReleased) return;
        isReleased = true;
        this.parked.delete(timeout);
        for (const each of undo) each();
        resolve(released);
      };
      const timeout = (): void => release('timeout');
      const look = (): void => {
        isLooking = false;
        if (!isReleased && parking.isSatisfied()) release('condition');
      };
      const wake = (): void => {
        if (isLooking || isReleased) return;
        isLooking = true;
        this.clock.defer(look);
      };
      const timer: Timer = this.clock.setTimer(parking.timeoutMs, timeout);
      undo.push(() => timer.cancel());
      for (const partition of parking.partitions) undo.push(partition.subscribe(wake));
      undo.push(parking.connection.whenClosed(() => release('disconnected')));
      this.parked.add(timeout);
    });
  }

  /** Shutdown: everybody is answered with what there is, and nobody is parked any more. */
  close(): void {
    this.parkedMax = 0;
    for (const timeout of [...this.parked]) timeout();
  }
}

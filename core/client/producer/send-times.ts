import type { Clock } from '../../ports/clock.ts';

/**
 * When records were handed over. A look at the clock costs as much as encoding a small record, so one look serves many of them: the whole of a bulk, and
 * up to 64 records of one turn of the event loop.
 *
 * Invariant: a time is used again only before the sender has run that was woken when it was read, and that is at the end of the same turn.
 */
const USES_MAX = 64;

/** The sender, as far as it tells turns apart. */
export interface Turns {
  /** It was woken and runs at the end of this turn. */
  readonly isWoken: boolean;
  /** How often it ran after being woken. */
  readonly turn: number;
}

export class SendTimes {
  private readonly clock: Clock;
  private readonly turns: Turns;
  private timeMs = 0;
  /** Of `timeMs`; −1: to be used once. */
  private turn = -1;
  private usesLeft = 0;
  private inBulk = false;

  constructor(clock: Clock, turns: Turns) {
    this.clock = clock;
    this.turns = turns;
  }

  beginBulk(): void {
    this.read();
    this.inBulk = true;
  }

  endBulk(): void {
    this.inBulk = false;
  }

  /** Milliseconds since the epoch. */
  now(): number {
    if (this.inBulk) return this.timeMs;
    if (this.turn !== this.turns.turn || this.usesLeft === 0) this.read();
    this.usesLeft--;
    return this.timeMs;
  }

  private read(): void {
    this.timeMs = this.clock.now();
    this.turn = this.turns.isWoken ? this.turns.turn : -1;
    this.usesLeft = USES_MAX;
  }
}

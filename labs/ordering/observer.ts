/**
 * Watches what the consumers have in hand, so that a fault can say whether it fired while it could harm, and notes the goals of the lab.
 *
 * Fed with the same events on every target. In hand: polled and without effect; a crash empties the hand.
 */
import type { Recorder, SeenRecord } from '../kit/history.ts';
import { type OrderingPlan, recordNumber } from './plan.ts';

export const GOALS = {
  overtaking: 'a quicker record polled behind a slower one of its key',
  full: 'queue full, partition paused',
  hole: 'killed with an unfinished record below a finished one',
  repeat: 'a record took effect again',
  refused: 'the store refused a late or repeated effect',
  takeover: 'the other consumer took the partition over',
} as const;

interface InHand {
  readonly key: string | null;
  readonly units: number;
}

export class Observer {
  readonly #recorder: Recorder;
  readonly #units: readonly number[];
  readonly #hands = new Map<string, Map<number, InHand>>();
  /** Highest offset with an effect in this life. */
  readonly #finished = new Map<string, number>();
  readonly #effects = new Set<string>();

  constructor(plan: OrderingPlan, recorder: Recorder) {
    this.#recorder = recorder;
    this.#units = plan.records.map(({ units }) => units);
  }

  polled(app: string, records: readonly SeenRecord[]): void {
    const hand = this.#handOf(app);
    for (const { offset, key, value } of records) {
      const units = this.#units[recordNumber(value)]!;
      for (const other of hand.values()) if (other.key === key && other.units > units) this.reach(GOALS.overtaking);
      hand.set(offset, { key, units });
    }
  }

  effect(app: string, offset: number, value: string): void {
    this.done(app, offset);
    if (this.#effects.has(value)) this.reach(GOALS.repeat);
    this.#effects.add(value);
  }

  /** Made or refused: it is no longer in hand. */
  done(app: string, offset: number): void {
    this.#handOf(app).delete(offset);
    this.#finished.set(app, Math.max(offset, this.#finished.get(app) ?? -1));
  }

  holds(app: string): boolean {
    return this.#handOf(app).size > 0;
  }

  get holdsAnything(): boolean {
    return [...this.#hands.values()].some((hand) => hand.size > 0);
  }

  ended(app: string, how: 'crash' | 'revoke'): void {
    const hand = this.#handOf(app);
    const finished = this.#finished.get(app) ?? -1;
    if (how === 'crash' && [...hand.keys()].some((offset) => offset < finished)) this.reach(GOALS.hole);
    hand.clear();
    this.#finished.delete(app);
  }

  reach(goal: string): void {
    this.#recorder.note('kit', { type: 'reach', goal });
  }

  #handOf(app: string): Map<number, InHand> {
    let hand = this.#hands.get(app);
    if (hand === undefined) this.#hands.set(app, (hand = new Map()));
    return hand;
  }
}

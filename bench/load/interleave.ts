/**
 * Two things compared on one machine: A B, B A, A B…: what else the machine does hits both alike. The ratio is taken pair by pair: its spread is what the
 * comparison is worth.
 */
import { type Spread, spreadOf } from '../statistics.ts';

export interface Pair<T> {
  readonly a: T;
  readonly b: T;
}

/** One after the other, never two at a time. */
export async function interleaved<T>(
  pairs: number,
  a: (pair: number) => Promise<T>,
  b: (pair: number) => Promise<T>,
): Promise<Pair<T>[]> {
  const results: Pair<T>[] = [];
  for (let i = 0; i < pairs; i++) {
    if (i % 2 === 0) {
      const first = await a(i);
      results.push({ a: first, b: await b(i) });
    } else {
      const first = await b(i);
      results.push({ a: await a(i), b: first });
    }
  }
  return results;
}

/** The same for any number: in this order, then in the reverse, in turn. */
export function inRound<T>(all: readonly T[], round: number): T[] {
  return round % 2 === 0 ? [...all] : [...all].reverse();
}

export interface Comparison {
  readonly a: Spread;
  readonly b: Spread;
  /** b / a of each pair. */
  readonly ratio: Spread;
}

export function compared<T>(pairs: readonly Pair<T>[], of: (result: T) => number): Comparison {
  return {
    a: spreadOf(pairs.map((pair) => of(pair.a))),
    b: spreadOf(pairs.map((pair) => of(pair.b))),
    ratio: spreadOf(pairs.map((pair) => of(pair.b) / of(pair.a))),
  };
}

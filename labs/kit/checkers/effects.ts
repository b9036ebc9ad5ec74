/**
 * Effects of a history, by value: how often each certainly took effect, how often perhaps, and when first.
 *
 * Invariant: `least ≤ true count ≤ most`. A fresh reading of the outside store (`effects-read`) settles both.
 */
import type { CompleteCall, HistoryIndex } from './index-history.ts';

export interface EffectCount {
  least: number;
  most: number;
  /** Index of the first certain effect, or null. */
  first: number | null;
  /** Index of the invocation of the first attempt whose outcome is unknown, or null. */
  firstUnknown: number | null;
  /** All operations that made or may have made it. */
  readonly operations: number[];
}

const cache = new WeakMap<HistoryIndex, ReadonlyMap<string, EffectCount>>();

export function countEffects(index: HistoryIndex): ReadonlyMap<string, EffectCount> {
  const known = cache.get(index);
  if (known !== undefined) return known;
  const counts = new Map<string, EffectCount>();
  const of = (value: string): EffectCount => {
    let count = counts.get(value);
    if (count === undefined) {
      count = { least: 0, most: 0, first: null, firstUnknown: null, operations: [] };
      counts.set(value, count);
    }
    return count;
  };
  let settled: { readonly call: CompleteCall; readonly counts: ReadonlyMap<string, number> } | null = null;
  for (const call of index.calls) {
    const { data } = call;
    if (data.type === 'effects-read' && call.outcome === 'ok') settled = { call, counts: new Map(data.counts) };
    if (data.type !== 'effect' || call.outcome === 'fail') continue;
    const count = of(data.value);
    count.most++;
    count.operations.push(call.end ?? call.start);
    if (call.outcome === 'info') {
      count.firstUnknown ??= call.start;
      continue;
    }
    count.least++;
    if (count.first === null || call.end! < count.first) count.first = call.end!;
  }
  if (settled !== null) {
    for (const [value, times] of settled.counts) if (times > 0) of(value);
    for (const [value, count] of counts) {
      const times = settled.counts.get(value) ?? 0;
      count.least = times;
      count.most = times;
      count.operations.push(settled.call.end!);
      if (times === 0) {
        count.first = null;
        count.firstUnknown = null;
      }
    }
  }
  cache.set(index, counts);
  return counts;
}

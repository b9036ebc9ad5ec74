/**
 * Two checks of this lab's own, under the kit's names.
 *
 * `repeatsOnly` (EFFECT-DUPLICATE): a second effect is legal where the record was delivered again because the partition changed hands (crash or rebalance)
 * before its offset was committed: at least once is what a consumer without a transaction has. Every other repeat is a violation.
 *
 * `stateOrder` (KEY-ORDER): as a store sees it, repeats included: an effect of an older record of a key after one of a newer record puts the key's state back.
 */
import { type Check, oneCheck } from '../kit/checkers/check.ts';
import type { CompleteCall, HistoryIndex } from '../kit/checkers/index-history.ts';

/** Calls that ended well, in the order in which they ended. */
function ended(index: HistoryIndex): CompleteCall[] {
  return index.calls.filter(({ outcome }) => outcome === 'ok').sort((a, b) => a.end! - b.end!);
}

interface Delivered {
  /** Deliveries of the value that a change of hands, and no commit, came before. */
  count: number;
  changes: number;
  readonly effects: number[];
}

export const repeatsOnly: Check = oneCheck('EFFECT-DUPLICATE', (index, findings) => {
  const seen = new Map<string, Delivered>();
  let committed = 0;
  let changes = 0;
  for (const { data, end } of ended(index)) {
    if (data.type === 'assign') changes++;
    else if (data.type === 'commit') committed = Math.max(committed, data.offset);
    else if (data.type === 'poll') {
      for (const { value, offset } of data.records) {
        const known = seen.get(value);
        if (known === undefined) seen.set(value, { count: 1, changes, effects: [] });
        else if (changes > known.changes && offset >= committed) {
          known.count++;
          known.changes = changes;
        }
      }
    } else if (data.type === 'effect') {
      const known = seen.get(data.value);
      if (known === undefined) continue;
      known.effects.push(end!);
      if (known.effects.length <= known.count) continue;
      findings.add(
        { operations: known.effects.slice(-2), values: [data.value] },
        () =>
          `${data.value} took effect ${known.effects.length} times and had to be delivered only ${known.count} times.`,
      );
    }
  }
});

export const stateOrder: Check = oneCheck('KEY-ORDER', (index, findings) => {
  const newest = new Map<string, { readonly value: string; readonly offset: number; readonly operation: number }>();
  for (const { data, end, process } of ended(index)) {
    if (data.type !== 'effect' || data.key === null) continue;
    const place = index.placesOf.get(data.value)?.[0];
    if (place === undefined) continue;
    const before = newest.get(data.key);
    if (before === undefined || place.offset >= before.offset) {
      newest.set(data.key, { value: data.value, offset: place.offset, operation: end! });
      continue;
    }
    findings.add(
      { operations: [before.operation, end!], values: [before.value, data.value], places: [place] },
      () => `${process} put the state of ${data.key} back from ${before.value} to ${data.value}.`,
    );
  }
});

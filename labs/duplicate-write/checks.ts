/**
 * DUPLICATE as a reader of committed records sees it, and what the relay owes besides: everything that was in its outbox stands in the log. A cure for duplicates that sends nothing would hold
 * too.
 */
import { type Check, oneCheck } from '../kit/checkers/check.ts';
import type { Place } from '../kit/checkers/finding.ts';
import { placeText } from '../kit/checkers/index-history.ts';

/** End of the notes that say what the outbox held. */
export const IN_OUTBOX = 'was in the outbox';
/** Beginning of the notes that say what the broker stored. */
export const KEEPS = 'keeps';

export const complete: Check = oneCheck('LOST-WRITE', (index, findings) => {
  for (const { data, start, end } of index.calls) {
    if (data.type !== 'store' || !data.text.endsWith(IN_OUTBOX) || data.value === undefined) continue;
    const { value } = data;
    if (index.readOf.has(value)) continue;
    findings.add(
      { operations: [end ?? start], values: [value] },
      () => `${value} was in the outbox and is not in the log at the end.`,
    );
  }
});

/**
 * One value at two offsets of what was read at the end. The kit's DUPLICATE takes an acknowledged send for a place in the log, which inside a transaction it is only once that is committed: a value
 * is sent again in the next transaction when the first was aborted.
 */
export const readTwice: Check = oneCheck('DUPLICATE', (index, findings) => {
  const places = new Map<string, { readonly at: Place[]; readonly reads: number[] }>();
  for (const { data, end, start } of index.calls) {
    if (data.type !== 'final-read') continue;
    for (const { value, topic, partition, offset } of data.records) {
      let known = places.get(value);
      if (known === undefined) places.set(value, (known = { at: [], reads: [] }));
      known.at.push({ topic, partition, offset });
      known.reads.push(end ?? start);
    }
  }
  for (const [value, { at, reads }] of places) {
    if (at.length < 2) continue;
    const sends = index.sends.filter(({ data }) => data.value === value).map(({ start }) => start);
    findings.add(
      { operations: [...sends, ...reads], values: [value], places: at },
      () => `${value} stands at ${at.map(placeText).join(' and at ')}.`,
    );
  }
});

/** The same check with the stored batches for evidence, whose headers say why: in place of the reading that found them. */
export function withHeaders(check: Check): Check {
  return {
    names: check.names,
    apply: (history) =>
      check.apply(history).map((result) => ({
        ...result,
        findings: result.findings.map((finding) => {
          const kept = history.operations.filter(
            ({ data }) =>
              data.type === 'store' &&
              data.text.startsWith(KEEPS) &&
              data.value !== undefined &&
              finding.values.includes(data.value),
          );
          return kept.length === 0 ? finding : { ...finding, operations: kept.map(({ index }) => index) };
        }),
      })),
  };
}

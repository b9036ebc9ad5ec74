/**
 * What this lab checks beyond the kit's own: the last writer of a key, and single names out of a family.
 */
import { type Check, oneCheck } from '../kit/checkers/check.ts';
import type { CheckerName } from '../kit/checkers/finding.ts';
import type { SendCall } from '../kit/checkers/index-history.ts';

/**
 * KEY-ORDER for a store that keeps one value a key: what stands there at the end is the value that was sent last with this key. A value that was sent again keeps
 * the place of its first send: a resend makes nothing newer. What is read at the end is in `effects-read`: a count of one says that it stands there.
 */
export const lastWriter: Check = oneCheck('KEY-ORDER', (index, findings) => {
  const reading = index.calls.findLast((call) => call.data.type === 'effects-read' && call.outcome === 'ok');
  if (reading?.data.type !== 'effects-read') {
    findings.add({ operations: [], certain: false }, () => 'The store was not read at the end.');
    return;
  }
  const standing = new Set(reading.data.counts.filter(([, count]) => count > 0).map(([value]) => value));
  const last = new Map<string, SendCall>();
  for (const send of index.sends) {
    const { key, value } = send.data;
    if (key !== null && send.outcome === 'ok' && index.sendOf.get(value) === send) last.set(key, send);
  }
  for (const [key, send] of last) {
    const { value } = send.data;
    if (standing.has(value)) continue;
    const stale = index.sends.find((other) => other.data.key === key && standing.has(other.data.value));
    const writes = index.calls
      .filter(({ data, outcome }) => data.type === 'effect' && data.key === key && outcome === 'ok')
      .map(({ end }) => end!);
    findings.add(
      {
        operations: [send.start, ...writes, reading.end!],
        values: [value, ...(stale === undefined ? [] : [stale.data.value])],
        places: index.placesOf.get(value) ?? [],
      },
      () =>
        stale === undefined
          ? `Nothing stands at ${key}, though ${value} was sent last.`
          : `${stale.data.value} stands at ${key} at the end, though ${value} was sent after it.`,
    );
  }
});

/** Only these names of a family. */
export function only(check: Check, names: readonly CheckerName[]): Check {
  return {
    names: check.names.filter((name) => names.includes(name)),
    apply: (history) => check.apply(history).filter(({ checker }) => names.includes(checker)),
  };
}

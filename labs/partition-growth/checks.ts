/**
 * Order across producers: what the second one sends follows from what the first one sent.
 *
 * KEY-ORDER with all producers in one lane: if any send a ended before a send b of the same key began, a takes effect before b. Effects here happen at most once.
 */
import { type Check, oneCheck } from '../kit/checkers/check.ts';
import { countEffects } from '../kit/checkers/effects.ts';
import type { SendCall } from '../kit/checkers/index-history.ts';

export const orderOfAll: Check = oneCheck('KEY-ORDER', (index, findings) => {
  const effects = countEffects(index);
  /** Of each key: the send with the latest effect among those that ended. */
  const latest = new Map<string, { readonly send: SendCall; readonly effect: number }>();
  for (const send of index.sends) {
    const { key, value } = send.data;
    const effect = effects.get(value)?.first ?? null;
    if (key === null || send.outcome !== 'ok' || effect === null) continue;
    const before = latest.get(key);
    // Sends are awaited, so they end in the order in which they began.
    if (before !== undefined && before.send.end! < send.start && before.effect > effect) {
      const one = before.send;
      findings.add(
        {
          operations: [one.start, one.end!, send.start, effect, before.effect],
          values: [one.data.value, value],
          places: [one, send].flatMap((call) => index.placesOf.get(call.data.value)?.[0] ?? []),
        },
        () =>
          `${send.process} sent ${value} after ${one.process} had sent ${one.data.value}, both with key ${key}; ${value} took effect first.`,
      );
    }
    if (before === undefined || effect > before.effect) latest.set(key, { send, effect });
  }
});

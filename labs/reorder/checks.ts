/**
 * What disorder does to a reader: whoever keeps the last record of a key ends with an old one.
 *
 * Counts only keys of which every send was acknowledged, and the log as the final read found it.
 */
import { type Check, oneCheck } from '../kit/checkers/check.ts';
import type { SendCall } from '../kit/checkers/index-history.ts';

/** KEY-ORDER on the log itself: the last record of a key that stands in its partition is the last one that was sent. */
export const lastValue: Check = oneCheck('KEY-ORDER', (index, findings) => {
  const sent = new Map<string, SendCall>();
  const unsure = new Set<string>();
  for (const send of index.sends) {
    const { topic, key } = send.data;
    if (key === null) continue;
    const id = `${topic} ${key}`;
    if (send.outcome !== 'ok') unsure.add(id);
    sent.set(id, send);
  }
  for (const call of index.calls) {
    if (call.data.type !== 'final-read') continue;
    const { topic, partition, records } = call.data;
    const last = new Map<string, { readonly value: string; readonly offset: number }>();
    for (const { key, value, offset } of records) if (key !== null) last.set(key, { value, offset });
    for (const [key, { value, offset }] of last) {
      const id = `${topic} ${key}`;
      const send = sent.get(id);
      if (send === undefined || unsure.has(id) || send.data.value === value) continue;
      const old = index.sendOf.get(value);
      findings.add(
        {
          operations: [...(old === undefined ? [] : [old.start, old.end!]), send.start, send.end!, call.start],
          values: [value, send.data.value],
          places: [{ topic, partition, offset }],
        },
        () =>
          `${send.data.value} was the last that was sent with key ${key}; whoever keeps the last of the log ends with ${value}.`,
      );
    }
  }
});

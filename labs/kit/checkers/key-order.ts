/**
 * KEY-ORDER: if one producer's send a ended before its send b of the same key began, the first effect of a is before the first effect of b.
 *
 * A repeat later on is EFFECT-DUPLICATE, a missing effect is EFFECT-LOSS: neither is judged here. An effect whose outcome is unknown may stand anywhere
 * after its invocation and accuses nobody. One pass in order of time: sends that ended put their effect's place down, sends that begin compare.
 */
import { type Check, oneCheck } from './check.ts';
import { countEffects } from './effects.ts';
import type { SendCall } from './index-history.ts';

interface Lane {
  /** The send with the latest first effect among those that ended. */
  latest: SendCall | null;
  latestEffect: number;
}

export const keyOrder: Check = oneCheck('KEY-ORDER', (index, findings) => {
  const effects = countEffects(index);
  // Begin and end of each send, in the order of the history.
  const events: { readonly at: number; readonly send: SendCall; readonly ends: boolean }[] = [];
  for (const send of index.sends) {
    if (send.data.key === null || send.outcome === 'fail' || index.sendOf.get(send.data.value) !== send) continue;
    events.push({ at: send.start, send, ends: false });
    if (send.outcome === 'ok') events.push({ at: send.end!, send, ends: true });
  }
  events.sort((a, b) => a.at - b.at || Number(a.ends) - Number(b.ends));

  const lanes = new Map<string, Lane>();
  for (const { send, ends } of events) {
    const count = effects.get(send.data.value);
    const effect = count?.first ?? null;
    if (effect === null) continue;
    const id = `${send.process}\u0000${send.data.key}`;
    let lane = lanes.get(id);
    if (lane === undefined) lanes.set(id, (lane = { latest: null, latestEffect: -1 }));
    if (ends) {
      // An earlier attempt of unknown outcome may have been the first effect: then nothing is sure.
      const surely = (count!.firstUnknown ?? effect) < effect ? -1 : effect;
      if (surely > lane.latestEffect) {
        lane.latestEffect = surely;
        lane.latest = send;
      }
    } else if (lane.latest !== null && lane.latestEffect > effect) {
      const before = lane.latest;
      findings.add(
        {
          operations: [before.start, before.end!, send.start, effect, lane.latestEffect],
          values: [before.data.value, send.data.value],
          places: [before, send].flatMap((call) => index.placesOf.get(call.data.value)?.[0] ?? []),
        },
        () =>
          `${send.process} sent ${before.data.value} before ${send.data.value} with key ${send.data.key}; ${send.data.value} took effect first.`,
      );
    }
  }
});

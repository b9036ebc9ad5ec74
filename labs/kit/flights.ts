/**
 * Real records as labs send them: a few departures of a few airports, short enough to be read in a timeline, each with an id of its own.
 *
 * Invariant: the same input and plan give the same records. Another input's records go whole into the value.
 */
import type { InputRecord } from './input.ts';
import type { PlannedRecord } from './plan.ts';

export interface PlannedFlight {
  readonly key: string;
  readonly value: string;
}

const KEYS_MAX = 8;
const byKey = new WeakMap<readonly InputRecord[], readonly (readonly InputRecord[])[]>();

/** The records of the first few keys, a list a key. */
function keysOf(input: readonly InputRecord[]): readonly (readonly InputRecord[])[] {
  const known = byKey.get(input);
  if (known !== undefined) return known;
  const lists = new Map<string, InputRecord[]>();
  for (const record of input) {
    const list = lists.get(record.key);
    if (list !== undefined) list.push(record);
    else if (lists.size < KEYS_MAX) lists.set(record.key, [record]);
  }
  const made = [...lists.values()];
  byKey.set(input, made);
  return made;
}

export function flightsOf(records: readonly PlannedRecord[], input: readonly InputRecord[]): PlannedFlight[] {
  const keys = keysOf(input);
  return records.map(({ key }, at) => {
    const list = keys[key % keys.length]!;
    const record = list[at % list.length]!;
    return { key: record.key, value: `v${at} ${shortText(record.value)}` };
  });
}

function shortText(json: string): string {
  const fields = JSON.parse(json) as Readonly<Record<string, unknown>>;
  const { origin, destination, distance } = fields;
  if (typeof origin === 'string' && typeof destination === 'string' && typeof distance === 'number') {
    return `${origin}→${destination} ${distance} mi`;
  }
  return json;
}

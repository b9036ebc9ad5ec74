// Real records for the foreign suites: flights from vega-datasets, keyed by their airport of origin.
// Invariant: a record's bytes are a function of its number alone, so that what comes back can be compared byte for byte, and the
// number stands in the value (`"n":17`), so that a loss, a duplicate or an exchange of two records has a name.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface FlightRecord {
  readonly n: number;
  readonly key: string;
  readonly value: string;
}

export const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type Codec = (typeof codecs)[number];

let all: readonly FlightRecord[] | undefined;

/** The first `count` flights (at most 20,000). Values hold neither tab nor newline. */
export function flights(count: number): readonly FlightRecord[] {
  all ??= read();
  if (count > all.length) throw new RangeError(`${count} flights wanted, ${all.length} exist`);
  return all.slice(0, count);
}

/** The codec in which record `n` of `count` travels: five equal runs, one a codec. */
export function codecOf(n: number, count: number): Codec {
  return codecs[Math.min(codecs.length - 1, Math.floor((n * codecs.length) / count))]!;
}

export function numberOf(value: string): number {
  const match = /^\{"n":(\d+),/.exec(value);
  if (match === null) throw new Error(`not a flight: ${value.slice(0, 80)}`);
  return Number(match[1]);
}

function read(): readonly FlightRecord[] {
  const path = new URL('../data/flights-20k.json', import.meta.resolve('vega-datasets'));
  const rows = JSON.parse(readFileSync(fileURLToPath(path), 'utf8')) as { readonly origin: string }[];
  return rows.map((row, n) => ({ n, key: row.origin, value: JSON.stringify({ n, ...row }) }));
}

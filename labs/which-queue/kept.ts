/**
 * How much of a system's throughput is left when the same load goes to more topics.
 *
 * Invariant: a share is of the same window of both sizes, the first of each, the second of each; over the windows it has a median and a range. A size that was missed has no share.
 */
import { type Spread, spreadOf } from '@mqlab/bench/statistics.ts';
import { formatNumber, formatQuantity } from '@mqlab/reports/index.ts';
import type { SystemMeasured } from './measured.ts';

export interface Kept {
  /** Topics. */
  readonly from: number;
  readonly to: number;
  /** 1 for all of it. */
  readonly share: Spread;
}

/** null where one of the two sizes was not measured, or not to its end. */
export function keptBetween({ topics }: SystemMeasured, from: number, to: number): Kept | null {
  const [few, many] = [from, to].map((size) => topics.find((one) => one.topics === size && one.missed === null));
  if (few === undefined || many === undefined) return null;
  const shares = few.recordsPerSecond.flatMap((rate, round) => {
    const other = many.recordsPerSecond[round];
    return rate > 0 && other !== undefined ? [other / rate] : [];
  });
  return shares.length === 0 ? null : { from, to, share: spreadOf(shares) };
}

/** Of what it carried with the fewest topics that were measured: at each size above, in order. */
export function keptOfFewest(system: SystemMeasured): Kept[] {
  const [fewest, ...more] = system.topics.filter(({ missed }) => missed === null);
  return more.flatMap(({ topics }) => keptBetween(system, fewest!.topics, topics) ?? []);
}

/** `87 % (83–108, n = 3)`. */
export function shareText({ median, min, max, samples }: Spread): string {
  const range = `${formatNumber(min * 100)}–${formatNumber(max * 100)}`;
  return `${formatQuantity(median * 100, '%')} (${range}, n = ${samples})`;
}

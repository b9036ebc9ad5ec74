/**
 * What one broker takes at a size of record that may not have been measured: time for each record = a + b × bytes, through the two nearest measured sizes.
 *
 * Invariant: at a measured size the measured figure itself comes back. With one size only, bytes per second are taken to be the same at every size, and the
 * source says so. Neither a nor b is ever below zero: noise must not make a larger record quicker.
 */
import type { Figure } from '@mqlab/reports/run-data.ts';
import { derived, type Figures } from './measured-figures.ts';

export interface MeasuredSize {
  readonly recordBytes: number;
  readonly recordsPerSecond: Figure;
}

export function measuredSizes(figures: Readonly<Figures>): MeasuredSize[] {
  return Object.entries(figures)
    .flatMap(([name, figure]) => {
      const tag = /^record-bytes-(.+)$/.exec(name)?.[1];
      const recordsPerSecond = tag === undefined ? undefined : figures[`max-records-${tag}`];
      return recordsPerSecond === undefined ? [] : [{ recordBytes: figure.value, recordsPerSecond }];
    })
    .sort((a, b) => a.recordBytes - b.recordBytes);
}

export function writeRecordsPerSecond(sizes: readonly MeasuredSize[], recordBytes: number): Figure {
  const exact = sizes.find((size) => size.recordBytes === recordBytes);
  if (exact !== undefined) return exact.recordsPerSecond;
  const [only] = sizes;
  if (only === undefined) throw new Error('no throughput was measured');
  if (sizes.length === 1) {
    const value = (only.recordsPerSecond.value * only.recordBytes) / recordBytes;
    return derived(
      value,
      'records/s',
      `measured at ${only.recordBytes} B; the same bytes per second taken for granted`,
    );
  }
  const [small, large] = nearestTwo(sizes, recordBytes);
  const secondsOf = (size: MeasuredSize): number => 1 / size.recordsPerSecond.value;
  const slope = (secondsOf(large) - secondsOf(small)) / (large.recordBytes - small.recordBytes);
  const fixed = secondsOf(small) - slope * small.recordBytes;
  const through = `a + b × bytes for a record, through ${small.recordBytes} and ${large.recordBytes} B as measured`;
  if (slope < 0) return derived(1 / secondsOf(small), 'records/s', `${through}; b taken as 0`);
  if (fixed < 0) {
    const perByte = secondsOf(large) / large.recordBytes;
    return derived(1 / (perByte * recordBytes), 'records/s', `${through}; a taken as 0`);
  }
  return derived(1 / (fixed + slope * recordBytes), 'records/s', through);
}

function nearestTwo(sizes: readonly MeasuredSize[], recordBytes: number): [MeasuredSize, MeasuredSize] {
  const above = sizes.findIndex((size) => size.recordBytes > recordBytes);
  const at = above < 0 ? sizes.length - 1 : Math.max(1, above);
  return [sizes[at - 1]!, sizes[at]!];
}

/** How much is measured: the lab's two profiles, and what `mqlab capacity` does when it has nothing to go by. */
import type { Profile } from '../kit/lab.ts';
import type { MeasurePlan } from './measure.ts';

const FRACTIONS = [0.25, 0.5, 0.75, 0.9];

export const MEASURE_PLANS: Readonly<Record<Profile, MeasurePlan>> = {
  quick: {
    sizes: [
      { recordBytes: 1024, pairs: 2, fractions: [0.25, 0.5, 0.9] },
      { recordBytes: 100, pairs: 1, fractions: [0.75] },
    ],
    closed: { warmupMs: 200, measureMs: 300 },
    open: { warmupMs: 200, measureMs: 500 },
    manyPartitions: { partitions: 4, pairs: 1 },
    sweep: [{ acks: '1' }, { acks: '0' }],
    compressions: ['none', 'zstd', 'lz4'],
    consumers: [1],
    endToEnd: true,
  },
  full: {
    sizes: [
      { recordBytes: 1024, pairs: 5, fractions: [0.1, ...FRACTIONS, 1, 1.1] },
      { recordBytes: 100, pairs: 5, fractions: [0.1, ...FRACTIONS, 1, 1.1] },
      { recordBytes: 10_240, pairs: 5, fractions: FRACTIONS },
    ],
    closed: { warmupMs: 1_000, measureMs: 3_000 },
    open: { warmupMs: 1_500, measureMs: 6_000 },
    manyPartitions: { partitions: 4, pairs: 5 },
    sweep: [
      { acks: '0' },
      { acks: '1' },
      { partitions: 16 },
      { partitions: 64 },
      { producers: 2, partitions: 4 },
      { producers: 3, partitions: 4 },
      { acks: '0', partitions: 16 },
      { acks: '1', partitions: 16 },
    ],
    compressions: ['none', 'gzip', 'snappy', 'lz4', 'zstd'],
    consumers: [1, 2],
    endToEnd: true,
  },
};

/** About ten seconds: enough for a plan, for one size of record. */
export function shortPlan(recordBytes: number): MeasurePlan {
  return {
    sizes: [{ recordBytes, pairs: 2, fractions: [0.5, 0.75] }],
    closed: { warmupMs: 250, measureMs: 400 },
    open: { warmupMs: 200, measureMs: 500 },
    manyPartitions: { partitions: 4, pairs: 1 },
    sweep: [],
    compressions: ['none', 'zstd'],
    consumers: [1],
    endToEnd: false,
  };
}

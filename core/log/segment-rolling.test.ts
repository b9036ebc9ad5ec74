import { expect, test } from 'vitest';
import type { Random } from '../ports/random.ts';
import { DEFAULT_LOG_CONFIG, type LogConfig } from './log-config.ts';
import { drawRollJitterMs, type Incoming, isRollDue, type RollingSegment } from './segment-rolling.ts';

const CONFIG: LogConfig = { ...DEFAULT_LOG_CONFIG, segmentBytes: 1000, segmentMs: 500 };
const COMPACTED: LogConfig = { ...CONFIG, cleanupPolicy: ['compact'], maxCompactionLagMs: 200 };
const INDEX_DELTA_MAX = 2 ** 31 - 1;

interface Case {
  readonly segment?: Partial<Record<'size' | 'baseOffset' | 'ageMs', number>> & { readonly isIndexFull?: boolean };
  readonly incoming?: Partial<Incoming>;
  readonly config?: LogConfig;
  readonly jitterMs?: number;
}

const CASES: readonly [what: string, isDue: boolean, given: Case][] = [
  ['there is room for everything', false, {}],
  ['it fills the segment to the last byte', false, { incoming: { bytes: 900 } }],
  ['it is a byte more than there is room for', true, { incoming: { bytes: 901 } }],
  ['it is larger than any segment, and this one is empty', false, { segment: { size: 0 }, incoming: { bytes: 5000 } }],
  ['an index is full', true, { segment: { isIndexFull: true } }],
  ['an index is full that has nothing to say', false, { segment: { size: 0, isIndexFull: true } }],
  ['the last offset fits the index', false, { incoming: { lastOffset: 10 + INDEX_DELTA_MAX } }],
  ['the last offset does not fit the index', true, { incoming: { lastOffset: 11 + INDEX_DELTA_MAX } }],
  ['it does not, and the segment is empty', true, { segment: { size: 0 }, incoming: { lastOffset: 2 ** 40 } }],
  ['the segment has its age', false, { segment: { ageMs: 500 } }],
  ['the segment is older', true, { segment: { ageMs: 501 } }],
  ['the segment is older and empty', false, { segment: { size: 0, ageMs: 501 } }],
  ['the jitter is not over yet', false, { segment: { ageMs: 400 }, jitterMs: 100 }],
  ['the jitter makes it due', true, { segment: { ageMs: 401 }, jitterMs: 100 }],
  ['the cleaner must not wait longer', true, { segment: { ageMs: 201 }, config: COMPACTED }],
  ['the cleaner may wait', false, { segment: { ageMs: 200 }, config: COMPACTED }],
  [
    'max.compaction.lag.ms is of a log that is not compacted',
    false,
    {
      segment: { ageMs: 201 },
      config: { ...COMPACTED, cleanupPolicy: ['delete'] },
    },
  ],
];

test.each(CASES)('%s: rolled %s', (_, isDue, { segment, incoming, config = CONFIG, jitterMs = 0 }) => {
  const { ageMs, ...rest } = { size: 100, baseOffset: 10, isIndexFull: false, ageMs: 0, ...segment };
  const active: RollingSegment = { ...rest, rollAgeMs: (nowMs, timestamp) => ageMs + nowMs - timestamp };
  const batches = { bytes: 100, lastOffset: 20, timestamp: 7, ...incoming };
  expect(isRollDue(active, batches, config, jitterMs, 7)).toBe(isDue);
});

const INFINITE = Number.MAX_SAFE_INTEGER;

test.each<[what: string, config: Partial<LogConfig>, bounds: number[]]>([
  ['no jitter draws nothing', { segmentJitterMs: 0 }, []],
  ['below segment.jitter.ms', { segmentJitterMs: 300 }, [300]],
  ['no more than segment.ms', { segmentJitterMs: 600 }, [500]],
  ['nor than a compacted log waits', { ...COMPACTED, segmentJitterMs: 600 }, [200]],
  ['nor than 32 bits', { segmentMs: INFINITE, segmentJitterMs: INFINITE }, [2 ** 31 - 1]],
])('jitter: %s', (_, config, bounds) => {
  const asked: number[] = [];
  const random = { integer: (bound) => asked.push(bound) && bound - 1 } as Pick<Random, 'integer'> as Random;
  const jitterMs = drawRollJitterMs({ ...CONFIG, ...config }, random);
  expect(asked).toEqual(bounds);
  expect(jitterMs).toBe(bounds.length === 0 ? 0 : bounds[0]! - 1);
});

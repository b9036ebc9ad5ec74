import type { LoadResult } from '@mqlab/bench/load/run-load.ts';
import { expect, test } from 'vitest';
import { judgeClaims } from './conclusions.ts';
import { DAY_SECONDS, NOTES_INPUTS } from './inputs.ts';
import type { SizeMeasured } from './measure.ts';
import { type Figures, kneeOf, measured } from './measured-figures.ts';
import { notesFormula } from './notes-formula.ts';
import { peakHourFactor } from './peak-hour.ts';
import { planCapacity } from './plan.ts';
import { measuredSizes, writeRecordsPerSecond } from './write-model.ts';

/** Invented figures of a broker that takes 200,000 records/s of 1 KiB and 1,000,000 of 100 B. */
const figures: Figures = {
  'record-bytes-1k': { value: 1024, unit: 'bytes', label: 'given' },
  'max-records-1k': measured(200_000, 'records/s'),
  'max-1k': measured(204.8e6, 'bytes/s'),
  'ceiling-1k': measured(400e6, 'bytes/s'),
  'knee-1k': measured(180e6, 'bytes/s'),
  'ceiling-ratio-1k': measured(0.512, 'ratio'),
  'record-bytes-100b': { value: 100, unit: 'bytes', label: 'given' },
  'max-records-100b': measured(1_000_000, 'records/s'),
  'max-100b': measured(100e6, 'bytes/s'),
  'ceiling-100b': measured(150e6, 'bytes/s'),
  'fetch-1': measured(500e6, 'bytes/s'),
  'fetch-records-1': measured(488_000, 'records/s'),
  'partitions-4-ratio': measured(1.1, 'ratio'),
  'disk-factor-none': measured(1.01, 'ratio'),
  'disk-factor-zstd': measured(0.2, 'ratio'),
  'rss-idle': measured(80e6, 'bytes'),
  'rss-peak': measured(180e6, 'bytes'),
};

function plannedValue(name: string, inputs = NOTES_INPUTS, from: Figures = figures): number {
  const found = planCapacity(inputs, from)
    .sections.flatMap(({ lines }) => lines)
    .find((line) => line.name === name);
  expect(found, name).toBeDefined();
  return found!.figure!.value;
}

test('the formula of the notes, exactly: 1.8 brokers at 20 MB/s, 3 only with the bracket rounded up', () => {
  const exact = notesFormula({ ...NOTES_INPUTS, recordBytes: 1000 });
  expect(exact.recordsPerSecond).toBeCloseTo(1157.407, 3);
  expect(exact.bytesPerSecond).toBeCloseTo(1_157_407, 0);
  expect(exact.peakBytesPerSecond).toBeCloseTo(23_148_148, 0);
  expect(exact.diskBytes).toBeCloseTo(857.142857e9, -6);
  expect(exact.brokersBracketUp).toBe(3);
  // With the 20 MB/s that the notes round to.
  const rounded = notesFormula({ ...NOTES_INPUTS, recordBytes: 864 });
  expect(rounded.peakBytesPerSecond).toBeCloseTo(20e6, 0);
  expect(rounded.brokers).toBeCloseTo(1.8, 6);
});

test('brokers: throughput and safety are kept apart', () => {
  expect(plannedValue('brokers-by-throughput')).toBe(1);
  expect(plannedValue('brokers')).toBe(3);
  // Ten times the peak: 474 MB/s × 2 / 204.8 + 474 × 2 / 500 = 4.63 + 0.95 … busy; / 0.6 → 12; one more to lose one.
  const heavy = { ...NOTES_INPUTS, peakFactor: 400 };
  const peak = (1e8 * 1024 * 400) / DAY_SECONDS;
  const busy = (peak * 2) / 204.8e6 + (peak * 2) / 500e6;
  expect(plannedValue('busy', heavy)).toBeCloseTo(busy, 9);
  expect(plannedValue('brokers', heavy)).toBe(Math.ceil(busy / 0.6) + 1);
  expect(plannedValue('brokers', { ...NOTES_INPUTS, replicas: 1 })).toBe(1);
});

test('disk, memory, partitions and consumers', () => {
  const kept = 102.4e9 * 1.01 * 2 * 3;
  expect(plannedValue('kept')).toBeCloseTo(kept, -3);
  expect(plannedValue('disk')).toBeCloseTo((kept + 3 * 2 * 2 ** 30) / 0.7, -3);
  expect(plannedValue('kept', { ...NOTES_INPUTS, compression: 'zstd' })).toBeCloseTo(102.4e9 * 0.2 * 2 * 3, -3);
  expect(plannedValue('page-cache')).toBeCloseTo(((23_703_703.7 * 2) / 3) * 300, -3);
  expect(plannedValue('consumers')).toBe(1);
  // 23,148/s at the peak, 10 ms each: 100/s a consumer, busy to 60 %.
  const slow = { ...NOTES_INPUTS, consumerMsPerRecord: 10 };
  expect(plannedValue('consumers', slow)).toBe(Math.ceil(23_148.148 / 60));
  expect(plannedValue('partitions', slow)).toBe(386);
});

test('every number of a plan says what it is and where it came from', () => {
  const lines = planCapacity(NOTES_INPUTS, figures, new Set(['users'])).sections.flatMap((section) => section.lines);
  expect(lines.length).toBeGreaterThan(30);
  for (const { name, figure, notes } of lines) {
    expect(figure, name).not.toBeNull();
    expect(['measured', 'derived', 'borrowed', 'given'], name).toContain(figure!.label);
    expect(Number.isFinite(figure!.value), name).toBe(true);
    if (figure!.label !== 'measured') expect(figure!.source, name).toBeTruthy();
    if (notes !== undefined) expect(notes.label, name).toBe('borrowed');
  }
  expect(lines.find(({ name }) => name === 'users')!.figure!.source).toBe('as asked');
  expect(lines.find(({ name }) => name === 'replicas')!.figure!.source).toBe('default');
  expect(lines.find(({ name }) => name === 'broker-write')!.figure!.label).toBe('measured');
  expect(lines.find(({ name }) => name === 'generator-ceiling')!.figure!.value).toBe(400e6);
});

test('what no run took is missing and says why; nothing is made up', () => {
  const {
    'rss-peak': _peak,
    'fetch-1': _fetch,
    'fetch-records-1': _records,
    'disk-factor-none': _disk,
    ...rest
  } = figures;
  const plan = planCapacity(NOTES_INPUTS, rest);
  const lines = plan.sections.flatMap((section) => section.lines);
  for (const name of ['heap', 'memory', 'broker-fetch', 'disk-factor', 'per-consumer', 'consumers']) {
    const found = lines.find((line) => line.name === name)!;
    expect(found.figure, name).toBeNull();
    expect(found.missing, name).toBeTruthy();
  }
});

test('a size that was not measured is derived by a line through two that were; never quicker when larger', () => {
  const sizes = measuredSizes(figures);
  expect(sizes.map((size) => size.recordBytes)).toEqual([100, 1024]);
  expect(writeRecordsPerSecond(sizes, 1024).label).toBe('measured');
  const between = writeRecordsPerSecond(sizes, 562);
  expect(between.label).toBe('derived');
  expect(between.value).toBeCloseTo(1 / ((1e-6 + 5e-6) / 2), 0);
  const noisy = { ...figures, 'max-records-1k': measured(2_000_000, 'records/s') };
  expect(writeRecordsPerSecond(measuredSizes(noisy), 5000).value).toBe(1_000_000);
  const one = measuredSizes(figures).slice(1);
  expect(writeRecordsPerSecond(one, 2048).value).toBe(100_000);
});

test('figures that cannot be true are called so', () => {
  const limits = (more: Figures) => planCapacity(NOTES_INPUTS, { ...figures, ...more }).limits.join(' ');
  expect(limits({})).not.toMatch(/quiet machine|near the generator|disturbed/);
  expect(limits({ 'ceiling-ratio-1k': measured(1.3, 'ratio') })).toContain('Measure again on a quiet machine');
  expect(limits({ 'ceiling-ratio-1k': measured(0.9, 'ratio') })).toContain("near the generator's own ceiling");
  expect(limits({ 'p99-at-25-1k': measured(300, 'ms'), 'p99-at-90-1k': measured(20, 'ms') })).toContain('disturbed');
});

test('claims are judged by numbers: other numbers, another verdict', () => {
  const of = (claim: string, from: Figures = figures, inputs = NOTES_INPUTS) =>
    judgeClaims(from, inputs).find((judged) => judged.claim === claim)!;
  expect(of('C80').verdict).toBe('conditional');
  expect(of('C80', figures, { ...NOTES_INPUTS, recordBytes: 864 }).verdict).toBe('confirmed');
  expect(of('C80', figures, { ...NOTES_INPUTS, users: 5e6 }).verdict).toBe('refuted');
  expect(of('C81').verdict).toBe('conditional');
  expect(of('C81').scope).toContain('As written the formula gives 1.95');
  expect(of('C82').verdict).toBe('conditional');
  expect(of('C83').verdict).toBe('refuted');
  expect(of('C83', { ...figures, 'rss-peak': measured(12e9, 'bytes') }).verdict).toBe('confirmed');
  expect(of('C84').verdict).toBe('conditional');
  expect(of('C84', { ...figures, 'partitions-4-ratio': measured(3.9, 'ratio') }).verdict).toBe('confirmed');
  const { 'rss-peak': _peak, ...rest } = figures;
  expect(of('C83', rest)).toMatchObject({ verdict: 'not measurable here', isMeasured: false });
});

test("the fullest hour of the records' own day", () => {
  const records = Array.from({ length: 2_400 }, (_, i) => ({
    value: `{"date":"2001/01/01 ${String(i % 24).padStart(2, '0')}:30"}`,
  }));
  expect(peakHourFactor(records)).toBe(1);
  const uneven = [...records, ...Array.from({ length: 100 }, () => ({ value: '{"date":"2001-01-01T12:00"}' }))];
  expect(peakHourFactor(uneven)).toBeCloseTo(200 / (2_500 / 24), 9);
  expect(peakHourFactor([{ value: '{"a":1}' }])).toBeNull();
});

test('the knee ends where the first load was not kept up with, whatever came after', () => {
  const at = (fraction: number, p99Ms: number, share = 1): SizeMeasured['open'][number] => ({
    fraction,
    result: {
      workload: { recordsPerSecond: 1000 * fraction },
      recordsPerSecond: 1000 * fraction * share,
      failed: 0,
      latency: { p99Ms },
    } as LoadResult,
  });
  const knee = (...open: SizeMeasured['open'][number][]) => kneeOf({ recordBytes: 1024, pairs: [], open })?.fraction;
  expect(knee(at(0.25, 5), at(0.5, 8), at(0.75, 30))).toBe(0.75);
  expect(knee(at(0.25, 5), at(0.5, 90), at(0.75, 30))).toBe(0.25);
  expect(knee(at(0.25, 5), at(0.5, 8, 0.9))).toBe(0.25);
  expect(knee(at(0.25, 500))).toBeUndefined();
});

import { expect, test } from 'vitest';
import { SimWorld } from '../ports/sim/world.ts';
import { RecordBatch } from '../protocol/record-batch.ts';
import { DEFAULT_LOG_CONFIG } from './log-config.ts';
import { Segment } from './segment.ts';
import { SegmentList } from './segment-list.ts';
import { batch, T0 } from './test/fixture.ts';

const CONFIG = { ...DEFAULT_LOG_CONFIG, indexIntervalBytes: 0 };
const ALL = { maxBytes: 1_000_000, maxOffset: 1_000_000, minOneBatch: true };

/** A batch with one record whose value is as long as its offset, plus `extraBytes`. */
function append(segment: Segment, offset: number, extraBytes = 0): void {
  const records = batch(['x'.repeat(offset + extraBytes)], T0 + offset);
  new RecordBatch(records).baseOffset = offset;
  segment.append(records);
}

/** Segments of five records each: at 0, 5, 10 and 15. */
function listOf(count = 4): { list: SegmentList; segments: Segment[]; make: (base: number) => Segment } {
  const { files } = new SimWorld({ seed: 1 }).process('p').ports;
  files.makeDirectory('/d');
  const make = (base: number): Segment => new Segment(files, '/d', base, CONFIG, T0);
  const segments = Array.from({ length: count }, (_, index) => make(index * 5));
  for (const segment of segments) {
    for (let offset = segment.baseOffset; offset < segment.baseOffset + 5; offset++) append(segment, offset);
  }
  return { list: new SegmentList([...segments]), segments, make };
}

test('a run of sealed segments is one behind the other, and without the active one', () => {
  const { list, segments, make } = listOf();
  const [a, b, c, active] = segments as [Segment, Segment, Segment, Segment];
  expect([[a], [a, b], [b, c], [a, b, c]].map((run) => list.hasSealed(run))).toEqual([true, true, true, true]);
  const others = [[a, c], [b, a], [active], [c, active], [make(40)], [a, make(41)], []];
  expect(others.map((run) => list.hasSealed(run))).toEqual(others.map(() => false));
});

test('what comes, goes and is replaced', () => {
  const { list, segments, make } = listOf();
  const [a, b, c, d] = segments as [Segment, Segment, Segment, Segment];
  const next = make(20);
  list.add(next);
  expect([list.all, list.first, list.active]).toEqual([[a, b, c, d, next], a, next]);
  expect(list.remove(0, 1)).toEqual([a]);
  expect(list.remove(3)).toEqual([next]);
  const cleaned = make(5);
  list.replace([b, c], cleaned);
  expect(list.all).toEqual([cleaned, d]);
  expect(list.remove(0)).toEqual([cleaned, d]);
  expect(list.all).toEqual([]);
});

test('no read begins or ends where a batch was before its segment was cut', () => {
  const { list, segments } = listOf(2);
  const active = segments[1]!;
  const positionsOf = () =>
    [5, 6, 7, 8, 9].map((offset) => {
      const { slice } = list.read(offset, 10, ALL);
      return [slice!.position, slice!.length];
    });
  const before = positionsOf();
  expect(list.remove(2)).toEqual([]);
  active.truncateTo(6);
  for (let offset = 6; offset < 10; offset++) append(active, offset, 50);
  const after = positionsOf();
  expect(after).not.toEqual(before);
  for (const [position, length] of after) expect(position! + length!).toBe(active.size);
  expect(after.map(([position]) => position)).toEqual(
    [5, 6, 7, 8, 9].map((offset) => active.findBatch(offset)!.position),
  );
});

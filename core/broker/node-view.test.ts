import { expect, test } from 'vitest';
import { batch, TestFolder } from '../log/test/fixture.ts';
import { batchesOf, logView } from './node-view.ts';

test('batches between two offsets, from the one that holds the first to the last that ends before the end; across segments', () => {
  using folder = new TestFolder();
  const log = folder.log({ segmentBytes: 200, indexIntervalBytes: 0 });
  for (const values of [['a', 'b', 'c'], ['d'], ['e', 'f'], ['g']]) log.append(batch(values), 0);
  expect(log.segments.length).toBeGreaterThan(1);
  const offsets = (from: number, until: number): string[] =>
    [...batchesOf(log, from, until)].map(({ baseOffset, lastOffset }) => `${baseOffset}-${lastOffset}`);
  expect(offsets(0, 7)).toEqual(['0-2', '3-3', '4-5', '6-6']);
  expect(offsets(1, 5)).toEqual(['0-2', '3-3']);
  expect(offsets(1, 6)).toEqual(['0-2', '3-3', '4-5']);
  expect(offsets(3, 3)).toEqual([]);
  expect(offsets(0, 100)).toHaveLength(4);
  log.closeFiles();
});

test('a view is of the moment, and tells what the log cannot know', () => {
  using folder = new TestFolder();
  const log = folder.log();
  const role = { topicId: 'id', isLeader: true, leaderEpoch: 4 };
  const empty = logView(log, role);
  log.append(batch(['a', 'b']), 0);
  log.updateHighWatermark(1);
  expect(empty).toMatchObject({ logEndOffset: 0, highWatermark: 0 });
  expect(logView(log, role)).toMatchObject({ topic: 't', partition: 0, ...role, logEndOffset: 2, highWatermark: 1 });
  expect(logView(log, { ...role, highWatermark: 2 }).highWatermark).toBe(2);
  log.closeFiles();
});

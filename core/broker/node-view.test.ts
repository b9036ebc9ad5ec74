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

test('a view goes along with its log, and tells what the log cannot know', () => {
  using folder = new TestFolder();
  const log = folder.log();
  const holder = { log, topicId: 'id', isLeader: true, leaderEpoch: 4, highWatermark: 0 };
  const view = logView(holder);
  expect(view).toMatchObject({ topic: 't', partition: 0, topicId: 'id', leaderEpoch: 4, logEndOffset: 0 });
  log.append(batch(['a', 'b']), 0);
  Object.assign(holder, { highWatermark: 2, isLeader: false });
  expect(view).toMatchObject({ isLeader: false, logEndOffset: 2, highWatermark: 2 });
  expect(logView(holder)).toBe(view);
  log.closeFiles();
});

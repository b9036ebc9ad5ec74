import { expect, test } from 'vitest';
import { ErrorCode } from '../protocol/errors.ts';
import { batch, readAll, T0, TestFolder } from './test/fixture.ts';

test('what was appended is read back, across segments and after a clean restart', async () => {
  using folder = new TestFolder();
  const log = folder.log({ segmentBytes: 600, indexIntervalBytes: 100 });
  const values: string[] = [];
  for (let index = 0; index < 40; index++) {
    const pair = [`a${index}`, `b${index}`];
    values.push(...pair);
    const result = log.append(batch(pair, T0 + index * 10), 3);
    expect(result).toMatchObject({ kind: 'appended', firstOffset: index * 2, lastOffset: index * 2 + 1 });
  }
  expect(log.segments.length).toBeGreaterThan(5);
  expect(readAll(log).map((record) => record.value)).toEqual(values);
  for (let offset = 0; offset < 80; offset++) {
    expect(readAll(log, offset, 1)[0]).toMatchObject({ offset, value: values[offset] });
  }
  await log.close();
  const again = folder.log({ segmentBytes: 600 });
  expect(again.logEndOffset).toBe(80);
  expect(readAll(again).map((record) => record.value)).toEqual(values);
  expect(again.epochs.entries).toEqual([{ epoch: 3, startOffset: 0 }]);
  expect(folder.problems).toEqual([]);
  await again.close();
});

test('reads stop at the bound and refuse what is outside the log', async () => {
  using folder = new TestFolder();
  const log = folder.log();
  for (let index = 0; index < 10; index++) log.append(batch([`${index}`]), 0);
  expect(readAll(log, 0, 1e6, 4).map((record) => record.offset)).toEqual([0, 1, 2, 3]);
  expect(log.read(10, { maxBytes: 1, maxOffset: 10, minOneBatch: true })).toMatchObject({ slice: null });
  expect(log.read(11, { maxBytes: 1, maxOffset: 10, minOneBatch: true }).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
  expect(log.read(0, { maxBytes: 1, maxOffset: 10, minOneBatch: false })).toMatchObject({ slice: null });
  await log.close();
});

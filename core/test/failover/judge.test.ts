import { expect, test } from 'vitest';
import { isSound, judge } from './judge.ts';

const acked = new Map([[0, [1, 2, 3]]]);
const verdict = (values: number[]) => judge(acked, new Map([[0, values]]), null);

test('what is stored and was not acknowledged is no fault; loss, repetition and disorder are', () => {
  expect(verdict([1, 2, 3, 4])).toMatchObject({ acknowledged: 3, lost: 0, duplicates: 0, outOfOrder: 0 });
  expect(isSound(verdict([1, 2, 3, 4]))).toBe(true);
  expect(verdict([1, 3])).toMatchObject({ lost: 1, duplicates: 0, outOfOrder: 0 });
  expect(verdict([1, 2, 2, 3])).toMatchObject({ lost: 0, duplicates: 1, outOfOrder: 0 });
  expect(verdict([2, 1, 3])).toMatchObject({ lost: 0, duplicates: 0, outOfOrder: 1 });
  for (const values of [
    [1, 3],
    [1, 2, 2, 3],
    [2, 1, 3],
  ])
    expect(isSound(verdict(values))).toBe(false);
});

test('a consumer may see an offset again, and must see each, with what is stored there', () => {
  const stored = new Map([[0, [1, 2, 3]]]);
  const judged = (values: (number | undefined)[], deliveries: number) =>
    judge(acked, stored, { values: new Map([[0, values]]), deliveries });
  expect(judged([1, 2, 3], 5).consumer).toEqual({ read: 3, again: 2, missed: 0, wrong: 0 });
  expect(isSound(judged([1, 2, 3], 5))).toBe(true);
  expect(judged([1, undefined, 3], 2).consumer).toEqual({ read: 2, again: 0, missed: 1, wrong: 0 });
  expect(judged([1, 9, 3], 3).consumer).toMatchObject({ missed: 0, wrong: 1 });
  expect(judged([1, 2, 3, 4], 4).consumer).toMatchObject({ missed: 0, wrong: 1 });
  expect(isSound(judged([1, undefined, 3], 2))).toBe(false);
});

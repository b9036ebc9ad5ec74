import { expect, test } from 'vitest';
import { SendWindow } from './send-window.ts';

test('no more than the limit is on the way, in order, and each once', () => {
  const started: number[] = [];
  const window = new SendWindow<number>(2, (item) => void started.push(item));
  for (let i = 0; i < 5; i++) window.push(i);
  expect(started).toEqual([0, 1]);
  window.done();
  expect(started).toEqual([0, 1, 2]);
  window.done();
  window.done();
  expect(started).toEqual([0, 1, 2, 3, 4]);
  window.push(5);
  expect(started).toEqual([0, 1, 2, 3, 4]);
  window.done();
  window.done();
  window.push(6);
  expect(started).toEqual([0, 1, 2, 3, 4, 5, 6]);
});

test('an item that is done at once does not stop those behind it', () => {
  const started: number[] = [];
  const window: SendWindow<number> = new SendWindow<number>(1, (item) => {
    started.push(item);
    if (item > 0) window.done();
  });
  const count = 100_000;
  for (let i = 0; i < count; i++) window.push(i);
  window.done();
  expect(started.length).toBe(count);
  expect(started.every((item, i) => item === i)).toBe(true);
});

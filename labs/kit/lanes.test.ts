import { expect, test } from 'vitest';
import { Lanes } from './lanes.ts';

test('no more tasks at once than lanes, in their order, and one that fails leaves its lane', async () => {
  const lanes = new Lanes(2);
  const begun: number[] = [];
  let now = 0;
  let most = 0;
  const task = (name: number) => async (): Promise<number> => {
    begun.push(name);
    most = Math.max(most, ++now);
    await Promise.resolve();
    now--;
    if (name === 1) throw new Error('failed');
    return name;
  };
  const all = await Promise.allSettled([0, 1, 2, 3, 4].map((name) => lanes.run(task(name))));
  expect(all.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'fulfilled']);
  expect(begun).toEqual([0, 1, 2, 3, 4]);
  expect(most).toBe(2);
});

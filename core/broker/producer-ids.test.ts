import { expect, test } from 'vitest';
import { SimWorld } from '../ports/sim/world.ts';
import { ProducerIds } from './producer-ids.ts';

function open(blockSize: number) {
  const world = new SimWorld({ seed: 1 });
  const { clock } = world.process('broker').ports;
  const controller = { asked: 0, failures: 0 };
  const ids = new ProducerIds(async () => {
    controller.asked++;
    if (controller.failures-- > 0) throw new Error('no controller');
    return { first: controller.asked * 1000, count: blockSize };
  }, clock);
  const settle = <T>(promise: Promise<T>) => world.settle(promise, { untilTimeMs: 10_000 });
  return { ids, controller, settle };
}

test('each id is given once; the next block is there before the present one is used up', async () => {
  const { ids, controller, settle } = open(10);
  const first = await settle(Promise.all(Array.from({ length: 9 }, () => ids.take())));
  expect(first).toEqual([1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008]);
  expect(controller.asked).toBe(1);
  const rest = await settle(Promise.all(Array.from({ length: 15 }, () => ids.take())));
  expect(new Set([...first, ...rest]).size).toBe(24);
  expect(controller.asked).toBe(3);
});

test('a controller that fails is asked a few times; then there is no id, and later there is one again', async () => {
  const { ids, controller, settle } = open(10);
  controller.failures = 2;
  expect(await settle(ids.take())).toBe(3000);
  const { ids: others, controller: another, settle: settled } = open(10);
  another.failures = 3;
  expect(await settled(Promise.all([others.take(), others.take()]))).toEqual([null, null]);
  expect(await settled(others.take())).toBe(4000);
});

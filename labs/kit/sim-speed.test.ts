import { expect, test } from 'vitest';
import { measureSimSpeed, STANDARD } from './sim-speed.ts';

test('a plan is counted by its events and its virtual time; how long it takes is no matter of a test', async () => {
  const progress: number[] = [];
  const speed = await measureSimSpeed({
    ...STANDARD,
    seed: 5,
    plans: 1,
    warmupPlans: 0,
    onProgress: (done) => progress.push(done),
  });
  expect(speed.violations).toEqual([]);
  expect(speed.eventsPerPlan).toBeGreaterThan(100);
  expect(speed.virtualMsPerPlan).toBeGreaterThan(3000);
  expect(progress).toEqual([1]);
});

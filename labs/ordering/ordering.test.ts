import { expect, test } from 'vitest';
import type { InputRecord } from '../kit/input.ts';
import { type PlanRun, runPlan } from '../kit/run-plan.ts';
import { planOf, searchCounterexample, seedOf } from '../kit/search.ts';
import { decide } from '../kit/verdict.ts';
import type { Setup } from './app/setup.ts';
import {
  commitHighest,
  commitPolled,
  commitWatermark,
  fencedEffects,
  keyedQueues,
  lab,
  plainEffects,
  scenarioFrom,
  threadPool,
} from './lab.ts';
import { describePlan, type OrderingPlan, outgoingOf, planArbitrary } from './plan.ts';

type Parts = Parameters<typeof scenarioFrom>[0];

const airports = ['DTW', 'HNL', 'LAS', 'DFW', 'ORD'];
const input = Array.from({ length: 60 }, (_, at): InputRecord => {
  const origin = airports[at % airports.length]!;
  return { key: origin, value: JSON.stringify({ origin, destination: 'SFO', delay: at }) };
});

function run(parts: Parts, plan: OrderingPlan, seed: number): Promise<PlanRun> {
  return runPlan(scenarioFrom(parts), plan, { target: 'sim', client: 'mqlab', seed, input, options: {} });
}

async function search(parts: Parts, runs: number) {
  const scenario = scenarioFrom(parts);
  for (let index = 0; index < runs; index++) {
    const seed = seedOf(3, index);
    const made = await run(parts, planOf(scenario.plan, seed), seed);
    if (made.outcome.violations.length > 0) return made.outcome.violations;
  }
  return null;
}

const changed = (parts: Parts, setup: Partial<Setup>): Parts => ({ ...parts, setup: { ...parts.setup, ...setup } });

test('the pool: found by search, shrunk to two records of one key', async () => {
  const scenario = scenarioFrom(threadPool);
  const found = await searchCounterexample({
    arbitrary: scenario.plan,
    seed: 1,
    runs: 20,
    run: async (plan, seed) => (await run(threadPool, plan, seed)).outcome,
  });
  expect(found!.plan.records).toHaveLength(2);
  expect(new Set(found!.plan.records.map(({ key }) => key)).size).toBe(1);
  expect(found!.plan.workers).toBe(2);
  expect(describePlan(found!.plan).length).toBeLessThanOrEqual(10);
});

test('the cures hold', async () => {
  expect(await search(keyedQueues, 12)).toBeNull();
  expect(await search(commitWatermark, 12)).toBeNull();
  expect(await search(fencedEffects, 12)).toBeNull();
});

test('each cure taken out of the code turns its verdict', async () => {
  expect(await search(changed(keyedQueues, { dispatcher: 'round-robin-queues' }), 40)).toContain('KEY-ORDER');
  expect(await search(changed(keyedQueues, { dispatcher: 'thread-pool' }), 40)).toContain('KEY-ORDER');
  expect(await search(changed(commitWatermark, { policy: 'highest-finished' }), 40)).toContain('COMMIT-SAFE');
  expect(await search(changed(commitWatermark, { policy: 'highest-polled' }), 40)).toContain('COMMIT-SAFE');
  expect(await search(changed(fencedEffects, { store: 'plain' }), 40)).not.toBeNull();
});

test('every before is violated', async () => {
  expect(await search(commitPolled, 60)).toContain('EFFECT-LOSS');
  expect(await search(commitHighest, 60)).toContain('EFFECT-LOSS');
  expect(await search(plainEffects, 60)).toContain('KEY-ORDER');
});

test('with the faults off no verdict is green', async () => {
  const quiet = { faultKinds: [] };
  const evenWork = planArbitrary(quiet).map((plan) => ({
    ...plan,
    records: plan.records.map((record) => ({ ...record, units: 1 })),
  }));
  for (const parts of [
    threadPool,
    keyedQueues,
    commitPolled,
    commitHighest,
    commitWatermark,
    plainEffects,
    fencedEffects,
  ]) {
    const scenario = scenarioFrom({ ...parts, limits: quiet });
    const made: PlanRun[] = [];
    for (let index = 0; index < 6; index++) {
      const seed = seedOf(5, index);
      made.push(await run(parts, planOf(evenWork, seed), seed));
    }
    const decision = decide(
      {
        runs: made.length,
        invalid: made.filter(({ outcome }) => outcome.status === 'invalid').length,
        unknown: 0,
        legal: 0,
        exercised: scenario.exercised.map((goal) => ({
          goal,
          reached: made.filter(({ goals }) => goals.includes(goal)).length,
          of: made.length,
        })),
      },
      made.length,
    );
    expect([parts.id, decision.verdict]).toEqual([parts.id, 'inconclusive']);
  }
});

test('one plan and seed, one history', async () => {
  const { plan } = scenarioFrom(fencedEffects);
  for (let index = 0; index < 3; index++) {
    const seed = seedOf(9, index);
    const once = await run(fencedEffects, planOf(plan, seed), seed);
    expect((await run(fencedEffects, planOf(plan, seed), seed)).historyHash).toBe(once.historyHash);
  }
});

test('plans name real records, each value once', () => {
  const plan = planOf(planArbitrary({ faultKinds: [] }), 4);
  const values = outgoingOf(plan, input).map(({ value }) => value);
  expect(new Set(values).size).toBe(plan.records.length);
  expect(values[0]).toMatch(/^v0 \w+→SFO -?\d+ min late$/);
});

test('the lab’s scenarios name their code and their cures', async () => {
  const ids = new Set(lab.scenarios.map(({ id }) => id));
  for (const { fixes } of lab.scenarios) if (fixes !== undefined) expect(ids).toContain(fixes);
  expect(Object.keys(await lab.code!())).toContain('watermark');
});

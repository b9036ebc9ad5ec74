/** The lab itself: what is broken is found, what holds breaks when its fix is taken out, and without faults nothing is said. */
import { expect, test } from 'vitest';
import { readInput } from '../kit/input.ts';
import type { Scenario } from '../kit/lab.ts';
import { type PlanRun, runPlan } from '../kit/run-plan.ts';
import { planOf, searchCounterexample, seedOf } from '../kit/search.ts';
import { decide } from '../kit/verdict.ts';
import { lab } from './lab.ts';
import type { CommitPlan } from './plan.ts';
import { APPLICATIONS, type ApplicationName, PARTS, SCENARIOS, scenarioFrom } from './scenarios.ts';

const SEED = 1;
const input = await readInput({ recordsMax: 200 });

function run(scenario: Scenario<CommitPlan>, plan: CommitPlan, seed: number): Promise<PlanRun> {
  return runPlan(scenario, plan, { target: 'sim', client: 'mqlab', seed, input, options: {} });
}

const of = (id: keyof typeof PARTS): Scenario<CommitPlan> => SCENARIOS.find((known) => known.id === id)!;

/** Names that the first of `runs` plans with a violation shows; null when none does. */
async function violations(scenario: Scenario<CommitPlan>, runs: number): Promise<readonly string[] | null> {
  for (let index = 0; index < runs; index++) {
    const seed = seedOf(SEED, index);
    const { outcome } = await run(scenario, planOf(scenario.plan, seed), seed);
    if (outcome.violations.length > 0) return outcome.violations;
  }
  return null;
}

test.each([
  ['leave-mid-batch', 'EFFECT-LOSS'],
  ['hand-over', 'EFFECT-LOSS'],
] as const)(
  '%s is found broken, and its counterexample is small',
  async (id, violation) => {
    const scenario = of(id);
    const found = await searchCounterexample({
      arbitrary: scenario.plan,
      seed: SEED,
      runs: 60,
      run: async (plan, seed) => (await run(scenario, plan, seed)).outcome,
    });
    expect(scenario.describe(found!.plan).length).toBeLessThanOrEqual(4);
    const made = await run(scenario, found!.plan, found!.planSeed);
    expect(made.outcome.violations).toContain(violation);
    // One plan and one seed give one history.
    expect((await run(scenario, found!.plan, found!.planSeed)).historyHash).toBe(made.historyHash);
  },
  120_000,
);

test('every other before is violated', async () => {
  expect(await violations(of('repeat-after-kill'), 60)).toContain('EFFECT-DUPLICATE');
  expect(await violations(of('commit-in-batch'), 60)).toContain('EFFECT-LOSS');
  expect(await violations(of('async-only'), 150)).toContain('EFFECT-DUPLICATE');
}, 120_000);

test('what holds, holds', async () => {
  for (const id of ['finish-batch', 'commit-finished', 'commit-each', 'async-then-sync'] as const) {
    expect([id, await violations(of(id), 10)]).toEqual([id, null]);
  }
}, 120_000);

const withoutFix: readonly [keyof typeof PARTS, ApplicationName, string][] = [
  ['finish-batch', 'leave-mid-batch', 'EFFECT-LOSS'],
  ['commit-finished', 'hand-over', 'EFFECT-LOSS'],
  ['commit-each', 'commit-in-batch', 'COMMIT-SAFE'],
  ['async-then-sync', 'async-only', 'EFFECT-DUPLICATE'],
];

test.each(withoutFix)(
  '%s with the code of %s in its place: the verdict turns',
  async (id, other, violation) => {
    expect(await violations(scenarioFrom(PARTS[id], APPLICATIONS[other]), 150)).toContain(violation);
  },
  120_000,
);

test.each(['hand-over', 'commit-finished', 'async-then-sync'] as const)(
  '%s: with the faults off the verdict is inconclusive',
  async (id) => {
    const scenario = of(id);
    const goals = new Set<string>();
    for (let index = 0; index < 3; index++) {
      const seed = seedOf(SEED, index);
      const made = await run(scenario, { ...planOf(scenario.plan, seed), faults: [] }, seed);
      expect(made.outcome.status).toBe('valid');
      for (const goal of made.goals) goals.add(goal);
    }
    const exercised = scenario.exercised.map((goal) => ({ goal, reached: goals.has(goal) ? 1 : 0, of: 3 }));
    expect(decide({ runs: 3, invalid: 0, unknown: 0, legal: 0, exercised }, 3).verdict).toBe('inconclusive');
  },
  60_000,
);

test('every claim has its words, and every cure names what it cures', async () => {
  expect(lab.conclusions.map(({ claim }) => claim)).toEqual(lab.claims);
  const ids = new Set(SCENARIOS.map(({ id }) => id));
  for (const { fixes, fixesAlso = [] } of SCENARIOS) {
    for (const id of [...(fixes === undefined ? [] : [fixes]), ...fixesAlso]) expect(ids).toContain(id);
  }
  expect(Object.keys(await lab.code!())).toContain('commit-finished');
});

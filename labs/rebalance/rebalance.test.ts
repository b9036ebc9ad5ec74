/** The lab itself: what is broken is found, what holds breaks when its fix is taken out, and without faults nothing is said. */
import { expect, test } from 'vitest';
import { applyChecks } from '../kit/checkers/check.ts';
import { Recorder } from '../kit/history.ts';
import { readInput } from '../kit/input.ts';
import type { Scenario } from '../kit/lab.ts';
import { type PlanRun, runPlan } from '../kit/run-plan.ts';
import { planOf, searchCounterexample, seedOf } from '../kit/search.ts';
import { decide } from '../kit/verdict.ts';
import { ownerOfCommits } from './checks.ts';
import { changeOf, longestGap, OwnershipLog } from './figures/ownership.ts';
import { lab } from './lab.ts';
import { ASSIGNORS, type RebalancePlan } from './plan.ts';
import { PARTS, SCENARIOS, SETTINGS, scenarioFrom } from './scenarios.ts';

const SEED = 1;
const input = await readInput({ recordsMax: 200 });

function run(scenario: Scenario<RebalancePlan>, plan: RebalancePlan, seed: number): Promise<PlanRun> {
  return runPlan(scenario, plan, { target: 'sim', client: 'mqlab', seed, input, options: {} });
}

const of = (id: keyof typeof PARTS): Scenario<RebalancePlan> => SCENARIOS.find((known) => known.id === id)!;

async function violations(scenario: Scenario<RebalancePlan>, runs: number): Promise<readonly string[] | null> {
  for (let index = 0; index < runs; index++) {
    const seed = seedOf(SEED, index);
    const { outcome } = await run(scenario, planOf(scenario.plan, seed), seed);
    if (outcome.violations.length > 0) return outcome.violations;
  }
  return null;
}

test('commit-late is found broken, and its counterexample is small', async () => {
  const scenario = of('commit-late');
  const found = await searchCounterexample({
    arbitrary: scenario.plan,
    seed: SEED,
    runs: 60,
    run: async (plan, seed) => (await run(scenario, plan, seed)).outcome,
  });
  expect(scenario.describe(found!.plan).length).toBeLessThanOrEqual(6);
  const made = await run(scenario, found!.plan, found!.planSeed);
  expect(made.outcome.violations).toContain('COMMIT-MONOTONIC');
  expect((await run(scenario, found!.plan, found!.planSeed)).historyHash).toBe(made.historyHash);
}, 120_000);

test('every other before is violated', async () => {
  expect(await violations(of('by-hand'), 40)).toContain('COMMIT-MONOTONIC');
  expect(await violations(of('slow-loop'), 40)).toContain('EFFECT-DUPLICATE');
}, 120_000);

test('what holds, holds', async () => {
  expect(await violations(of('commit-on-revoke'), 15)).toBeNull();
  expect(await violations(of('orderly'), 15)).toBeNull();
}, 120_000);

test.each(['commit-on-revoke', 'orderly'] as const)(
  '%s without settling: the verdict turns',
  async (id) => {
    const found = await violations(scenarioFrom(PARTS[id], SETTINGS['commit-late']), 60);
    expect(found).toContain('COMMIT-MONOTONIC');
  },
  120_000,
);

test.each(['commit-late', 'commit-on-revoke', 'orderly'] as const)(
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

test('plans name each assignor', () => {
  const seen = new Set(Array.from({ length: 40 }, (_, at) => planOf(of('orderly').plan, seedOf(2, at)).assignor));
  expect([...seen].sort()).toEqual([...ASSIGNORS].sort());
});

test('ownership of commits: a commit after the partition has gone is seen, an effect then is not, and the owner may commit', () => {
  const at = { topic: 't', partition: 0 };
  const history = (last: 'late commit' | 'late effect' | 'own commit'): Recorder => {
    const made = new Recorder(() => 0);
    made.note('c1', { type: 'assign', group: 'g', generation: 1, partitions: [at] });
    made.note('c1', { type: 'revoke', group: 'g', generation: 1, partitions: [at] });
    made.note('c2', { type: 'assign', group: 'g', generation: 2, partitions: [at] });
    if (last === 'late effect') made.note('c1', { type: 'effect', key: null, value: 'v0', generation: 1, ...at });
    else
      made.note(last === 'own commit' ? 'c2' : 'c1', { type: 'commit', group: 'g', generation: 2, offset: 1, ...at });
    return made;
  };
  const status = (last: Parameters<typeof history>[0]): string =>
    applyChecks([ownerOfCommits], history(last))[0]!.status;
  expect(status('late commit')).toBe('invalid');
  expect(status('late effect')).toBe('valid');
  expect(status('own commit')).toBe('valid');
});

test('moves and silences are counted from what was written down', () => {
  let now = 0;
  const log = new OwnershipLog(() => now);
  const [a, b] = [
    { topic: 't', partition: 0 },
    { topic: 't', partition: 1 },
  ];
  log.owns('c1', [a]);
  log.owns('c2', [b]);
  log.delivered(a);
  log.delivered(b);
  const before = log.assignment;
  now = 10;
  log.owns('c2', []);
  log.owns('c1', []);
  now = 30;
  log.owns('c1', [a, b]);
  log.delivered(a);
  now = 50;
  log.delivered(b);
  const change = changeOf(log, before, log.assignment, 'c2', 5, 60);
  expect(change).toMatchObject({ moved: 1, needed: 1, silenceMs: 50, keptSilenceMs: 30, interrupted: 1 });
  expect(longestGap([0, 10, 40], 15, 20)).toBe(30);
});

test('every claim has its words', async () => {
  expect(lab.conclusions.map(({ claim }) => claim)).toEqual(lab.claims);
  expect(Object.keys(await lab.code!())).toContain('commit-on-revoke');
});

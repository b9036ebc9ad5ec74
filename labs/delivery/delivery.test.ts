/** The lab itself: what is broken is found and shrunk, what holds breaks when its fix is taken out, and without faults nothing is said. */
import { expect, test } from 'vitest';
import { readInput } from '../kit/input.ts';
import { type PlanRun, runPlan } from '../kit/run-plan.ts';
import { planOf, searchCounterexample, seedOf } from '../kit/search.ts';
import { decide } from '../kit/verdict.ts';
import { lab } from './lab.ts';
import type { DeliveryPlan } from './plan.ts';
import {
  AT_LEAST_ONCE,
  AT_MOST_ONCE,
  COMMIT_FIRST,
  COPY,
  OFFSET_APART,
  OFFSET_IN_DATABASE,
  OFFSET_OVERWRITTEN,
  type Parts,
  PROCESS_FIRST,
  SCENARIOS,
  scenarioOf,
  TRANSACTION,
  TRANSACTION_APART,
  TRANSACTION_MAIL,
} from './scenarios.ts';
import { WAYS } from './ways.ts';

const SEED = 3;
const input = await readInput({ recordsMax: 200 });

function run(parts: Parts, plan: DeliveryPlan, seed: number): Promise<PlanRun> {
  const scenario = scenarioOf(parts, 'after', 'holds');
  return runPlan(scenario, plan, { target: 'sim', client: 'mqlab', seed, input, options: {} });
}

/** What the first of these plans to break something broke; null when none did. */
async function search(parts: Parts, runs: number): Promise<readonly string[] | null> {
  const { plan } = scenarioOf(parts, 'after', 'holds');
  for (let index = 0; index < runs; index++) {
    const seed = seedOf(SEED, index);
    const { outcome } = await run(parts, planOf(plan, seed), seed);
    if (outcome.violations.length > 0) return outcome.violations;
  }
  return null;
}

test.each([
  [COMMIT_FIRST, 'EFFECT-LOSS'],
  [PROCESS_FIRST, 'EFFECT-DUPLICATE'],
  [COPY, 'EFFECT-DUPLICATE'],
  [TRANSACTION_APART, 'EFFECT-DUPLICATE'],
  [TRANSACTION_MAIL, 'EFFECT-DUPLICATE'],
  [OFFSET_APART, 'EFFECT-DUPLICATE'],
  [OFFSET_OVERWRITTEN, 'EFFECT-DUPLICATE'],
])(
  '$id is found broken: %s',
  async (parts, violation) => {
    expect(await search(parts, 60)).toContain(violation);
  },
  120_000,
);

test('a counterexample is one record and one kill, and one plan and seed give one history', async () => {
  const scenario = scenarioOf(COPY, 'before', 'violated');
  const found = await searchCounterexample({
    arbitrary: scenario.plan,
    seed: SEED,
    runs: 40,
    run: async (plan, seed) => (await run(COPY, plan, seed)).outcome,
  });
  const { plan, planSeed } = found!;
  expect(plan.records).toHaveLength(1);
  expect(plan.faults).toHaveLength(1);
  const once = await run(COPY, plan, planSeed);
  expect((await run(COPY, plan, planSeed)).historyHash).toBe(once.historyHash);
}, 120_000);

test('the guarantees and the cures hold', async () => {
  for (const parts of [AT_MOST_ONCE, AT_LEAST_ONCE, TRANSACTION, OFFSET_IN_DATABASE]) {
    expect([parts.id, await search(parts, 10)]).toEqual([parts.id, null]);
  }
}, 120_000);

test.each<readonly [string, Parts, number]>([
  ['at most once with the effect first', { ...AT_MOST_ONCE, way: 'process-first' }, 60],
  ['at least once with the commit first', { ...AT_LEAST_ONCE, way: 'commit-first' }, 60],
  ['the transaction without the offsets', { ...TRANSACTION, way: 'transaction-apart' }, 60],
  ['the transaction is no transaction', { ...TRANSACTION, way: 'copy' }, 60],
  ['the offset is not compared', { ...OFFSET_IN_DATABASE, way: 'offset-overwritten' }, 60],
  ['two transactions for one', { ...OFFSET_IN_DATABASE, way: 'offset-apart' }, 60],
])(
  'taken out, and the verdict turns: %s',
  async (_what, parts, runs) => {
    expect(await search(parts, runs)).not.toBeNull();
  },
  120_000,
);

test('with the faults off the verdict is inconclusive', async () => {
  for (const parts of [COMMIT_FIRST, PROCESS_FIRST, TRANSACTION, OFFSET_IN_DATABASE]) {
    const { plan, exercised } = scenarioOf(parts, 'after', 'holds');
    const seed = seedOf(SEED, 0);
    const made = await run(parts, { ...planOf(plan, seed), faults: [] }, seed);
    expect([parts.id, made.outcome.status]).toEqual([parts.id, 'valid']);
    const reached = exercised.map((goal) => ({ goal, reached: made.goals.includes(goal) ? 1 : 0, of: 1 }));
    const { verdict } = decide({ runs: 1, invalid: 0, unknown: 0, legal: 0, exercised: reached }, 1);
    expect([parts.id, verdict]).toEqual([parts.id, 'inconclusive']);
  }
}, 60_000);

test('every claim has its words, every way a scenario, every cure its counterexample', async () => {
  expect(lab.conclusions.map(({ claim }) => claim)).toEqual(lab.claims);
  const ids = new Set(SCENARIOS.map(({ id }) => id));
  for (const name of Object.keys(WAYS)) expect(ids).toContain(name);
  for (const { fixes, fixesAlso = [] } of SCENARIOS) {
    for (const id of [...(fixes === undefined ? [] : [fixes]), ...fixesAlso]) expect(ids).toContain(id);
  }
  expect(Object.keys(await lab.code!())).toContain('offset-in-database');
});

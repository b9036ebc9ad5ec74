/** The lab itself: disorder is found and shrunk, a cure breaks when it is taken out, and a link that never fails proves nothing. */
import { expect, test } from 'vitest';
import { readInput } from '../kit/input.ts';
import type { FigureContext } from '../kit/lab.ts';
import { type PlanRun, runPlan } from '../kit/run-plan.ts';
import { planOf, searchCounterexample, seedOf } from '../kit/search.ts';
import { openTarget } from '../kit/targets/open-target.ts';
import { decide } from '../kit/verdict.ts';
import { offsetPictures } from './figures/offsets.ts';
import { retryTable } from './figures/retries.ts';
import { lab } from './lab.ts';
import type { ReorderPlan } from './plan.ts';
import { clientWay } from './run.ts';
import {
  AWAIT_EACH,
  FIVE_AND_LEADER,
  FIVE_IN_FLIGHT,
  FIVE_REMEMBERED,
  IDEMPOTENT,
  IDEMPOTENT_LEADER,
  ONE_IN_FLIGHT,
  ONE_REPEATS,
  type Parts,
  SCENARIOS,
  SIX_IN_FLIGHT,
  scenarioOf,
  windowWay,
} from './scenarios.ts';

const SEED = 3;
const input = await readInput({ recordsMax: 200 });

function run(parts: Parts, plan: ReorderPlan, seed: number): Promise<PlanRun> {
  const scenario = scenarioOf(parts, 'after');
  return runPlan(scenario, plan, { target: 'sim', client: 'mqlab', seed, input, options: {} });
}

/** What the first of these plans to break something broke; null when none did. */
async function search(parts: Parts, runs: number, goals = new Set<string>()): Promise<readonly string[] | null> {
  const { plan } = scenarioOf(parts, 'after');
  for (let index = 0; index < runs; index++) {
    const seed = seedOf(SEED, index);
    const { outcome, goals: reached } = await run(parts, planOf(plan, seed), seed);
    for (const goal of reached) goals.add(goal);
    if (outcome.violations.length > 0) return outcome.violations;
  }
  return null;
}

test.each([
  [FIVE_IN_FLIGHT, 'NONMONOTONIC-SEND', IDEMPOTENT],
  [FIVE_AND_LEADER, 'NONMONOTONIC-SEND', IDEMPOTENT_LEADER],
  [ONE_REPEATS, 'DUPLICATE', IDEMPOTENT],
  [SIX_IN_FLIGHT, 'DUPLICATE', FIVE_REMEMBERED],
])(
  '$id is found broken and shrunk: %s; replayed it is the same, and the cure holds on it',
  async (parts, violation, cure) => {
    const found = await searchCounterexample({
      arbitrary: scenarioOf(parts, 'before').plan,
      seed: SEED,
      runs: 150,
      run: async (plan, seed) => (await run(parts, plan, seed)).outcome,
    });
    const { plan, planSeed } = found!;
    // After an election the first two are sent again in one batch: a third must overtake them.
    const recordsMax = new Map<Parts, number>([
      [SIX_IN_FLIGHT, 6],
      [FIVE_AND_LEADER, 3],
    ]);
    expect(plan.records.length).toBeLessThanOrEqual(recordsMax.get(parts) ?? 2);
    expect(plan.faults).toHaveLength(1);
    const once = await run(parts, plan, planSeed);
    expect(once.outcome.violations).toContain(violation);
    expect((await run(parts, plan, planSeed)).historyHash).toBe(once.historyHash);
    const cured = await run(cure, plan, planSeed);
    expect(cured.outcome.status).toBe('valid');
  },
  120_000,
);

test('the cures hold, and every fault strikes while it can harm', async () => {
  for (const parts of [ONE_IN_FLIGHT, AWAIT_EACH, IDEMPOTENT, IDEMPOTENT_LEADER, FIVE_REMEMBERED]) {
    const goals = new Set<string>();
    expect([parts.id, await search(parts, 30, goals)]).toEqual([parts.id, null]);
    expect([...goals]).toEqual(expect.arrayContaining([...scenarioOf(parts, 'after').exercised]));
  }
}, 120_000);

test.each<readonly [string, Parts]>([
  ['five in flight for one', { ...ONE_IN_FLIGHT, way: FIVE_IN_FLIGHT.way }],
  ['nobody waits', { ...AWAIT_EACH, way: FIVE_IN_FLIGHT.way }],
  ['no idempotence', { ...IDEMPOTENT, way: clientWay({ idempotence: false }) }],
  ['seven for five', { ...FIVE_REMEMBERED, way: windowWay(7) }],
])(
  'taken out, and the verdict turns: %s',
  async (_what, parts) => {
    expect(await search(parts, 150)).not.toBeNull();
  },
  120_000,
);

test('with the faults off the verdict is inconclusive', async () => {
  for (const parts of [ONE_IN_FLIGHT, AWAIT_EACH, IDEMPOTENT, FIVE_REMEMBERED]) {
    const { plan, exercised } = scenarioOf(parts, 'after');
    const seed = seedOf(SEED, 0);
    const made = await run(parts, { ...planOf(plan, seed), faults: [] }, seed);
    expect([parts.id, made.outcome.status]).toEqual([parts.id, 'valid']);
    const reached = exercised.map((goal) => ({ goal, reached: made.goals.includes(goal) ? 1 : 0, of: 1 }));
    const { verdict } = decide({ runs: 1, invalid: 0, unknown: 0, legal: 0, exercised: reached }, 1);
    expect([parts.id, verdict]).toEqual([parts.id, 'inconclusive']);
  }
}, 60_000);

test('six in flight are refused where idempotence is asked for by name', async () => {
  const plan: ReorderPlan = { records: [{ key: 0 }], gapMs: 1, faults: [] };
  const way = clientWay({ idempotence: true, maxInFlight: 6 });
  await expect(run({ ...IDEMPOTENT, way }, plan, 1)).rejects.toThrow('from 1 to 5, not 6');
});

test('the pictures show disorder before and none after; five of six batches are remembered', async () => {
  const open: FigureContext['open'] = (kind) => openTarget(kind, { seed: SEED });
  const context = { seed: SEED, input, options: {}, open } as unknown as FigureContext;
  const { figures, charts } = await offsetPictures(context);
  expect(figures['offsets.late.five']!.value).toBeGreaterThan(0);
  expect(figures['offsets.late.one']!.value).toBe(0);
  expect(figures['offsets.late.idempotent']!.value).toBe(0);
  expect(Object.keys(charts)).toEqual(['offsets-before', 'offsets-after']);
  const retries = await retryTable(context);
  expect(retries.figures['retries.known']!.value).toBe(5);
  expect(retries.figures['retries.refused']!.value).toBe(1);
}, 60_000);

test('every claim has its words, every cure its counterexample', async () => {
  expect(lab.conclusions.map(({ claim }) => claim)).toEqual(lab.claims);
  const ids = new Set(SCENARIOS.map(({ id }) => id));
  for (const { fixes, fixesAlso = [] } of SCENARIOS) {
    for (const id of [...(fixes === undefined ? [] : [fixes]), ...fixesAlso]) expect(ids).toContain(id);
  }
  expect(Object.keys(await lab.code!())).toEqual(['without-waiting', 'await-each', 'recover']);
});

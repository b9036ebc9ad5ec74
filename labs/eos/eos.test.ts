/** The lab itself: what is broken is found and shrunk, the sound application holds, each decision taken out of it turns the verdict, and without faults nothing is said. */
import { expect, test } from 'vitest';
import { readInput } from '../kit/input.ts';
import { type PlanRun, runPlan } from '../kit/run-plan.ts';
import { planOf, searchCounterexample, seedOf } from '../kit/search.ts';
import { decide } from '../kit/verdict.ts';
import { lab } from './lab.ts';
import { describePlan, type EosPlan } from './plan.ts';
import { sourceOf } from './run.ts';
import {
  BY_PARTITION,
  GROUP_ONLY,
  LATE_END_1,
  LATE_END_2,
  LATE_TAKE_OVER,
  NO_SEEK,
  OPERATOR,
  type Parts,
  PLAIN,
  RANDOM_ID,
  SCENARIOS,
  scenarioOf,
  TIMEOUT,
  TRANSACTION,
  UNCOMMITTED,
} from './scenarios.ts';
import type { EosSetup } from './setup.ts';

const SEED = 3;
const input = await readInput({ recordsMax: 200 });

function run(parts: Parts, plan: EosPlan, seed: number): Promise<PlanRun> {
  return runPlan(scenarioOf(parts, 'after'), plan, { target: 'sim', client: 'mqlab', seed, input, options: {} });
}

/** What the first of these plans to break something broke; null when none did. */
async function search(parts: Parts, runs: number): Promise<readonly string[] | null> {
  const { plan } = scenarioOf(parts, 'after');
  for (let index = 0; index < runs; index++) {
    const seed = seedOf(SEED, index);
    const { outcome } = await run(parts, planOf(plan, seed), seed);
    if (outcome.violations.length > 0) return outcome.violations;
  }
  return null;
}

const changed = (parts: Parts, change: Partial<EosSetup>, setup: Partial<EosSetup['setup']> = {}): Parts => ({
  ...parts,
  setup: { ...parts.setup, ...change, setup: { ...parts.setup.setup, ...setup } },
});

test.each([
  [PLAIN, 'EFFECT-DUPLICATE'],
  [UNCOMMITTED, 'EFFECT-DUPLICATE'],
  [NO_SEEK, 'EFFECT-LOSS'],
  [GROUP_ONLY, 'EFFECT-DUPLICATE'],
  [RANDOM_ID, 'LIVENESS'],
  [LATE_TAKE_OVER, 'LIVENESS'],
  [LATE_END_1, 'ABORTED-READ'],
])(
  '$id is found broken: %s',
  async (parts, violation) => {
    expect(await search(parts, 60)).toContain(violation);
  },
  120_000,
);

test('a counterexample is shrunk to a few lines, and one plan and seed give one history', async () => {
  const scenario = scenarioOf(NO_SEEK, 'before');
  const found = await searchCounterexample({
    arbitrary: scenario.plan,
    seed: SEED,
    runs: 40,
    run: async (plan, seed) => (await run(NO_SEEK, plan, seed)).outcome,
  });
  const { plan, planSeed } = found!;
  expect(describePlan(plan).length).toBeLessThanOrEqual(5);
  const once = await run(NO_SEEK, plan, planSeed);
  expect((await run(NO_SEEK, plan, planSeed)).historyHash).toBe(once.historyHash);
}, 120_000);

test('the sound ones hold', async () => {
  for (const parts of [TRANSACTION, BY_PARTITION, TIMEOUT, OPERATOR, LATE_END_2]) {
    expect([parts.id, await search(parts, 8)]).toEqual([parts.id, null]);
  }
}, 120_000);

test.each<readonly [string, Parts, number]>([
  ['the reader reads uncommitted', changed(TRANSACTION, { reader: 'read_uncommitted' }), 60],
  ['no seek after an abort', changed(TRANSACTION, {}, { afterAbort: 'go-on' }), 60],
  ['offsets of the group alone', changed(TRANSACTION, {}, { offsets: 'group-only' }), 60],
  ['it looks back uncommitted', changed(TRANSACTION, { lookBack: 'read_uncommitted' }), 20],
  ['a new id at each start', changed(TRANSACTION, { ids: 'random' }), 40],
  ['an id for the process, where it stood for the partition', changed(BY_PARTITION, { ids: 'by-process' }), 40],
  ['the time-out is the default', changed(TIMEOUT, { transactionTimeoutMs: 60_000 }), 20],
  ['the operator is away', changed(OPERATOR, { operator: false }), 20],
  ['the client is from before KIP-890', changed(LATE_END_2, { transactionVersionMax: 1 }), 120],
])(
  'taken out, and the verdict turns: %s',
  async (_what, parts, runs) => {
    expect(await search(parts, runs)).not.toBeNull();
  },
  120_000,
);

test('with the faults off the verdict is inconclusive', async () => {
  for (const parts of [PLAIN, TRANSACTION, RANDOM_ID, LATE_END_2]) {
    const { plan, exercised } = scenarioOf(parts, 'after');
    const seed = seedOf(SEED, 0);
    const made = await run(parts, { ...planOf(plan, seed), faults: [] }, seed);
    expect([parts.id, made.outcome.status]).toEqual([parts.id, 'valid']);
    const reached = exercised.map((goal) => ({ goal, reached: made.goals.includes(goal) ? 1 : 0, of: 1 }));
    const { verdict } = decide({ runs: 1, invalid: 0, unknown: 0, legal: 0, exercised: reached }, 1);
    expect([parts.id, verdict]).toEqual([parts.id, 'inconclusive']);
  }
}, 60_000);

test('every claim has its words, every cure its counterexample, every excerpt its code', async () => {
  expect(lab.conclusions.map(({ claim }) => claim)).toEqual(lab.claims);
  const ids = new Set(SCENARIOS.map(({ id }) => id));
  for (const { fixes, fixesAlso = [] } of SCENARIOS) {
    for (const id of [...(fixes === undefined ? [] : [fixes]), ...fixesAlso]) expect(ids).toContain(id);
  }
  expect(Object.keys(await lab.code!())).toContain('read-process-write');
  expect(sourceOf('notice 3 of v0 ABQ→DAL 580 mi')).toBe('v0 ABQ→DAL 580 mi');
});

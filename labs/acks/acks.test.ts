/** The lab itself: each loss is found and shrunk, the safe setups hold on it, each setting taken out turns the verdict, and the figures say what they are to say. */
import { expect, test } from 'vitest';
import { readInput } from '../kit/input.ts';
import { type PlanRun, runPlan } from '../kit/run-plan.ts';
import { planOf, searchCounterexample, seedOf } from '../kit/search.ts';
import { decide } from '../kit/verdict.ts';
import { observeAnswers } from './figures/answers.ts';
import { drawReplicas } from './figures/replicas.ts';
import { makeSetupsMap } from './figures/setups-map.ts';
import { lab } from './lab.ts';
import { type AcksPlan, describePlan } from './plan.ts';
import {
  ACKS_0,
  ACKS_1,
  BEFORE,
  FLUSH,
  LAST,
  MIN_1_KILLS,
  MIN_IN_SYNC_1,
  ONE_REPLICA,
  type Parts,
  POWER,
  POWER_IN_TURN,
  SAFE_PARTS,
  SAFE_POWER,
  SCENARIOS,
  scenarioOf,
  UNCLEAN,
} from './scenarios.ts';

const SEED = 20_260_101;
const input = await readInput({ recordsMax: 200 });

function run(parts: Parts, plan: AcksPlan, seed: number): Promise<PlanRun> {
  const variant = BEFORE.some(({ id }) => id === parts.id) ? 'before' : 'after';
  return runPlan(scenarioOf(parts, variant), plan, { target: 'sim', client: 'mqlab', seed, input, options: {} });
}

function counterexample(parts: Parts, runs = 40) {
  return searchCounterexample({
    arbitrary: scenarioOf(parts, 'before').plan,
    seed: SEED,
    runs,
    run: async (plan, seed) => (await run(parts, plan, seed)).outcome,
  });
}

test.each<readonly [Parts, number, readonly Parts[]]>([
  [ACKS_0, 3, [SAFE_PARTS]],
  [ACKS_1, 3, [SAFE_PARTS, MIN_1_KILLS]],
  [MIN_IN_SYNC_1, 3, [SAFE_PARTS, FLUSH]],
  [ONE_REPLICA, 2, [FLUSH, SAFE_POWER]],
  [UNCLEAN, 3, [SAFE_PARTS]],
  [POWER, 2, [FLUSH]],
  [POWER_IN_TURN, 3, [FLUSH]],
  [LAST, 5, [FLUSH]],
])(
  '$id loses: shrunk to a few lines that replay to the same history, and the cures hold on them',
  async (parts, linesMax, cures) => {
    const { plan, planSeed } = (await counterexample(parts))!;
    expect(describePlan(plan).length).toBeLessThanOrEqual(linesMax);
    const once = await run(parts, plan, planSeed);
    expect(once.outcome.violations.some((name) => name === 'LOST-WRITE' || name === 'UNSEEN')).toBe(true);
    expect((await run(parts, plan, planSeed)).historyHash).toBe(once.historyHash);
    for (const cure of cures) {
      expect([cure.id, (await run(cure, plan, planSeed)).outcome.status]).toEqual([cure.id, 'valid']);
    }
  },
  120_000,
);

test('the cures hold on random plans', async () => {
  for (const parts of [SAFE_PARTS, SAFE_POWER, MIN_1_KILLS, FLUSH]) {
    for (let index = 0; index < 5; index++) {
      const seed = seedOf(SEED, index);
      const { outcome } = await run(parts, planOf(scenarioOf(parts, 'after').plan, seed), seed);
      expect([parts.id, index, outcome.violations]).toEqual([parts.id, index, []]);
    }
  }
}, 120_000);

test('a setting taken out of the safe setup, and the verdict turns', async () => {
  for (const [parts, change] of [
    [ACKS_1, { acks: 1 }],
    [UNCLEAN, { unclean: true }],
  ] as const) {
    const careless = { ...parts, setup: { ...SAFE_PARTS.setup, ...change } };
    expect([parts.id, await counterexample(careless, 20)]).not.toEqual([parts.id, null]);
  }
}, 120_000);

test('with the faults off the verdict is inconclusive', async () => {
  for (const parts of [SAFE_PARTS, SAFE_POWER, MIN_1_KILLS, FLUSH]) {
    const { plan, exercised } = scenarioOf(parts, 'after');
    const seed = seedOf(SEED, 0);
    const made = await run(parts, { ...planOf(plan, seed), faults: [] }, seed);
    expect([parts.id, made.outcome.status]).toEqual([parts.id, 'valid']);
    const reached = exercised.map((goal) => ({ goal, reached: made.goals.includes(goal) ? 1 : 0, of: 1 }));
    const { verdict } = decide({ runs: 1, invalid: 0, unknown: 0, legal: 0, exercised: reached }, 1);
    expect([parts.id, verdict]).toEqual([parts.id, 'inconclusive']);
  }
}, 60_000);

test('what each acks waits for', async () => {
  const { isSo, figures } = await observeAnswers(SEED);
  expect(isSo).toBe(true);
  expect(figures['answers.count.0']!.value).toBe(0);
}, 60_000);

test('over the same faults one topic loses and the other waits', async () => {
  const { figures, charts } = await drawReplicas(input, SEED);
  expect(figures['replicas.lost.1']!.value).toBeGreaterThan(0);
  expect(figures['replicas.lost.2']!.value).toBe(0);
  expect(figures['replicas.waited.2']!.value).toBeGreaterThan(figures['replicas.waited.1']!.value);
  expect(charts['replicas-min-1']!.series.every(({ points }) => points.length > 1)).toBe(true);
}, 60_000);

test('the map: safe rows hold, and unclean elections lose', async () => {
  const { loss } = await makeSetupsMap(input, SEED, 1);
  const toneOf = (row: string, column: string): string | undefined =>
    loss.cells.find((cell) => loss.rows[cell.row] === row && loss.columns[cell.column] === column)!.tone;
  for (const column of loss.columns)
    expect([column, toneOf('all, min ISR 2, flush', column)]).toEqual([column, 'good']);
  expect(toneOf('acks=1', 'lag, dies')).toBe('bad');
  expect(toneOf('all, min ISR 2', 'lag, dies')).toBe('good');
  expect(toneOf('all, min ISR 1, unclean', 'alone, dies')).toBe('bad');
}, 120_000);

test('every claim has its words, every cure its counterexample, every excerpt its code', async () => {
  expect(lab.conclusions.map(({ claim }) => claim)).toEqual(lab.claims);
  const ids = new Set(SCENARIOS.map(({ id }) => id));
  for (const { fixes, fixesAlso = [] } of SCENARIOS) {
    for (const id of [...(fixes === undefined ? [] : [fixes]), ...fixesAlso]) expect(ids).toContain(id);
  }
  expect(Object.keys(await lab.code!())).toEqual(['safe', 'topic']);
});

/** The lab itself: what is broken is found and shrunk, the cures hold, a short campaign breaks nothing, and the figures say what the text says. */
import { expect, test } from 'vitest';
import type { Scenario } from '../kit/lab.ts';
import { type PlanRun, runPlan } from '../kit/run-plan.ts';
import { planOf, searchCounterexample, seedOf } from '../kit/search.ts';
import { openTarget } from '../kit/targets/open-target.ts';
import { QUICK_TIMES, SIM_TIMES } from './cluster-settings.ts';
import { watermarkPicture } from './figures/watermark.ts';
import { lab } from './lab.ts';
import { SCENARIOS } from './scenarios.ts';

const SEED = 3;

function scenario(id: string): Scenario<unknown> {
  return SCENARIOS.find((each) => each.id === id) as Scenario<unknown>;
}

function run(id: string, plan: unknown, seed: number): Promise<PlanRun> {
  return runPlan(scenario(id), plan, { target: 'sim', client: 'mqlab', seed, input: [], options: {} });
}

test.each([
  ['acks-1', 'acks-all'],
  ['retries', 'idempotent'],
])(
  '%s is found broken and shrunk, replays, and %s holds on the same plan',
  async (before, after) => {
    const found = await searchCounterexample({
      arbitrary: scenario(before).plan,
      seed: SEED,
      runs: 30,
      run: async (plan, seed) => (await run(before, plan, seed)).outcome,
    });
    const { plan, planSeed } = found!;
    expect(scenario(before).describe(plan).length).toBeLessThanOrEqual(3);
    const once = await run(before, plan, planSeed);
    expect((await run(before, plan, planSeed)).historyHash).toBe(once.historyHash);
    expect((await run(after, plan, planSeed)).outcome.violations).toEqual([]);
  },
  120_000,
);

test('a short campaign breaks nothing, and one plan and seed give one history', async () => {
  for (const [id, runs] of [
    ['agreement', 4],
    ['storm', 3],
    ['controllers', 2],
  ] as const) {
    for (let index = 0; index < runs; index++) {
      const seed = seedOf(SEED, index);
      const made = await run(id, planOf(scenario(id).plan, seed), seed);
      expect([id, index, made.outcome.violations]).toEqual([id, index, []]);
    }
  }
  const seed = seedOf(SEED, 0);
  const plan = planOf(scenario('agreement').plan, seed);
  expect((await run('agreement', plan, seed)).historyHash).toBe((await run('agreement', plan, seed)).historyHash);
}, 120_000);

test('the watermark is the minimum over the replicas in sync, and a deposed leader cuts its log', async () => {
  const settings = { seed: SEED, brokers: 3, controllers: 1, broker: { 'min.insync.replicas': '2', ...QUICK_TIMES } };
  const target = await openTarget('sim', settings);
  try {
    const picture = await target.run(() => watermarkPicture(target, SIM_TIMES.lag));
    expect(picture).toMatchObject({ lagHolds: true, watermarkHolds: true, returnHolds: true });
  } finally {
    await target.close();
  }
}, 60_000);

test('every claim has its words, every cure its counterexample', () => {
  expect(lab.conclusions.map(({ claim }) => claim)).toEqual(lab.claims);
  const ids = SCENARIOS.map(({ id }) => id);
  for (const { fixes } of SCENARIOS) if (fixes !== undefined) expect(ids).toContain(fixes);
});

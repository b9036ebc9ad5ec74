/**
 * The lab under test: its cure holds, each of its parts is needed, and a lab whose faults are switched off proves nothing.
 */
import { expect, test } from 'vitest';
import { readInput } from '../kit/input.ts';
import type { Scenario } from '../kit/lab.ts';
import { runPlan } from '../kit/run-plan.ts';
import { planOf, seedOf } from '../kit/search.ts';
import { type Coverage, decide } from '../kit/verdict.ts';
import { cutBackAtOnce } from './app/cut-back.ts';
import { dispatchHastily } from './app/hasty-dispatcher.ts';
import { dispatchRoundRobin } from './app/round-robin-dispatcher.ts';
import { lab } from './lab.ts';
import { type BacklogPlan, describePlan } from './plan.ts';
import { BY_KEY, CURE, CURE_CHECKS, CURE_PLANS, drainScenario, RETURN_PLANS, SCENARIOS } from './scenarios.ts';

const SEED = 7;
const input = await readInput({ recordsMax: 400 });

const settingsOf = (seed: number) => ({ target: 'sim', client: 'mqlab', seed, input, options: {} }) as const;

/** Runs plans by number until one breaks something. */
async function search(
  scenario: Scenario<BacklogPlan>,
  runsMax: number,
): Promise<{ coverage: Coverage; found: string[] }> {
  const reached = new Map<string, number>(scenario.exercised.map((goal) => [goal, 0]));
  let unknown = 0;
  let found: string[] = [];
  let runs = 0;
  for (; runs < runsMax && found.length === 0; runs++) {
    const seed = seedOf(SEED, runs);
    const { outcome, goals } = await runPlan(scenario, planOf(scenario.plan, seed), settingsOf(seed));
    found = [...outcome.violations];
    if (outcome.status === 'unknown') unknown++;
    for (const goal of goals) if (reached.has(goal)) reached.set(goal, reached.get(goal)! + 1);
  }
  const exercised = [...reached].map(([goal, count]) => ({ goal, reached: count, of: runs }));
  return { coverage: { runs, invalid: found.length > 0 ? 1 : 0, unknown, legal: 0, exercised }, found };
}

const cureWith = (part: Partial<typeof CURE>, plans = CURE_PLANS): Scenario<BacklogPlan> =>
  drainScenario({
    id: 'mutant',
    title: 'the cure with one part taken out',
    variant: 'after',
    strategy: { ...CURE, ...part },
    plans,
    checks: CURE_CHECKS,
    exercised: ['fault:crash-app'],
  });

test('the cure holds, and its plans reach what they must', { timeout: 60_000 }, async () => {
  const { coverage } = await search(BY_KEY, 24);
  expect(decide(coverage, 24).verdict).toBe('holds');
});

test.each([
  [
    'the key, dispatched in turn instead',
    cureWith({ dispatch: dispatchRoundRobin }),
    ['KEY-ORDER', 'EFFECT-DUPLICATE'],
  ],
  ['the acknowledgement, committed first instead', cureWith({ dispatch: dispatchHastily }), ['EFFECT-LOSS']],
  ['the dropping of repeats', cureWith({ repeats: 'applied' }), ['EFFECT-DUPLICATE']],
  [
    'the empty temporary topic, returned at once instead',
    cureWith({ cutBack: cutBackAtOnce }, { ...RETURN_PLANS, killed: ['d1'], killsMax: 1 }),
    ['KEY-ORDER'],
  ],
] as const)('without %s the verdict turns', { timeout: 60_000 }, async (_part, mutant, names) => {
  const { coverage, found } = await search(mutant, 150);
  expect(decide(coverage, coverage.runs).verdict).toBe('violated');
  expect(names.some((name) => found.includes(name))).toBe(true);
});

test.each([
  ['by-key', { killsMin: 0, killsMax: 0 }],
  ['killed-dispatcher', { killsMin: 0, killsMax: 0 }],
  ['commit-first', { killsMin: 0, killsMax: 0 }],
  ['round-robin', { backlogMax: 1 }],
  ['early-return', { lateMin: 0, lateMax: 0 }],
] as const)('%s with its fault switched off is inconclusive', { timeout: 60_000 }, async (id, off) => {
  const scenario = SCENARIOS.find((one) => one.id === id)!;
  const limits = id === 'by-key' ? CURE_PLANS : { ...RETURN_PLANS, ...CURE_PLANS, backlogMin: 1 };
  const still = {
    ...scenario,
    plan: drainScenario({ ...scenario, strategy: CURE, plans: { ...limits, ...off } }).plan,
  };
  const { coverage } = await search(id === 'round-robin' || id.endsWith('return') ? withoutKills(still) : still, 4);
  expect(decide(coverage, 4).verdict).toBe('inconclusive');
});

function withoutKills(scenario: Scenario<BacklogPlan>): Scenario<BacklogPlan> {
  return { ...scenario, plan: scenario.plan.map((plan) => ({ ...plan, faults: [] })) };
}

test('one plan and seed give one history', { timeout: 60_000 }, async () => {
  const seed = seedOf(SEED, 3);
  const plan = planOf(BY_KEY.plan, seed);
  const once = await runPlan(BY_KEY, plan, settingsOf(seed));
  const twice = await runPlan(BY_KEY, plan, settingsOf(seed));
  expect(twice.historyHash).toBe(once.historyHash);
});

test('a plan is told in a line for each operation and fault', () => {
  const plan: BacklogPlan = {
    backlog: [{ key: 0, work: 1 }],
    late: [{ key: 1, work: 0 }],
    faults: [{ kind: 'crash-app', at: { step: 2 }, app: 'd1' }],
  };
  expect(describePlan(plan).map(({ kind }) => kind)).toEqual(['operation', 'operation', 'fault']);
});

test('the lab quotes code that is there', async () => {
  expect(Object.keys(await lab.code!())).toContain('by-key');
});

import { checkRunData } from '@mqlab/reports/load-run-data.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CampaignPool, type CampaignTask, runCampaign } from './campaign.ts';
import { historyText, parseHistory } from './history-text.ts';
import { nameInput } from './lab-runner.ts';
import { scenarioOf } from './registry.ts';
import { parseReplayToken } from './replay-token.ts';
import { runLab } from './run-lab.ts';
import { runPlan } from './run-plan.ts';
import { runScenario, type ScenarioSettings } from './run-scenario.ts';
import { planOf, searchCounterexample, seedOf, shrink } from './search.ts';
import { storyOf, timelineOf } from './story.ts';
import { lab } from './testing/toy-lab.ts';
import { exitCodeOf } from './verdict.ts';

const module = new URL('./testing/toy-lab.ts', import.meta.url).href;
const input = [{ key: 'k', value: '{}' }];

function settings(more: Partial<ScenarioSettings> = {}): ScenarioSettings {
  return {
    lab,
    module,
    target: 'sim',
    client: 'mqlab',
    profile: 'quick',
    seed: 7,
    runs: 60,
    inputOptions: { recordsMax: 1 },
    inputName: nameInput(input),
    options: {},
    workers: 1,
    deadline: Number.POSITIVE_INFINITY,
    lateDeadline: Number.POSITIVE_INFINITY,
    progress: () => {},
    ...more,
  };
}

const before = scenarioOf(lab, 'before');
const after = scenarioOf(lab, 'after');

test('before: violated, shrunk to one record and one crash, and its token replays it byte for byte', async () => {
  const result = await runScenario(before, settings());
  expect(result.decision.verdict).toBe('violated');
  expect(result.witness!.plan).toMatchObject({
    records: [{ key: 0 }],
    faults: [{ kind: 'crash-app', at: { step: 1 } }],
  });
  const token = parseReplayToken(result.replay);
  const again = await runPlan(before, token.plan, {
    target: 'sim',
    client: 'mqlab',
    seed: token.seed,
    input,
    options: {},
  });
  expect(again.historyHash).toBe(result.historyHash);
  expect(historyText(parseHistory(historyText(again.history)))).toBe(historyText(again.history));
  const story = storyOf(again.history, result.witness!.finding);
  expect(story.length).toBeLessThanOrEqual(5);
  expect(story.at(-1)).toContain('never took effect');
  const { processes, events } = timelineOf(again.history, result.witness!.finding);
  expect(processes).toEqual(['p1', 'c1', 'kit']);
  expect(events.at(-1)!.kind).toBe('violation');
});

test('after: holds, also for the plan that broke the other', async () => {
  // The 60 plans that were promised, and the plan that broke the other.
  const broken = await runScenario(before, settings());
  const { plan, seed } = broken.witness!;
  const result = await runScenario(after, settings({ firstPlans: [{ plan, seed }] }));
  expect(result.decision).toEqual({ verdict: 'holds', because: 'holds in 61 runs' });
  expect(result.coverage.exercised[0]!.reached).toBeGreaterThan(5);
});

test('shrinking asks for each plan once, and counts it as often as it comes', async () => {
  const asked: string[] = [];
  const shrunk = await shrink({
    arbitrary: fc.record({ steps: fc.array(fc.nat(9), { minLength: 4, maxLength: 8 }) }),
    planSeed: 5,
    run: async (plan) => {
      asked.push(JSON.stringify(plan));
      return {
        status: plan.steps.length >= 3 ? 'invalid' : 'valid',
        violations: plan.steps.length >= 3 ? ['LOST-WRITE'] : [],
        legal: [],
        uncertain: [],
      };
    },
  });
  expect(shrunk?.plan.steps).toHaveLength(3);
  expect(new Set(asked).size).toBe(asked.length);
  expect(shrunk!.runs).toBeGreaterThan(asked.length);
});

test('without the fault the verdict is inconclusive, not green', async () => {
  const faultless = { ...after, plan: after.plan.map((plan) => ({ ...(plan as object), faults: [] })) };
  const outcomes = [];
  for (let index = 0; index < 5; index++) {
    const seed = seedOf(1, index);
    const made = await runPlan(faultless, planOf(faultless.plan, seed), {
      target: 'sim',
      client: 'mqlab',
      seed,
      input,
      options: {},
    });
    outcomes.push(made);
  }
  expect(outcomes.every((made) => made.outcome.status === 'valid' && made.goals.length === 0)).toBe(true);
  const late = await runScenario(after, settings({ runs: 1, seed: 3 }));
  if (late.coverage.exercised[0]!.reached === 0) expect(late.decision.verdict).toBe('inconclusive');
});

test('a campaign says the same with one worker and with two', async () => {
  const task: CampaignTask = {
    module,
    scenario: 'before',
    target: 'sim',
    client: 'mqlab',
    seed: 11,
    input: { recordsMax: 1 },
    options: {},
  };
  const options = { runs: 40, goals: before.exercised };
  const pool = new CampaignPool(2);
  try {
    const one = await runCampaign(task, { ...options, workers: 1 });
    const two = await runCampaign(task, { ...options, workers: 2, pool });
    const afterTask = { ...task, scenario: 'after' };
    const oneAfter = await runCampaign(afterTask, { ...options, workers: 1 });
    const twoAfter = await runCampaign(afterTask, { ...options, workers: 2, pool });
    for (const [a, b] of [
      [one, two],
      [oneAfter, twoAfter],
    ]) {
      expect({ ...a!, plansPerSecond: 0 }).toEqual({ ...b!, plansPerSecond: 0 });
    }
    expect(one.violation).not.toBeNull();
    expect(oneAfter.coverage.runs).toBe(40);
  } finally {
    await pool.close();
  }
});

test('a deadline that has passed still runs the first batch', async () => {
  const task: CampaignTask = {
    module,
    scenario: 'after',
    target: 'sim',
    client: 'mqlab',
    seed: 11,
    input: { recordsMax: 1 },
    options: {},
  };
  const { coverage } = await runCampaign(task, { runs: 100, workers: 1, goals: [], deadline: 0 });
  expect(coverage.runs).toBe(8);
});

test('searchCounterexample finds and shrinks in one thread', async () => {
  const found = await searchCounterexample({
    arbitrary: before.plan,
    seed: 1,
    runs: 60,
    run: async (plan, seed) =>
      (await runPlan(before, plan, { target: 'sim', client: 'mqlab', seed, input, options: {} })).outcome,
  });
  expect(found!.plan).toMatchObject({ records: [{ key: 0 }], faults: [{ at: { step: 1 } }] });
});

test('plan seeds differ and plans repeat', () => {
  const seeds = new Set(Array.from({ length: 10_000 }, (_, index) => seedOf(5, index)));
  expect(seeds.size).toBeGreaterThan(9_990);
  expect(planOf(before.plan, seedOf(5, 3))).toEqual(planOf(before.plan, seedOf(5, 3)));
});

test('a whole lab: run data that the reports accept, verdict rows with replays, and the claim concluded', async () => {
  const { data } = await runLab('toy', { module, profile: 'quick', targets: ['sim'], runs: 40, workers: 2, seed: 7 });
  expect(checkRunData(JSON.parse(JSON.stringify(data)))).toMatchObject({ lab: 'toy' });
  expect(data.verdicts.map((row) => [row.variant, row.expected, row.verdict, row.claimVerdict])).toEqual([
    ['before', 'violated', 'violated', 'confirmed'],
    ['after', 'holds', 'holds', 'confirmed'],
  ]);
  expect(data.verdicts[0]!.replay).toMatch(/^npx mqlab lab run toy --replay mq1\./);
  expect(data.witnesses.before!.plan.length).toBeLessThanOrEqual(3);
  expect(exitCodeOf(data.verdicts)).toBe(0);
  // What the figures need of the simulator was taken in a worker.
  expect(data.figures.seed!.value).toBe(7);
  expect(data.figures.records!.value).toBeGreaterThan(0);
});

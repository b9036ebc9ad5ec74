/** The lab itself: a split key is found and shrunk, a cure breaks when it is taken out, and a topic that does not grow proves nothing. */
import { expect, test } from 'vitest';
import { readInput } from '../kit/input.ts';
import type { FigureContext, Scenario } from '../kit/lab.ts';
import { type PlanRun, runPlan } from '../kit/run-plan.ts';
import { planOf, searchCounterexample, seedOf } from '../kit/search.ts';
import { decide } from '../kit/verdict.ts';
import { growAtOnce } from './app/grow.ts';
import { javaHash, librdkafkaHash, unsignedHash } from './app/hashes.ts';
import { growthOfKeys } from './figures/keys.ts';
import { lab } from './lab.ts';
import type { GrowthPlan, HashPlan, NewcomerPlan } from './plan.ts';
import {
  AT_ONCE,
  DRAIN_FIRST,
  EARLIEST,
  growthScenario,
  hashScenario,
  KEEP_OLD_KEYS,
  LATEST,
  NAMED,
  newcomerScenario,
  OTHER_HASH,
  SCENARIOS,
  UNSIGNED_HASH,
} from './scenarios.ts';

const SEED = 3;
const input = await readInput({ recordsMax: 400 });

// biome-ignore lint/suspicious/noExplicitAny: plans of three types
type Any = Scenario<any>;

function run(scenario: Any, plan: unknown, seed: number): Promise<PlanRun> {
  return runPlan(scenario, plan, { target: 'sim', client: 'mqlab', seed, input, options: {} });
}

/** What the first of these plans to break something broke; null when none did. */
async function search(scenario: Any, runs: number, goals = new Set<string>()): Promise<readonly string[] | null> {
  for (let index = 0; index < runs; index++) {
    const seed = seedOf(SEED, index);
    const { outcome, goals: reached } = await run(scenario, planOf(scenario.plan, seed), seed);
    for (const goal of reached) goals.add(goal);
    if (outcome.violations.length > 0) return outcome.violations;
  }
  return null;
}

const AT_ONCE_BEFORE = growthScenario(AT_ONCE, 'before');
const DRAINED = growthScenario(DRAIN_FIRST, 'after');
const KEPT = growthScenario(KEEP_OLD_KEYS, 'after');
const BY_NAME = hashScenario(NAMED, 'after');
const FROM_EARLIEST = newcomerScenario(EARLIEST, 'after');

test.each<readonly [string, Any, string, readonly Any[]]>([
  ['at-once', AT_ONCE_BEFORE, 'KEY-ORDER', [DRAINED, KEPT]],
  ['librdkafka-hash', hashScenario(OTHER_HASH, 'before'), 'KEY-ORDER', [BY_NAME]],
  ['unsigned-hash', hashScenario(UNSIGNED_HASH, 'before'), 'KEY-ORDER', [BY_NAME]],
  ['latest', newcomerScenario(LATEST, 'before'), 'EFFECT-LOSS', [FROM_EARLIEST]],
])(
  '%s is found broken and shrunk; replayed it is the same, and the cure holds on it',
  async (_what, scenario, violation, cures) => {
    const found = await searchCounterexample({
      arbitrary: scenario.plan,
      seed: SEED,
      runs: 150,
      run: async (plan, seed) => (await run(scenario, plan, seed)).outcome,
    });
    const { plan, planSeed } = found!;
    const operations = scenario.describe(plan).filter(({ kind }) => kind === 'operation');
    expect(operations).toHaveLength(2);
    const once = await run(scenario, plan, planSeed);
    expect(once.outcome.violations).toContain(violation);
    expect((await run(scenario, plan, planSeed)).historyHash).toBe(once.historyHash);
    for (const cure of cures) expect((await run(cure, plan, planSeed)).outcome.status).toBe('valid');
  },
  120_000,
);

test('the cures hold, and what could break them happens', async () => {
  for (const scenario of [DRAINED, KEPT, BY_NAME, FROM_EARLIEST]) {
    const goals = new Set<string>();
    expect([scenario.id, await search(scenario, 15, goals)]).toEqual([scenario.id, null]);
    expect([...goals]).toEqual(expect.arrayContaining([...scenario.exercised]));
  }
}, 120_000);

test.each<readonly [string, Any]>([
  ['nobody waits for the drain', growthScenario({ ...DRAIN_FIRST, way: { grow: growAtOnce } }, 'after')],
  ['keys are not kept', growthScenario({ ...KEEP_OLD_KEYS, way: AT_ONCE.way }, 'after')],
  ['two functions', hashScenario({ ...NAMED, writers: OTHER_HASH.writers }, 'after')],
  ['latest', newcomerScenario({ ...EARLIEST, reset: 'latest' }, 'after')],
])(
  'taken out, and the verdict turns: %s',
  async (_what, scenario) => {
    expect(await search(scenario, 150)).not.toBeNull();
  },
  120_000,
);

test('where nothing can break the verdict is inconclusive', async () => {
  const still: readonly (readonly [Any, unknown])[] = [
    // No work, so nothing waits, and no key twice.
    [DRAINED, { partitions: 1, added: 1, before: [{ key: 0, work: 0 }], after: [] } satisfies GrowthPlan],
    [KEPT, { partitions: 1, added: 1, before: [{ key: 0, work: 0 }], after: [] } satisfies GrowthPlan],
    [BY_NAME, { partitions: 2, records: [{ key: 0, work: 1, producer: 0 }] } satisfies HashPlan],
    // The second one comes when the consumer has long known the partition.
    [FROM_EARLIEST, { before: [{ key: 0 }], added: 1, after: [{ key: 0, gapMs: 5000 }] } satisfies NewcomerPlan],
  ];
  for (const [scenario, plan] of still) {
    const made = await run(scenario, plan, seedOf(SEED, 0));
    expect([scenario.id, made.outcome.status]).toEqual([scenario.id, 'valid']);
    const reached = scenario.exercised.map((goal) => ({ goal, reached: made.goals.includes(goal) ? 1 : 0, of: 1 }));
    const { verdict } = decide({ runs: 1, invalid: 0, unknown: 0, legal: 0, exercised: reached }, 1);
    expect([scenario.id, verdict]).toEqual([scenario.id, 'inconclusive']);
  }
}, 60_000);

test('hashes agree and disagree as clients do', () => {
  const keys = [...new Set(input.map(({ key }) => key))];
  for (const key of keys) {
    expect(unsignedHash(key, 4)).toBe(javaHash(key, 4));
    expect(javaHash(key, 4)).toBe(javaHash(key, 8) % 4);
  }
  expect(keys.some((key) => unsignedHash(key, 3) !== javaHash(key, 3))).toBe(true);
  expect(keys.some((key) => librdkafkaHash(key, 4) !== javaHash(key, 4))).toBe(true);
  // CRC-32 of "123456789", the check value of its definition.
  expect(librdkafkaHash('123456789', 0x1_0000_0000)).toBe(0xcbf43926);
});

test('the picture has every shown key, and a growth by half moves more than a doubling', () => {
  const { figures, charts } = growthOfKeys({ input } as unknown as FigureContext);
  expect(figures['moved.4-6']!.value).toBeGreaterThan(figures['moved.4-8']!.value);
  const { flow } = charts;
  if (flow?.type !== 'heatmap') throw new Error('no picture');
  expect(new Set(flow.cells.map(({ row }) => row)).size).toBe(flow.rows.length);
});

test('every claim has its words, every cure its counterexample', async () => {
  expect(lab.conclusions.map(({ claim }) => claim)).toEqual(lab.claims);
  const ids = new Set(SCENARIOS.map(({ id }) => id));
  for (const { fixes, fixesAlso = [] } of SCENARIOS) {
    for (const id of [...(fixes === undefined ? [] : [fixes]), ...fixesAlso]) expect(ids).toContain(id);
  }
  expect(Object.keys(await lab.code!())).toEqual(['at-once', 'drain-first', 'keep-old-keys', 'hashes']);
});

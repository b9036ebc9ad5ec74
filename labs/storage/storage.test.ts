/** The lab itself: beliefs are found broken, promises hold and turn when their condition is taken out; the checks on their smallest cases; the raw client against a real broker's figures is left to the run. */
import { expect, test } from 'vitest';
import { applyChecks, type Check } from '../kit/checkers/check.ts';
import { handwritten, record } from '../kit/checkers/valid-history.ts';
import type { History, SeenRecord } from '../kit/history.ts';
import { readInput } from '../kit/input.ts';
import { type PlanRun, runPlan } from '../kit/run-plan.ts';
import { planOf, searchCounterexample, seedOf } from '../kit/search.ts';
import { decide } from '../kit/verdict.ts';
import { changesOf, tableOf } from './app/readers.ts';
import { DELETED, everyChange, goneAfter, keptFor, lastValues } from './checks.ts';
import { lab } from './lab.ts';
import type { StoragePlan } from './plan.ts';
import { AS_LOG, AS_TABLE, GONE_IN_TIME, type Parts, SMALL_SEGMENTS, scenarioOf } from './scenarios.ts';

const SEED = 5;
const input = await readInput({ recordsMax: 200 });

function run(parts: Parts, plan: StoragePlan, seed: number): Promise<PlanRun> {
  const scenario = scenarioOf(parts, 'after');
  return runPlan(scenario, plan, { target: 'sim', client: 'mqlab', seed, input, options: {} });
}

async function search(parts: Parts, runs: number): Promise<readonly string[] | null> {
  const { plan } = scenarioOf(parts, 'after');
  for (let index = 0; index < runs; index++) {
    const seed = seedOf(SEED, index);
    const { outcome } = await run(parts, planOf(plan, seed), seed);
    if (outcome.violations.length > 0) return outcome.violations;
  }
  return null;
}

test.each<readonly [Parts, string]>([
  [AS_LOG, 'EFFECT-LOSS'],
  [GONE_IN_TIME, 'CONSERVATION'],
])(
  '$id is found broken: %s',
  async (parts, violation) => {
    expect(await search(parts, 60)).toContain(violation);
  },
  120_000,
);

test('a counterexample is two writes of one key, and one plan and seed give one history', async () => {
  const found = await searchCounterexample({
    arbitrary: scenarioOf(AS_LOG, 'before').plan,
    seed: SEED,
    runs: 40,
    run: async (plan, seed) => (await run(AS_LOG, plan, seed)).outcome,
  });
  const { plan, planSeed } = found!;
  expect(plan.writes.length).toBeLessThanOrEqual(3);
  const once = await run(AS_LOG, plan, planSeed);
  expect((await run(AS_LOG, plan, planSeed)).historyHash).toBe(once.historyHash);
}, 120_000);

test('the promises hold', async () => {
  for (const parts of [AS_TABLE, SMALL_SEGMENTS]) expect([parts.id, await search(parts, 25)]).toEqual([parts.id, null]);
}, 120_000);

test.each<readonly [string, Parts]>([
  ['retention deletes what should be a table', { ...AS_TABLE, configs: { 'segment.ms': '20', 'retention.ms': '100' } }],
  ['segments are large', { ...SMALL_SEGMENTS, configs: GONE_IN_TIME.configs }],
  ['retention is shorter than promised', { ...SMALL_SEGMENTS, configs: { 'segment.ms': '20', 'retention.ms': '100' } }],
])(
  'taken out, and the verdict turns: %s',
  async (_what, parts) => {
    expect(await search(parts, 60)).not.toBeNull();
  },
  120_000,
);

test('where nothing was compacted or expired the verdict is inconclusive', async () => {
  const plan: StoragePlan = { writes: [{ key: 0, isDelete: false, gapMs: 0 }], waitMs: 0 };
  for (const parts of [AS_TABLE, SMALL_SEGMENTS]) {
    const made = await run(parts, plan, SEED);
    expect([parts.id, made.outcome.status]).toEqual([parts.id, 'valid']);
    const reached = parts.exercised.map((goal) => ({ goal, reached: made.goals.includes(goal) ? 1 : 0, of: 1 }));
    expect(decide({ runs: 1, invalid: 0, unknown: 0, legal: 0, exercised: reached }, 1).verdict).toBe('inconclusive');
  }
}, 60_000);

/** Writes at the given times, in order, each of key k; read at `readMs`. */
function written(
  times: readonly number[],
  readMs: number,
  left: readonly SeenRecord[],
  names?: readonly string[],
): History {
  const { operations } = handwritten();
  const push = (time: number, data: (typeof operations)[number]['data']): void => {
    operations.push({ index: operations.length, time, process: 'p1', phase: 'ok', data });
  };
  times.forEach((time, offset) => {
    push(time, { type: 'send', topic: 't', partition: 0, offset, key: 'k', value: names?.[offset] ?? `v${offset}` });
  });
  push(readMs, {
    type: 'final-read',
    topic: 't',
    partition: 0,
    logStartOffset: 0,
    logEndOffset: times.length,
    records: left,
  });
  return { operations, overflowed: false };
}

const found = (check: Check, history: History): string[] =>
  applyChecks([check], history).flatMap(({ findings }) => findings.map(({ name }) => name));

test('the checks: smallest positive and legal neighbour', () => {
  const compacted = written([0, 1], 2, [record(1, 'v1')]);
  expect(found(everyChange, compacted)).toEqual(['EFFECT-LOSS']);
  expect(found(lastValues, compacted)).toEqual([]);
  expect(found(lastValues, written([0, 1], 2, [record(0, 'v0')]))).toEqual(['LOST-WRITE']);
  const names = ['v0', `v1${DELETED}`];
  expect(found(lastValues, written([0, 1], 2, [], names))).toEqual([]);
  expect(found(lastValues, written([0, 1], 2, [record(0, 'v0')], names))).toEqual(['LOST-WRITE']);
  expect(found(goneAfter(10, 5), written([0], 16, [record(0, 'v0')]))).toEqual(['CONSERVATION']);
  expect(found(goneAfter(10, 5), written([0], 15, [record(0, 'v0')]))).toEqual([]);
  expect(found(keptFor(10), written([0], 9, []))).toEqual(['LOST-BY-POLICY']);
  expect(found(keptFor(10), written([0], 10, []))).toEqual([]);
});

test('a log counts, a table keeps the last', () => {
  const changes = [
    { key: 'a', value: 'x' },
    { key: 'a', value: 'y' },
    { key: 'b', value: 'z' },
    { key: 'b', value: null },
  ] as unknown as Parameters<typeof tableOf>[0];
  expect([...changesOf(changes)]).toEqual([
    ['a', 2],
    ['b', 2],
  ]);
  expect([...tableOf(changes)]).toEqual([['a', 'y']]);
  expect(lab.claims).toHaveLength(9);
});

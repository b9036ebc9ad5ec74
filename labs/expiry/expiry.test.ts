/** The lab itself: what is broken is found and shrunk, what holds breaks when its fix is taken out, and where retention passes nobody nothing is said. */
import { expect, test } from 'vitest';
import { applyChecks } from '../kit/checkers/check.ts';
import { commit, effect, finalRead, handwritten, polled, record, sent } from '../kit/checkers/valid-history.ts';
import type { History, Recorder } from '../kit/history.ts';
import { readInput } from '../kit/input.ts';
import { type PlanRun, runPlan } from '../kit/run-plan.ts';
import { planOf, searchCounterexample, seedOf } from '../kit/search.ts';
import { decide } from '../kit/verdict.ts';
import { consumeAndTell } from './app/handle-gap.ts';
import { announced, refilled } from './checks.ts';
import { lab } from './lab.ts';
import type { ExpiryPlan } from './plan.ts';
import {
  CHECK_FIRST,
  EARLIEST,
  EARLIEST_BYTES,
  LATEST,
  NONE_UNHANDLED,
  type Parts,
  PLAIN_CRASHES,
  REFILL,
  REFILL_BY_TIME,
  REFILL_CRASHES,
  SCENARIOS,
  scenarioOf,
  TELL,
} from './scenarios.ts';

const SEED = 11;
const input = await readInput({ recordsMax: 200 });

function run(parts: Parts, plan: ExpiryPlan, seed: number): Promise<PlanRun> {
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
  [LATEST, 'CONSERVATION'],
  [EARLIEST, 'LOST-BY-POLICY'],
  [EARLIEST_BYTES, 'LOST-BY-POLICY'],
  [NONE_UNHANDLED, 'LIVENESS'],
  [CHECK_FIRST, 'LOST-BY-POLICY'],
  [REFILL_BY_TIME, 'EFFECT-DUPLICATE'],
  [PLAIN_CRASHES, 'EFFECT-DUPLICATE'],
])(
  '$id is found broken: %s',
  async (parts, violation) => {
    expect(await search(parts, 60)).toContain(violation);
  },
  120_000,
);

test('a counterexample is one departure and one outage, and one plan and seed give one history', async () => {
  const scenario = scenarioOf(EARLIEST, 'before', 'violated');
  const found = await searchCounterexample({
    arbitrary: scenario.plan,
    seed: SEED,
    runs: 40,
    run: async (plan, seed) => (await run(EARLIEST, plan, seed)).outcome,
  });
  const { plan, planSeed } = found!;
  expect(plan.departures).toHaveLength(1);
  const once = await run(EARLIEST, plan, planSeed);
  expect((await run(EARLIEST, plan, planSeed)).historyHash).toBe(once.historyHash);
}, 120_000);

test('the cures hold', async () => {
  for (const parts of [TELL, REFILL, REFILL_CRASHES]) {
    expect([parts.id, await search(parts, 12)]).toEqual([parts.id, null]);
  }
}, 120_000);

test.each<readonly [string, Parts]>([
  ['the position may move by itself', { ...REFILL, way: { ...REFILL.way, reset: 'earliest' } }],
  ['nothing is refilled', { ...REFILL, way: { ...REFILL.way, main: consumeAndTell }, checks: [refilledAll()] }],
  ['the effect is not keyed', { ...REFILL_CRASHES, way: PLAIN_CRASHES.way }],
])(
  'taken out, and the verdict turns: %s',
  async (_what, parts) => {
    expect(await search(parts, 60)).not.toBeNull();
  },
  120_000,
);

/** What expired is not excused: it was to be refilled. */
function refilledAll() {
  const apply = (history: History) =>
    applyChecks([announced('departures')], {
      ...history,
      operations: history.operations.map((operation) =>
        operation.data.type === 'alarm' ? { ...operation, data: { type: 'crash' } as const } : operation,
      ),
    });
  return { names: ['LOST-BY-POLICY'], apply } as const;
}

test('where the outage is shorter than retention the verdict is inconclusive', async () => {
  for (const parts of [LATEST, EARLIEST, TELL, REFILL]) {
    const { exercised } = scenarioOf(parts, 'after', 'holds');
    const plan: ExpiryPlan = {
      retention: 'ms',
      departures: [{ key: 0, gapMs: 10 }],
      outageMs: 50,
      workMs: 0,
      faults: [],
    };
    const made = await run(parts, plan, SEED);
    expect([parts.id, made.outcome.status]).toEqual([parts.id, 'valid']);
    const reached = exercised.map((goal) => ({ goal, reached: made.goals.includes(goal) ? 1 : 0, of: 1 }));
    const { verdict } = decide({ runs: 1, invalid: 0, unknown: 0, legal: 0, exercised: reached }, 1);
    expect([parts.id, verdict]).toEqual([parts.id, 'inconclusive']);
  }
}, 60_000);

function found(history: History): string[] {
  return applyChecks([announced('t'), refilled('t')], history).flatMap((result) =>
    result.findings.map(({ name }) => name),
  );
}

/** a is deleted unread, b is consumed. */
function expired(alarm: 'before' | 'after' | 'none'): Recorder {
  const history = handwritten();
  sent(history, 'a', 0);
  sent(history, 'b', 1);
  history.note('kit', { type: 'expire', topic: 't', partition: 0, logStartOffset: 1 });
  const tell = (): void => history.note('c1', { type: 'alarm', topic: 't', partition: 0, from: 0, to: 1 });
  if (alarm === 'before') tell();
  polled(history, 'c1', record(1, 'b'));
  effect(history, 'b');
  commit(history, 2);
  if (alarm === 'after') tell();
  finalRead(history, [record(1, 'b')], 2, 0, 1);
  return history;
}

test('LOST-BY-POLICY: in silence, or told too late; told in time, and not yet passed, are legal', () => {
  expect(found(expired('none'))).toEqual(['LOST-BY-POLICY']);
  expect(found(expired('after'))).toEqual(['LOST-BY-POLICY']);
  expect(found(expired('before'))).toEqual([]);
  const waiting = handwritten();
  sent(waiting, 'a', 0);
  waiting.note('kit', { type: 'expire', topic: 't', partition: 0, logStartOffset: 1 });
  expect(found(waiting)).toEqual([]);
});

test('CONSERVATION of a refill: what had not expired was refilled; what an alarm named and the source gave is legal', () => {
  const good = expired('before');
  effect(good, 'a');
  expect(found(good)).toEqual([]);
  const bad = handwritten();
  sent(bad, 'a', 0);
  effect(bad, 'a');
  expect(found(bad)).toEqual(['CONSERVATION']);
  const named = handwritten();
  sent(named, 'a', 0);
  named.note('c1', { type: 'alarm', topic: 't', partition: 0, from: 0, to: 1 });
  polled(named, 'c1', record(0, 'a'));
  effect(named, 'a');
  expect(found(named)).toEqual(['CONSERVATION']);
});

test('every claim has its words, every cure its counterexample', async () => {
  expect(lab.conclusions.map(({ claim }) => claim)).toEqual(lab.claims);
  const ids = new Set(SCENARIOS.map(({ id }) => id));
  for (const { fixes, fixesAlso = [] } of SCENARIOS) {
    for (const id of [...(fixes === undefined ? [] : [fixes]), ...fixesAlso]) expect(ids).toContain(id);
  }
  expect(Object.keys(await lab.code!())).toContain('handle-gap');
});

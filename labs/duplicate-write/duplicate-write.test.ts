/** The lab itself: what duplicates is found and shrunk, what holds turns when its cure is taken out, and without faults nothing is said. */
import { expect, test } from 'vitest';
import { Recorder } from '../kit/history.ts';
import { readInput } from '../kit/input.ts';
import { type PlanRun, runPlan } from '../kit/run-plan.ts';
import { planOf, seedOf, shrink } from '../kit/search.ts';
import { storyOf, timelineOf } from '../kit/story.ts';
import { openTarget } from '../kit/targets/open-target.ts';
import { decide } from '../kit/verdict.ts';
import { complete, IN_OUTBOX, readTwice } from './checks.ts';
import { drawSequences } from './figures/sequence.ts';
import { lab } from './lab.ts';
import type { DuplicatePlan } from './plan.ts';
import { GOALS, IS_BACK, LEADS } from './run.ts';
import {
  AFTER,
  BEFORE,
  BLIND,
  FAILOVER,
  FAILOVER_IDEMPOTENT,
  GIVES_UP,
  IDEMPOTENT,
  type Parts,
  POSITION,
  READ_BACK,
  READ_BACK_TWO,
  RESEND,
  RESTART,
  RETRY,
  SCENARIOS,
  scenarioOf,
} from './scenarios.ts';
import { WAYS } from './ways.ts';

const SEED = 3;
const input = await readInput({ recordsMax: 200 });

function run(parts: Parts, plan: DuplicatePlan, seed: number): Promise<PlanRun> {
  return runPlan(scenarioOf(parts, 'after'), plan, { target: 'sim', client: 'mqlab', seed, input, options: {} });
}

/** Seed of the first of these plans to break something; null when none did. */
async function search(parts: Parts, runs: number): Promise<number | null> {
  const { plan } = scenarioOf(parts, 'after');
  for (let index = 0; index < runs; index++) {
    const seed = seedOf(SEED, index);
    const { outcome } = await run(parts, planOf(plan, seed), seed);
    if (outcome.violations.includes('DUPLICATE')) return seed;
  }
  return null;
}

async function smallest(parts: Parts): Promise<{ readonly plan: DuplicatePlan; readonly seed: number }> {
  const seed = (await search(parts, 60))!;
  expect(seed).not.toBeNull();
  const { plan, smaller } = scenarioOf(parts, 'before');
  const shrunk = await shrink({
    arbitrary: plan,
    planSeed: seed,
    smaller: smaller!,
    run: async (candidate) => (await run(parts, candidate, seed)).outcome,
  });
  return { plan: shrunk!.plan, seed };
}

const KEPT = /^broker(-\d)?: keeps 0@\d+: v\d+.*, (no id|id \d+, epoch \d+, seq \d+)$/;

test.each([
  [RETRY, IDEMPOTENT, 2],
  [FAILOVER, FAILOVER_IDEMPOTENT, 2],
  [RESTART, POSITION, 1],
  [RESEND, POSITION, 2],
  [GIVES_UP, POSITION, 2],
  [BLIND, POSITION, 1],
  [READ_BACK_TWO, POSITION, 2],
] as const)(
  '$id duplicates: one fault is enough, the same plan gives the same history, and the cure holds on it',
  async (parts, cure, records) => {
    const { plan, seed } = await smallest(parts);
    expect([plan.records.length, plan.faults.length]).toEqual([records, 1]);
    const once = await run(parts, plan, seed);
    expect((await run(parts, plan, seed)).historyHash).toBe(once.historyHash);
    const finding = once.results.flatMap(({ findings }) => findings)[0]!;
    expect(finding.name).toBe('DUPLICATE');
    // Both copies are told with who wrote them.
    const story = storyOf(once.history, finding);
    expect(story.filter((line) => KEPT.test(line)).length).toBeGreaterThanOrEqual(1);
    const { processes, events } = timelineOf(once.history, finding);
    expect(processes.some((name) => name.startsWith('broker'))).toBe(true);
    // Of several brokers another one leads, and answers, before the dead one is back.
    if (parts.limits.isCluster === true) {
      const of = (label: string): string | undefined => events.find((event) => event.label === label)?.process;
      expect(of(LEADS)).toMatch(/^broker-\d$/);
      expect(of(LEADS)).not.toBe(of(IS_BACK));
      expect(once.goals).toContain(GOALS.replaced);
    }
    expect((await run(cure, plan, seed)).outcome).toMatchObject({ status: 'valid', violations: [] });
  },
  120_000,
);

test.each([[IDEMPOTENT], [FAILOVER_IDEMPOTENT], [READ_BACK], [POSITION]])(
  '$id holds, and its faults met what they could harm',
  async (parts) => {
    const { plan, exercised } = scenarioOf(parts, 'after');
    const reached = new Set<string>();
    for (let index = 0; index < 40; index++) {
      const seed = seedOf(SEED, index);
      const made = await run(parts, planOf(plan, seed), seed);
      expect([index, made.outcome.status]).toEqual([index, 'valid']);
      for (const goal of made.goals) reached.add(goal);
    }
    for (const goal of exercised) expect(reached).toContain(goal);
  },
  120_000,
);

test.each<readonly [string, Parts]>([
  ['idempotence', { ...IDEMPOTENT, way: 'plain' }],
  ['idempotence, and the broker dies', { ...FAILOVER_IDEMPOTENT, way: 'plain-acks-all' }],
  ['reading back', { ...READ_BACK, way: 'idempotent' }],
  ['the fence', { ...POSITION, way: 'read-back' }],
  ['the position', { ...POSITION, way: 'blind' }],
])(
  'taken out, and the verdict turns: %s',
  async (_what, parts) => {
    expect(await search(parts, 80)).not.toBeNull();
  },
  120_000,
);

test('with the faults off the verdict is inconclusive', async () => {
  for (const parts of [RETRY, FAILOVER, RESTART, POSITION]) {
    const { plan, exercised } = scenarioOf(parts, 'after');
    const seed = seedOf(SEED, 0);
    const made = await run(parts, { ...planOf(plan, seed), faults: [] }, seed);
    expect([parts.id, made.outcome.status]).toEqual([parts.id, 'valid']);
    const reached = exercised.map((goal) => ({ goal, reached: made.goals.includes(goal) ? 1 : 0, of: 1 }));
    const { verdict } = decide({ runs: 1, invalid: 0, unknown: 0, legal: 0, exercised: reached }, 1);
    expect([parts.id, verdict]).toEqual([parts.id, 'inconclusive']);
  }
}, 60_000);

test('checks: twice in what was read is a duplicate, aborted and sent again is none; what never arrived is missed', () => {
  const recorder = new Recorder(() => 0);
  const at = (offset: number, value: string) => ({ topic: 't', partition: 0, offset, key: null, value });
  const send = (value: string, offset: number, transaction: string): void => {
    const data = { type: 'send', topic: 't', partition: 0, key: null, value, offset, transaction } as const;
    recorder.ok(recorder.invoke('p1', data));
  };
  send('aborted', 0, 'tx0');
  send('aborted', 2, 'tx1');
  const records = [at(2, 'aborted'), at(4, 'twice'), at(5, 'twice')];
  recorder.note('kit', { type: 'final-read', topic: 't', partition: 0, logStartOffset: 0, logEndOffset: 6, records });
  for (const value of ['aborted', 'missing']) recorder.note('kit', { type: 'store', text: `x ${IN_OUTBOX}`, value });
  const found = [readTwice, complete].flatMap((check) => check.apply(recorder)).flatMap(({ findings }) => findings);
  expect(found.map(({ name, values }) => [name, ...values])).toEqual([
    ['DUPLICATE', 'twice'],
    ['LOST-WRITE', 'missing'],
  ]);
});

test('the pictures show the retry under the same sequence, and the stranger under a new id', async () => {
  const { charts, tables } = await drawSequences({
    profile: 'quick',
    targets: ['sim'],
    seed: SEED,
    input,
    options: {},
    open: (kind, broker) => openTarget(kind, { seed: SEED, ...(broker === undefined ? {} : { broker }) }),
    deadline: 0,
    progress: () => {},
  });
  const labels = (name: string): string[] => charts[`sequence-${name}`]!.events.map(({ label }) => label);
  expect(labels('idempotent').filter((label) => label === 'Produce v1: id 0/0, seq 1')).toHaveLength(2);
  expect(labels('idempotent').filter((label) => label === 'offset 1')).toHaveLength(2);
  expect(charts['sequence-idempotent']!.events.filter(({ kind }) => kind === 'lost-message')).toHaveLength(1);
  expect(labels('restart')).toEqual(expect.arrayContaining(['Produce v0: id 0/0, seq 0', 'Produce v0: id 1/0, seq 0']));
  expect(labels('failover-idempotent')).toContain('dies');
  // Killed before it heard of the commit: nothing is sent again.
  expect(labels('position').filter((label) => label.startsWith('Produce'))).toHaveLength(1);
  const again = tables.stored!.rows.filter((row) => row.some((cell) => typeof cell === 'object' && cell !== null));
  expect(again).toHaveLength(4);
}, 60_000);

test('every claim has its words, every way a scenario, every cure its counterexample', async () => {
  expect(lab.conclusions.map(({ claim }) => claim)).toEqual(lab.claims);
  const used = new Set([...BEFORE, ...AFTER].map(({ way }) => way));
  expect([...used].sort()).toEqual(Object.keys(WAYS).sort());
  const ids = new Set(SCENARIOS.map(({ id }) => id));
  for (const { fixes, fixesAlso = [] } of SCENARIOS) {
    for (const id of [...(fixes === undefined ? [] : [fixes]), ...fixesAlso]) expect(ids).toContain(id);
  }
  expect(Object.keys(await lab.code!())).toContain('position');
});

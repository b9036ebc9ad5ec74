/** The lab itself: what is broken is found, what holds breaks when its fix is taken out, and without faults nothing is said. */
import { expect, test } from 'vitest';
import { applyChecks } from '../kit/checkers/check.ts';
import { Recorder } from '../kit/history.ts';
import { historyHash } from '../kit/history-text.ts';
import { readInput } from '../kit/input.ts';
import type { Scenario } from '../kit/lab.ts';
import { type PlanRun, runPlan } from '../kit/run-plan.ts';
import { planOf, searchCounterexample, seedOf } from '../kit/search.ts';
import { decide } from '../kit/verdict.ts';
import { lastWriter } from './checks.ts';
import { lab } from './lab.ts';
import { momentOf, noProgress } from './member.ts';
import type { DedupPlan } from './plan.ts';
import { runDedup } from './run.ts';
import { ON_REAL_PROCESSES, runSettingsOf, SCENARIOS, WAYS } from './scenarios.ts';
import { DEPARTURES, departureOf, INSERT_DEPARTURE } from './strategies/primary-key.ts';
import type { Handler, Strategy } from './strategies/strategy.ts';
import { readFlight } from './strategies/strategy.ts';
import { DELETE_OUTBOX, INSERT_PROCESSED, NEXT_IN_OUTBOX } from './strategies/unique-constraint.ts';

const SEED = 1;
const input = await readInput({ recordsMax: 500 });

function scenario(id: string): Scenario<DedupPlan> {
  return SCENARIOS.find((known) => known.id === id)!;
}

function run(of: Scenario<DedupPlan>, plan: DedupPlan, seed: number): Promise<PlanRun> {
  return runPlan(of, plan, { target: 'sim', client: 'mqlab', seed, input, options: {} });
}

function search(of: Scenario<DedupPlan>, runs: number): ReturnType<typeof searchCounterexample<DedupPlan>> {
  return searchCounterexample({
    arbitrary: of.plan,
    seed: SEED,
    runs,
    run: async (plan, seed) => (await run(of, plan, seed)).outcome,
  });
}

/** The scenario with something else in the place of its way to consume. */
function mutant(id: string, change: Partial<Strategy>): Scenario<DedupPlan> {
  const way = WAYS[id]!;
  const settings = runSettingsOf({ ...way, strategy: { ...way.strategy, ...change } });
  return { ...scenario(id), run: (plan, context) => runDedup(plan, settings, context) };
}

test.each([
  ['look-up-then-insert', 'EFFECT-DUPLICATE'],
  ['redis-set-latest', 'KEY-ORDER'],
  ['check-set-process', 'EFFECT-LOSS'],
  ['set-nx-lease', 'EFFECT-DUPLICATE'],
])(
  '%s is found broken, and its counterexample is small',
  async (id, violation) => {
    const found = await search(scenario(id), 60);
    const { plan, planSeed } = found!;
    expect(scenario(id).describe(plan).length).toBeLessThanOrEqual(4);
    const made = await run(scenario(id), plan, planSeed);
    expect(made.outcome.violations).toContain(violation);
    // One plan and one seed give one history.
    expect((await run(scenario(id), plan, planSeed)).historyHash).toBe(made.historyHash);
  },
  60_000,
);

const idApart: Handler = async (flight, { database }) => {
  const { changes } = await database.query(INSERT_PROCESSED, [flight.id]);
  if (changes > 0) await database.query(INSERT_DEPARTURE, departureOf(flight));
};

const mutants: readonly [string, string, Partial<Strategy>][] = [
  ['unique', 'the id leaves the transaction', { handle: idApart }],
  [
    'unique',
    'the constraint is dropped',
    {
      tables: [DEPARTURES, 'CREATE TABLE processed (flight TEXT)'],
      handle: (flight, { database }) =>
        database.transaction(async (transaction) => {
          await transaction.query('INSERT INTO processed (flight) VALUES ($1)', [flight.id]);
          await transaction.query(INSERT_DEPARTURE, departureOf(flight));
        }),
    },
  ],
  [
    'upsert',
    'the primary key is dropped, so it inserts',
    {
      tables: [DEPARTURES],
      handle: async (flight, { database }) => void (await database.query(INSERT_DEPARTURE, departureOf(flight))),
    },
  ],
  [
    'redis-set-if-newer',
    'the version is not compared',
    {
      handle: async (flight, { redis }) => void (await redis.set(`latest:${flight.airport}`, flight.id)),
      effects: WAYS['redis-set-latest']!.strategy.effects,
    },
  ],
  [
    'redis-set-per-record',
    'nothing is written the second time, and nothing the first',
    {
      handle: async (flight, { redis }) => {
        if (await redis.set(`id:${flight.id}`, 'seen', { onlyIfAbsent: true })) {
          await redis.set(`departure:${flight.id}`, flight.text);
        }
      },
    },
  ],
  [
    'outbox',
    'the relay forgets before it has sent',
    {
      afterPoll: async ({ database, redis }) => {
        for (;;) {
          const id = (await database.query(NEXT_IN_OUTBOX)).rows[0]?.flight;
          if (id === undefined) return;
          await database.query(DELETE_OUTBOX, [String(id)]);
          await redis.append('notices', String(id));
        }
      },
    },
  ],
];

test.each(mutants)(
  '%s: %s, and the verdict turns',
  async (id, _what, change) => {
    const changed = mutant(id, change);
    for (let index = 0; index < 120; index++) {
      const seed = seedOf(SEED, index);
      const { outcome } = await run(changed, planOf(changed.plan, seed), seed);
      if (outcome.violations.length > 0) return;
    }
    expect.fail('nothing was violated');
  },
  60_000,
);

test.each(['insert', 'unique', 'redis-set-if-newer'])(
  '%s: with the faults off the verdict is inconclusive',
  async (id) => {
    const of = scenario(id);
    const goals = new Set<string>();
    for (let index = 0; index < 5; index++) {
      const seed = seedOf(SEED, index);
      const made = await run(of, { ...planOf(of.plan, seed), faults: [] }, seed);
      expect(made.outcome.status).toBe('valid');
      for (const goal of made.goals) goals.add(goal);
    }
    const exercised = of.exercised.map((goal) => ({ goal, reached: goals.has(goal) ? 1 : 0, of: 5 }));
    expect(decide({ runs: 5, invalid: 0, unknown: 0, legal: 0, exercised }, 5).verdict).toBe('inconclusive');
  },
  60_000,
);

test('last writer: a stale value at the end is seen, a newer one and a resend are not', () => {
  const history = (standing: string, resend = false) => {
    const made = new Recorder(() => 0);
    const send = (value: string, offset: number): void => {
      const data = { type: 'send', topic: 't', key: 'k', value } as const;
      made.ok(made.invoke('p1', data), { ...data, partition: 0, offset });
    };
    send('a', 0);
    send('b', 1);
    if (resend) send('a', 2);
    made.note('kit', {
      type: 'effects-read',
      counts: [
        ['a', standing === 'a' ? 1 : 0],
        ['b', standing === 'b' ? 1 : 0],
      ],
    });
    return made;
  };
  const status = (made: Recorder): string => applyChecks([lastWriter], made)[0]!.status;
  expect(status(history('b'))).toBe('valid');
  expect(status(history('b', true))).toBe('valid');
  expect(status(history('a'))).toBe('invalid');
  expect(status(history('neither'))).toBe('invalid');
  expect(status(new Recorder(() => 0))).toBe('unknown');
  expect(historyHash(history('a'))).toBe(historyHash(history('a')));
});

test('moments: what stands where', () => {
  const progress = noProgress();
  expect(momentOf(progress, true)).toBe('nothing done');
  expect(momentOf({ ...progress, checked: true }, true)).toBe('checked');
  expect(momentOf({ ...progress, id: 'lease' }, true)).toBe('id written, no effect');
  expect(momentOf({ ...progress, id: 'lease', effect: true }, true)).toBe('effect made, no id');
  expect(momentOf({ ...progress, effect: true }, false)).toBe('all written');
  expect(momentOf({ ...progress, id: true, effect: true, committed: true }, true)).toBe('offset committed');
});

test('a departure is read as it was written', () => {
  expect(readFlight({ key: 'ABQ', value: 'v12 ABQ→DAL 580 mi' })).toEqual({
    id: 'v12',
    sequence: 12,
    airport: 'ABQ',
    miles: 580,
    text: 'v12 ABQ→DAL 580 mi',
  });
});

test('every claim has its words, and every way a scenario', () => {
  expect(lab.conclusions.map(({ claim }) => claim)).toEqual(lab.claims);
  const ways = SCENARIOS.map(({ id }) => id).filter((id) => !id.endsWith(ON_REAL_PROCESSES));
  expect(ways.sort()).toEqual(Object.keys(WAYS).sort());
});

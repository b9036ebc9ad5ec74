/**
 * The scenarios: each way to consume, under the faults that are made for it.
 *
 * Invariant: a `before` is tried with the faults that a claim's doubt is about; an `after` with all of them: a crash between any two steps, a
 * second consumer on the same record, and a record that was sent twice. Without those having fired nothing is said.
 */
import type { Check } from '../kit/checkers/check.ts';
import { commitOrder } from '../kit/checkers/commit-order.ts';
import { conservation } from '../kit/checkers/conservation.ts';
import { effectCount } from '../kit/checkers/effect-count.ts';
import { liveness } from '../kit/checkers/liveness.ts';
import type { Scenario } from '../kit/lab.ts';
import type { TargetKind } from '../kit/targets/target.ts';
import { lastWriter, only } from './checks.ts';
import type { EffectKind } from './links.ts';
import { type DedupPlan, describePlan, LONG_PAUSE_MS, type PlanLimits, planArbitrary } from './plan.ts';
import { BROKER_SETTINGS, DRAIN_MS_MAX, type RunSettings, runDedup } from './run.ts';
import {
  CHECK_PROCESS_SET,
  CHECK_SET_PROCESS,
  SET_NX_AFTER,
  SET_NX_FIRST,
  SET_NX_LEASE,
} from './strategies/global-id.ts';
import { SET_LATEST, SET_LATEST_IF_NEWER, SET_PER_FLIGHT } from './strategies/overwrite.ts';
import { INSERT, LOOK_UP_THEN_INSERT, UPSERT, UPSERT_ADDING } from './strategies/primary-key.ts';
import type { Strategy } from './strategies/strategy.ts';
import { INBOX_THEN_OUTSIDE, OUTBOX_RELAY, UNIQUE, UNIQUE_APART } from './strategies/unique-constraint.ts';

const CRASHES: PlanLimits = { kinds: ['crash-app'], faultsMax: 2 };
const PAUSES: PlanLimits = {
  kinds: ['pause-app'],
  faultsMax: 2,
  durationMs: { min: LONG_PAUSE_MS, max: LONG_PAUSE_MS },
};
const EVERYTHING: PlanLimits = { kinds: ['crash-app', 'pause-app', 'redeliver'], apps: ['c1', 'c2'], faultsMax: 3 };

const GOALS_OF_CRASHES = ['fault:crash-app', 'redelivered'];
const GOALS_OF_PAUSES = ['fault:pause-app', 'two at once'];
const GOALS_OF_ALL = ['fault:crash-app', 'fault:pause-app', 'fault:redeliver', 'redelivered', 'two at once'];

/** On real processes a few runs must say something: one fault each, which always fires. */
export const ON_REAL_PROCESSES = '-on-real-processes';
const ONE_CRASH: PlanLimits = { kinds: ['crash-app'], recordsMax: 1, faultsMax: 1, stepMax: 3 };
const ONE_PAUSE: PlanLimits = {
  ...ONE_CRASH,
  kinds: ['pause-app'],
  stepMax: 1,
  durationMs: { min: LONG_PAUSE_MS, max: LONG_PAUSE_MS },
};

/** The relay works after the commit of the offset. */
const CRASH_OF_RELAY = 'crash: offset committed';
const STEPS_MAX: Readonly<Record<string, number>> = { unique: 18, outbox: 30 };

const ONCE: readonly Check[] = [effectCount()];
const ONCE_AND_MORE: readonly Check[] = [
  effectCount(),
  only(commitOrder(), ['COMMIT-SAFE']),
  conservation(),
  liveness({ drainMsMax: DRAIN_MS_MAX }),
];

export interface Way {
  readonly strategy: Strategy;
  readonly effect?: EffectKind;
  readonly usesId?: boolean;
}

/** How the effects of each way are recorded, and whether it writes an id of its own. */
export const WAYS: Readonly<Record<string, Way>> = {
  insert: { strategy: INSERT },
  'look-up-then-insert': { strategy: LOOK_UP_THEN_INSERT },
  upsert: { strategy: UPSERT },
  'upsert-add': { strategy: UPSERT_ADDING },
  'redis-set-per-record': { strategy: SET_PER_FLIGHT, effect: 'redis' },
  'redis-set-latest': { strategy: SET_LATEST, effect: 'redis' },
  'redis-set-if-newer': { strategy: SET_LATEST_IF_NEWER, effect: 'redis' },
  'check-process-set': { strategy: CHECK_PROCESS_SET, usesId: true },
  'check-set-process': { strategy: CHECK_SET_PROCESS, usesId: true },
  'set-nx-first': { strategy: SET_NX_FIRST, usesId: true },
  'set-nx-after': { strategy: SET_NX_AFTER, usesId: true },
  'set-nx-lease': { strategy: SET_NX_LEASE, usesId: true },
  'unique-apart': { strategy: UNIQUE_APART, usesId: true },
  unique: { strategy: UNIQUE, usesId: true },
  'inbox-then-outside': { strategy: INBOX_THEN_OUTSIDE, effect: 'notices', usesId: true },
  outbox: { strategy: OUTBOX_RELAY, effect: 'notices', usesId: true },
};

export function runSettingsOf({ strategy, effect = 'departures', usesId = false }: Way): RunSettings {
  return { strategy, effect, usesId };
}

type Base = Pick<
  Scenario<DedupPlan>,
  'id' | 'title' | 'claims' | 'witnessTitle' | 'fixes' | 'clients' | 'localWith'
> & {
  readonly targets?: readonly TargetKind[];
};

function scenarioOf(
  base: Partial<Base> & Pick<Base, 'id' | 'title' | 'claims'>,
  rest: Pick<Scenario<DedupPlan>, 'variant' | 'expected' | 'checks' | 'exercised'>,
  limits: PlanLimits,
): Scenario<DedupPlan> {
  const settings = runSettingsOf(WAYS[base.id.replace(ON_REAL_PROCESSES, '')]!);
  return {
    clients: ['mqlab'],
    targets: ['sim'],
    ...base,
    ...rest,
    plan: planArbitrary(limits),
    describe: describePlan,
    broker: BROKER_SETTINGS,
    // A `before` ends with its first violation; an `after` on real processes has one fault that always fires.
    runs: { quick: { local: rest.variant === 'before' ? 8 : 1 } },
    run: (plan, context) => runDedup(plan, settings, context),
  };
}

function before(
  base: Partial<Base> & Pick<Base, 'id' | 'title' | 'claims'>,
  limits: PlanLimits,
  checks: readonly Check[] = ONCE,
): Scenario<DedupPlan> {
  const exercised = limits.kinds.includes('pause-app') ? GOALS_OF_PAUSES : GOALS_OF_CRASHES;
  return scenarioOf(base, { variant: 'before', expected: 'violated', checks, exercised }, limits);
}

function after(
  base: Partial<Base> & Pick<Base, 'id' | 'title' | 'claims'>,
  checks: readonly Check[] = ONCE_AND_MORE,
): Scenario<DedupPlan> {
  // Faults reach every step of two records: an outbox has many.
  const stepMax = STEPS_MAX[base.id] ?? 12;
  const exercised = base.id === 'outbox' ? [...GOALS_OF_ALL, CRASH_OF_RELAY] : GOALS_OF_ALL;
  return scenarioOf(base, { variant: 'after', expected: 'holds', checks, exercised }, { ...EVERYTHING, stepMax });
}

export const SCENARIOS: readonly Scenario<DedupPlan>[] = [
  before(
    {
      id: 'insert',
      title: 'a plain insert, and a crash before the commit',
      claims: ['C70'],
      witnessTitle: 'a crash between the insert and the commit inserts again',
      targets: ['sim', 'local'],
      clients: ['mqlab', 'kafkajs', 'platformatic'],
    },
    CRASHES,
  ),
  before(
    {
      id: 'look-up-then-insert',
      title: 'look up, then insert or update; a second consumer between the two',
      claims: ['C70'],
      witnessTitle: 'two consumers look up, neither finds, both insert',
      targets: ['sim', 'local'],
    },
    PAUSES,
  ),
  before(
    {
      id: 'upsert-add',
      targets: ['sim', 'local'],
      localWith: ['postgres'],
      title: 'an atomic upsert that adds',
      claims: ['C70'],
      witnessTitle: 'an atomic upsert that adds counts a redelivered record twice',
    },
    CRASHES,
  ),
  before(
    {
      id: 'redis-set-latest',
      targets: ['sim', 'local'],
      localWith: ['redis'],
      title: 'SET of the latest value; a late redelivery overwrites a newer one',
      claims: ['C71'],
      witnessTitle: 'a consumer that stood still writes an old value over a newer one',
    },
    PAUSES,
    [lastWriter],
  ),
  before(
    {
      id: 'check-process-set',
      targets: ['sim', 'local'],
      localWith: ['redis'],
      title: 'GET, process, SET; a crash between process and SET',
      claims: ['C72'],
      witnessTitle: 'the effect is there and its id is not: it is made again',
    },
    CRASHES,
  ),
  before(
    {
      id: 'check-set-process',
      targets: ['sim', 'local'],
      localWith: ['redis'],
      title: 'GET, SET, process; a crash between SET and process',
      claims: ['C72'],
      witnessTitle: 'the id is there and its effect is not: it is never made',
    },
    CRASHES,
  ),
  before(
    {
      id: 'set-nx-first',
      targets: ['sim', 'local'],
      localWith: ['redis'],
      title: 'SET NX, then process; a crash between the two',
      claims: ['C72'],
      witnessTitle: 'SET NX is atomic, and what it guards is not',
    },
    CRASHES,
  ),
  before(
    {
      id: 'set-nx-after',
      targets: ['sim', 'local'],
      localWith: ['redis'],
      title: 'GET, process, SET NX; a second consumer between the two',
      claims: ['C72'],
      witnessTitle: 'SET NX after the effect tells who was second when it is too late',
    },
    PAUSES,
  ),
  before(
    {
      id: 'set-nx-lease',
      targets: ['sim', 'local'],
      localWith: ['redis'],
      title: 'SET NX with an expiry as a lease; a crash, or work that outlives it',
      claims: ['C72'],
      witnessTitle: 'the lease ends, the effect stays: it is made again',
    },
    CRASHES,
  ),
  before(
    {
      id: 'unique-apart',
      targets: ['sim', 'local'],
      localWith: ['postgres'],
      title: 'the unique id in a transaction of its own',
      claims: ['C73'],
      witnessTitle: 'a unique id that is committed without its effect loses it',
    },
    CRASHES,
  ),
  before(
    {
      id: 'inbox-then-outside',
      targets: ['sim', 'local'],
      localWith: ['postgres'],
      title: 'inbox, then an effect outside the database',
      claims: ['C73'],
      witnessTitle: 'no transaction covers what is outside the database',
    },
    CRASHES,
  ),
  after({
    id: 'upsert',
    title: 'one upsert by primary key that overwrites',
    claims: ['C70'],
    fixes: 'look-up-then-insert',
  }),
  scenarioOf(
    {
      id: `upsert${ON_REAL_PROCESSES}`,
      title: 'one upsert by primary key that overwrites, on real processes',
      claims: ['C70'],
      fixes: 'look-up-then-insert',
      targets: ['local'],
    },
    { variant: 'after', expected: 'holds', checks: ONCE_AND_MORE, exercised: GOALS_OF_PAUSES },
    ONE_PAUSE,
  ),
  after({ id: 'redis-set-per-record', title: 'SET, a key for each record', claims: ['C71'] }),
  after(
    {
      id: 'redis-set-if-newer',
      title: "SET if newer, by the source's version",
      claims: ['C71'],
      fixes: 'redis-set-latest',
    },
    [lastWriter, liveness({ drainMsMax: DRAIN_MS_MAX })],
  ),
  scenarioOf(
    {
      id: `redis-set-if-newer${ON_REAL_PROCESSES}`,
      title: "SET if newer, by the source's version, on real processes",
      claims: ['C71'],
      fixes: 'redis-set-latest',
      targets: ['local'],
      localWith: ['redis'],
    },
    { variant: 'after', expected: 'holds', checks: [lastWriter], exercised: GOALS_OF_PAUSES },
    { ...ONE_PAUSE, recordsMax: 2 },
  ),
  after({
    id: 'unique',
    title: 'unique id and effect in one transaction',
    claims: ['C73'],
    fixes: 'unique-apart',
  }),
  scenarioOf(
    {
      id: `unique${ON_REAL_PROCESSES}`,
      title: 'unique id and effect in one transaction, on real processes',
      claims: ['C73'],
      targets: ['local'],
      clients: ['mqlab', 'kafkajs', 'platformatic'],
    },
    { variant: 'after', expected: 'holds', checks: ONCE_AND_MORE, exercised: GOALS_OF_CRASHES },
    ONE_CRASH,
  ),
  after(
    {
      id: 'outbox',
      title: 'inbox, effect and outbox in one transaction; the relay loses nothing and may repeat',
      claims: ['C73'],
      fixes: 'inbox-then-outside',
    },
    [only(effectCount(), ['EFFECT-LOSS']), liveness({ drainMsMax: DRAIN_MS_MAX })],
  ),
];

/**
 * The scenarios: what a consumer does with what it has in hand when partitions go.
 *
 * One variable a pair: `commit-late` and `commit-on-revoke` differ in what `revoked` does, `by-hand` and `commit-on-revoke` in who assigns, `slow-loop` and
 * `orderly` in where the work is done.
 */
import type { Check } from '../kit/checkers/check.ts';
import { commitOrder } from '../kit/checkers/commit-order.ts';
import { conservation } from '../kit/checkers/conservation.ts';
import { effectCount } from '../kit/checkers/effect-count.ts';
import { liveness } from '../kit/checkers/liveness.ts';
import { owner } from '../kit/checkers/owner.ts';
import type { Scenario } from '../kit/lab.ts';
import { commitLate, commitOnRevoke } from './app/background-work.ts';
import { slowLoop } from './app/slow-loop.ts';
import { only, ownerOfCommits } from './checks.ts';
import { describePlan, hangPlanArbitrary, type PlanLimits, planArbitrary, type RebalancePlan } from './plan.ts';
import { BROKER_SETTINGS, DRAIN_MS_MAX, GOALS, type RunSettings, runRebalance } from './run.ts';

const REWIND = only(commitOrder(), 'COMMIT-MONOTONIC');
const AT_LEAST_ONCE: readonly Check[] = [
  only(effectCount(), 'EFFECT-LOSS'),
  commitOrder(),
  conservation(),
  liveness({ drainMsMax: DRAIN_MS_MAX }),
];

export const SETTINGS = {
  'by-hand': { application: commitLate, byHand: true },
  'commit-late': { application: commitLate },
  'slow-loop': { application: slowLoop },
  'commit-on-revoke': { application: commitOnRevoke },
} as const satisfies Readonly<Record<string, RunSettings>>;
export type SettingsName = keyof typeof SETTINGS;

type Parts = Omit<Scenario<RebalancePlan>, 'plan' | 'describe' | 'run' | 'broker' | 'targets' | 'clients'> &
  Partial<Pick<Scenario<RebalancePlan>, 'targets' | 'clients'>> & {
    readonly settings: SettingsName;
    readonly limits: PlanLimits | { readonly hangUnits: number };
  };

export function scenarioFrom({ settings, limits, ...parts }: Parts, other?: RunSettings): Scenario<RebalancePlan> {
  return {
    targets: ['sim'],
    clients: ['mqlab'],
    ...parts,
    plan: 'hangUnits' in limits ? hangPlanArbitrary(limits.hangUnits) : planArbitrary(limits),
    describe: describePlan,
    broker: BROKER_SETTINGS,
    run: (plan, context) => runRebalance(plan, other ?? SETTINGS[settings], context),
  };
}

const JOINS: PlanLimits = { kinds: ['rebalance'], faultsMax: 2 };

const LATE_ON_REAL_PROCESSES = {
  title: 'work in the background, committed after the partition has gone, on real processes',
  claims: ['C65'],
  variant: 'before',
  expected: 'violated',
  settings: 'commit-late',
  checks: [REWIND],
  exercised: ['fault:rebalance', GOALS.moved],
  targets: ['local', 'external'],
  witnessTitle: 'A generation fences members, not partitions: the old owner commits over the new one',
  runs: { quick: { local: 3 } },
} as const;

export const PARTS = {
  'by-hand': {
    id: 'by-hand',
    title:
      'partitions by hand, offsets in a group without members; the consumer stands still and a supervisor replaces it',
    claims: ['C65'],
    variant: 'before',
    expected: 'violated',
    settings: 'by-hand',
    limits: { kinds: ['pause-app'], faultsMax: 1 },
    checks: [REWIND],
    exercised: ['fault:pause-app'],
    witnessTitle: 'Without a generation nobody is stale: the old consumer wakes up and takes the group back',
  },
  'commit-late': {
    id: 'commit-late',
    title: 'work in the background, committed after the partition has gone',
    claims: ['C65'],
    variant: 'before',
    expected: 'violated',
    settings: 'commit-late',
    limits: JOINS,
    checks: [REWIND],
    exercised: ['fault:rebalance', GOALS.moved],
    witnessTitle:
      'Work that outlives a rebalance commits late: accepted under the new generation, and the offset goes back',
  },
  'commit-late-on-real-processes': {
    ...LATE_ON_REAL_PROCESSES,
    id: 'commit-late-on-real-processes',
    limits: { hangUnits: 20 },
    clients: ['mqlab', 'platformatic'],
  },
  'commit-late-kafkajs': {
    ...LATE_ON_REAL_PROCESSES,
    id: 'commit-late-kafkajs',
    // It hears of a rebalance between two fetches, and an idle fetch waits five seconds.
    limits: { hangUnits: 65 },
    clients: ['kafkajs'],
  },
  'slow-loop': {
    id: 'slow-loop',
    title: 'a batch of work between two polls, longer than max.poll.interval.ms',
    claims: ['C65'],
    variant: 'before',
    expected: 'violated',
    settings: 'slow-loop',
    limits: { kinds: ['rebalance'], faultsMax: 1, recordsMin: 3, wholeBatches: true },
    checks: [only(effectCount(), 'EFFECT-DUPLICATE')],
    exercised: ['fault:rebalance', GOALS.refused],
    targets: ['sim', 'local'],
    witnessTitle: 'Too slow between two polls: removed, and its batch is consumed again',
    runs: { quick: { local: 3 } },
  },
  'commit-on-revoke': {
    id: 'commit-on-revoke',
    title:
      'the same background work, settled and committed before partitions go; members join, leave, stand still and die',
    claims: ['C65'],
    variant: 'after',
    expected: 'holds',
    settings: 'commit-on-revoke',
    limits: { kinds: ['rebalance', 'pause-app', 'crash-app'], faultsMax: 3, apps: ['c1', 'c2'] },
    checks: [...AT_LEAST_ONCE, ownerOfCommits],
    exercised: ['fault:rebalance', 'fault:pause-app', 'fault:crash-app', GOALS.moved, GOALS.again, GOALS.refused],
    fixes: 'commit-late',
    fixesAlso: ['by-hand'],
    runs: { quick: { sim: 500 } },
  },
  orderly: {
    id: 'orderly',
    title: 'the same, and nobody dies: members join and leave, each assignor',
    claims: ['C15', 'C64', 'C65'],
    variant: 'after',
    expected: 'holds',
    settings: 'commit-on-revoke',
    limits: { kinds: ['rebalance'], faultsMax: 3 },
    checks: [effectCount(), owner, ...AT_LEAST_ONCE],
    exercised: ['fault:rebalance', GOALS.moved, GOALS.idle, GOALS.employed],
    fixes: 'slow-loop',
    runs: { quick: { sim: 300 } },
  },
  'orderly-on-real-processes': {
    id: 'orderly-on-real-processes',
    title: 'members join and leave, on real processes',
    claims: ['C15', 'C64', 'C65'],
    variant: 'after',
    expected: 'holds',
    settings: 'commit-on-revoke',
    limits: { kinds: ['rebalance'], faultsMin: 2, faultsMax: 2, recordsMin: 5, stepMax: 1 },
    checks: [effectCount(), owner, ...AT_LEAST_ONCE],
    exercised: ['fault:rebalance', GOALS.moved],
    fixes: 'commit-late',
    targets: ['local'],
    runs: { quick: { local: 1 } },
  },
} as const satisfies Readonly<Record<string, Parts>>;

export const SCENARIOS: readonly Scenario<RebalancePlan>[] = Object.values(PARTS).map((parts: Parts) =>
  scenarioFrom(parts),
);

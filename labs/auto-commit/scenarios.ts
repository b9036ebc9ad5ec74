/**
 * The scenarios: ways to consume that differ in who commits, and when.
 *
 * One variable a pair: `leave-mid-batch` and `finish-batch` differ in the way out of the loop, `hand-over` and `commit-finished` in what is committed,
 * `commit-in-batch` and `commit-each` in the offsets given, `async-only` and `async-then-sync` in the last commit.
 */
import type { Check } from '../kit/checkers/check.ts';
import { commitOrder } from '../kit/checkers/commit-order.ts';
import { conservation } from '../kit/checkers/conservation.ts';
import { effectCount } from '../kit/checkers/effect-count.ts';
import type { CheckerName } from '../kit/checkers/finding.ts';
import { liveness } from '../kit/checkers/liveness.ts';
import { CLIENT_NAMES } from '../kit/drivers/driver.ts';
import type { Scenario } from '../kit/lab.ts';
import { asyncOnly, asyncThenSync, commitEach, commitInBatch } from './app/commit-calls.ts';
import { commitFinished, handOver } from './app/hand-over.ts';
import { finishBatch, leaveMidBatch } from './app/poll-loop.ts';
import { type CommitPlan, describePlan, type PlanLimits, planArbitrary, smallerCommitPlans } from './plan.ts';
import { type Application, BROKER_SETTINGS, DRAIN_MS_MAX, GOALS, runAutoCommit } from './run.ts';

function only(check: Check, name: CheckerName): Check {
  return { names: [name], apply: (history) => check.apply(history).filter(({ checker }) => checker === name) };
}

const LOSS = only(effectCount(), 'EFFECT-LOSS');
const REPEAT = only(effectCount(), 'EFFECT-DUPLICATE');
/** Nothing lost, nothing committed too early, no commit goes back, everything is done in the end. Repeats are allowed: at least once. */
const AT_LEAST_ONCE: readonly Check[] = [LOSS, commitOrder(), conservation(), liveness({ drainMsMax: DRAIN_MS_MAX })];

export const APPLICATIONS = {
  'finish-batch': { kind: 'driven', autoCommit: true, main: finishBatch },
  'leave-mid-batch': { kind: 'driven', autoCommit: true, main: leaveMidBatch },
  'hand-over': { kind: 'driven', autoCommit: true, main: handOver },
  'commit-finished': { kind: 'driven', autoCommit: false, main: commitFinished },
  'commit-in-batch': { kind: 'calling', main: commitInBatch },
  'commit-each': { kind: 'calling', main: commitEach },
  'async-only': { kind: 'calling', main: asyncOnly },
  'async-then-sync': { kind: 'calling', main: asyncThenSync },
} as const satisfies Readonly<Record<string, Application>>;
export type ApplicationName = keyof typeof APPLICATIONS;

type Parts = Omit<Scenario<CommitPlan>, 'plan' | 'describe' | 'run' | 'broker' | 'targets' | 'clients' | 'smaller'> &
  Partial<Pick<Scenario<CommitPlan>, 'targets' | 'clients'>> & {
    readonly application: ApplicationName;
    readonly limits: PlanLimits;
  };

export function scenarioFrom({ application, limits, ...parts }: Parts, other?: Application): Scenario<CommitPlan> {
  return {
    targets: ['sim'],
    clients: ['mqlab'],
    ...parts,
    plan: planArbitrary(limits),
    describe: describePlan,
    smaller: smallerCommitPlans,
    broker: BROKER_SETTINGS,
    run: (plan, context) => runAutoCommit(plan, other ?? APPLICATIONS[application], context),
  };
}

const KILLS: PlanLimits = { kinds: ['crash-app'] };
const STOPS: PlanLimits = { kinds: ['stop-app'] };
const ENDS: PlanLimits = { kinds: ['crash-app', 'stop-app'], faultsMax: 3 };
const GOALS_OF_ENDS = ['fault:crash-app', 'fault:stop-app', GOALS.held, GOALS.again];
const OUTAGES: PlanLimits = {
  kinds: ['kill-broker', 'stop-app'],
  faultsMin: 2,
  faultsMax: 3,
  recordsMax: 2,
  stepMax: 5,
};

/** On real processes: the first of several slow records is in work, the others wait, and the commit has been stored. */
const ON_REAL_PROCESSES: PlanLimits = {
  kinds: ['crash-app'],
  faultsMax: 1,
  stepMax: 2,
  recordsMin: 3,
  units: 8,
};

export const PARTS = {
  'repeat-after-kill': {
    id: 'repeat-after-kill',
    title: 'auto commit, the batch finished before the next poll; a kill between the work and the commit',
    claims: ['C61'],
    variant: 'before',
    expected: 'violated',
    application: 'finish-batch',
    limits: KILLS,
    checks: [REPEAT],
    exercised: ['fault:crash-app'],
    witnessTitle: 'Auto commit comes late: a kill before it repeats what was done',
  },
  'leave-mid-batch': {
    id: 'leave-mid-batch',
    title: 'auto commit, an orderly end in the middle of a batch',
    claims: ['C61'],
    variant: 'before',
    expected: 'violated',
    application: 'leave-mid-batch',
    limits: STOPS,
    checks: [LOSS],
    exercised: ['fault:stop-app', GOALS.held],
    witnessTitle: 'close() commits the whole batch, also the part that nobody worked off',
    targets: ['sim', 'local'],
  },
  'hand-over': {
    id: 'hand-over',
    title: 'auto commit, records handed to an in-memory queue; a kill',
    claims: ['C61', 'C67'],
    variant: 'before',
    expected: 'violated',
    application: 'hand-over',
    limits: KILLS,
    checks: [LOSS],
    exercised: ['fault:crash-app', GOALS.early],
    witnessTitle: 'What the queue held was committed: the kill loses it',
    targets: ['sim', 'local'],
    clients: CLIENT_NAMES,
  },
  'commit-in-batch': {
    id: 'commit-in-batch',
    title: 'commitSync() without offsets after each record; a kill',
    claims: ['C62'],
    variant: 'before',
    expected: 'violated',
    application: 'commit-in-batch',
    limits: KILLS,
    checks: [LOSS],
    exercised: ['fault:crash-app', GOALS.early],
    witnessTitle: 'commitSync() means the whole batch, not this record',
  },
  'async-only': {
    id: 'async-only',
    title: 'commitAsync() after each batch and nothing else; the broker away for a moment, then an orderly end',
    claims: ['C62'],
    variant: 'before',
    expected: 'violated',
    application: 'async-only',
    limits: OUTAGES,
    checks: [REPEAT],
    exercised: ['fault:kill-broker', 'fault:stop-app', GOALS.lostCall],
    witnessTitle: 'A failed commitAsync is not tried again: even an orderly end repeats',
  },
  'finish-batch': {
    id: 'finish-batch',
    title: 'auto commit, the batch finished before the next poll and before the end',
    claims: ['C61'],
    variant: 'after',
    expected: 'holds',
    application: 'finish-batch',
    limits: ENDS,
    checks: AT_LEAST_ONCE,
    exercised: GOALS_OF_ENDS,
    fixes: 'leave-mid-batch',
    runs: { quick: { sim: 200 } },
  },
  'commit-finished': {
    id: 'commit-finished',
    title: 'the same queue, committing what is finished and no more',
    claims: ['C67'],
    variant: 'after',
    expected: 'holds',
    application: 'commit-finished',
    limits: ENDS,
    checks: AT_LEAST_ONCE,
    exercised: GOALS_OF_ENDS,
    fixes: 'hand-over',
    fixesAlso: ['leave-mid-batch'],
    runs: { quick: { sim: 500 } },
  },
  'commit-finished-on-real-processes': {
    id: 'commit-finished-on-real-processes',
    title: 'the same queue, committing what is finished and no more, on real processes',
    claims: ['C67'],
    variant: 'after',
    expected: 'holds',
    application: 'commit-finished',
    limits: { ...ON_REAL_PROCESSES, stepMax: 1 },
    checks: AT_LEAST_ONCE,
    exercised: ['fault:crash-app', GOALS.held, GOALS.again],
    targets: ['local'],
    clients: CLIENT_NAMES,
    runs: { quick: { local: 1 } },
  },
  'commit-each': {
    id: 'commit-each',
    title: 'commitSync with the offset behind this record',
    claims: ['C62'],
    variant: 'after',
    expected: 'holds',
    application: 'commit-each',
    limits: ENDS,
    checks: AT_LEAST_ONCE,
    exercised: GOALS_OF_ENDS,
    fixes: 'commit-in-batch',
    runs: { quick: { sim: 200 } },
  },
  'async-then-sync': {
    id: 'async-then-sync',
    title: 'commitAsync() after each batch, commitSync() before the end',
    claims: ['C62'],
    variant: 'after',
    expected: 'holds',
    application: 'async-then-sync',
    limits: OUTAGES,
    checks: [REPEAT, ...AT_LEAST_ONCE],
    exercised: ['fault:kill-broker', 'fault:stop-app', GOALS.lostCall],
    fixes: 'async-only',
    runs: { quick: { sim: 200 } },
  },
} as const satisfies Readonly<Record<string, Parts>>;

export const SCENARIOS: readonly Scenario<CommitPlan>[] = Object.values(PARTS).map((parts: Parts) =>
  scenarioFrom(parts),
);

/**
 * The scenarios: the same outbox sent in several ways, and each cure under the faults of what it cures.
 *
 * Invariant: a `before` and its `after` differ in the producer's settings or in the application's code, never in the faults' kinds. Every cure must also deliver everything.
 */
import type { Check } from '../kit/checkers/check.ts';
import { duplicate } from '../kit/checkers/duplicate.ts';
import { liveness } from '../kit/checkers/liveness.ts';
import { lostWrite } from '../kit/checkers/lost-write.ts';
import { CLIENT_NAMES, type ClientName } from '../kit/drivers/driver.ts';
import type { Scenario } from '../kit/lab.ts';
import type { FaultKind } from '../kit/plan.ts';
import type { Ability, TargetKind } from '../kit/targets/target.ts';
import { complete, readTwice, withHeaders } from './checks.ts';
import { BROKERS, CLUSTER_SETTINGS, CONTROLLERS } from './cluster.ts';
import { type DuplicatePlan, describePlan, type PlanLimits, planArbitrary, smallerWithin } from './plan.ts';
import { BROKER_SETTINGS, DRAIN_MS_MAX, GOALS, runDuplicate } from './run.ts';
import { WAYS, type WayName } from './ways.ts';

const DELIVERED: readonly Check[] = [complete, lostWrite, liveness({ drainMsMax: DRAIN_MS_MAX })];

/** From the second record on: the first one has opened connection and session. */
const LATER = { recordsMin: 2, recordsMax: 4, faultsMax: 2, stepMin: 4, stepMax: 10 } as const;
const SOME_DROP: PlanLimits = { ...LATER, kinds: ['drop-response'] };
const SOME_KILL: PlanLimits = { ...LATER, kinds: ['kill-broker'], faultsMax: 1, isCluster: true };
/** On real processes one run must say something: the second record, on its way. */
const SECOND = { recordsMin: 2, recordsMax: 2, faultsMax: 1, stepMin: 4, stepMax: 4 } as const;
const DROP: PlanLimits = { ...SECOND, kinds: ['drop-response'] };
const KILL: PlanLimits = { ...SECOND, kinds: ['kill-broker'], isCluster: true };
const DROPS: PlanLimits = { kinds: ['drop-response'], recordsMax: 4, faultsMax: 3 };
const KILLS: PlanLimits = { kinds: ['kill-broker', 'drop-response'], recordsMax: 4, faultsMax: 3, isCluster: true };
const RESTARTS: PlanLimits = { ...KILLS, isCluster: false };
const CRASHES: PlanLimits = { kinds: ['crash-app'] };
const ONE_CRASH: PlanLimits = { kinds: ['crash-app'], recordsMax: 1, faultsMax: 1, stepMin: 2, stepMax: 2 };
const PAUSES: PlanLimits = { kinds: ['pause-app'], recordsMin: 2, faultsMax: 1, stepMin: 2, stepMax: 6 };
const ALONE: PlanLimits = { kinds: ['crash-app', 'drop-response'], recordsMax: 4, faultsMax: 3, stepMax: 20 };
const EVERYTHING: PlanLimits = {
  kinds: ['crash-app', 'pause-app', 'drop-response'],
  recordsMax: 4,
  faultsMax: 3,
  stepMax: 28,
};

export type Parts = Pick<Scenario<DuplicatePlan>, 'id' | 'title' | 'claims'> & {
  readonly way: WayName;
  readonly limits: PlanLimits;
  readonly exercised?: readonly string[];
  readonly fixes?: string;
  readonly fixesAlso?: readonly string[];
  readonly witnessTitle?: string;
  readonly targets?: readonly TargetKind[];
  readonly clients?: readonly ClientName[];
  readonly runs?: Scenario['runs'];
};

export function scenarioOf(
  { way, limits, exercised = [], ...parts }: Parts,
  variant: 'before' | 'after',
): Scenario<DuplicatePlan> {
  // What an aborted transaction wrote stands in the log, and nobody who reads committed sees it.
  const once = withHeaders(WAYS[way].isTransactional ? readTwice : duplicate);
  return {
    targets: ['sim'],
    clients: ['mqlab'],
    checks: variant === 'before' ? [once] : [once, ...DELIVERED],
    runs: { quick: { sim: 100, local: variant === 'before' ? 3 : 1, external: variant === 'before' ? 5 : 2 } },
    ...(limits.isCluster === true ? CLUSTER : { broker: BROKER_SETTINGS }),
    needs: limits.kinds.flatMap((kind) => NEEDED[kind] ?? []),
    ...parts,
    variant,
    expected: variant === 'before' ? 'violated' : 'holds',
    exercised: [...limits.kinds.map((kind) => `fault:${kind}`), ...exercised],
    plan: planArbitrary(limits),
    smaller: smallerWithin(limits),
    describe: describePlan,
    run: (plan, context) => runDuplicate(plan, context, WAYS[way]),
  };
}

const REAL = { targets: ['sim', 'local', 'external'] } as const;
const OUTSIDE = { targets: ['sim', 'external'] } as const;
const CLUSTER = {
  brokers: BROKERS,
  controllers: CONTROLLERS,
  broker: { ...BROKER_SETTINGS, ...CLUSTER_SETTINGS },
} as const;
/** What a fault asks of a target; a process that stands still is also one whose link is cut. */
const NEEDED: Partial<Readonly<Record<FaultKind, readonly Ability[]>>> = {
  'drop-response': ['drop-response'],
  'kill-broker': ['kill-broker', 'cut-link'],
  'crash-app': ['crash-app'],
  'pause-app': ['cut-link'],
};

export const RETRY: Parts = {
  id: 'retry',
  way: 'plain',
  title: 'the answer is lost, the client retries, no idempotence',
  claims: ['C32'],
  limits: SOME_DROP,
  exercised: [GOALS.unheard],
  witnessTitle: 'The broker has it, the producer has not heard so: the retry is one record more',
  ...REAL,
  clients: CLIENT_NAMES,
};
export const FAILOVER: Parts = {
  id: 'failover',
  way: 'plain-acks-all',
  title: 'the leader dies with the record replicated and the answer unsent, no idempotence',
  claims: ['C31'],
  limits: SOME_KILL,
  exercised: [GOALS.unheard, GOALS.replaced],
  witnessTitle: 'On every replica before the leader died, and once more at its successor',
  runs: { quick: { sim: 60, local: 2, external: 6 } },
  ...REAL,
};
export const RESTART: Parts = {
  id: 'restart',
  way: 'idempotent',
  title: 'idempotent; killed before it marks what was sent, and restarted',
  claims: ['C33'],
  limits: CRASHES,
  witnessTitle: 'A new process, a new producer id: the broker cannot know the record again',
  ...OUTSIDE,
};
export const RESEND: Parts = {
  id: 'resend',
  way: 'impatient',
  title: 'idempotent; the application does not wait and sends again',
  claims: ['C33'],
  limits: SOME_DROP,
  exercised: [GOALS.unheard],
  witnessTitle: 'A second send is a second sequence number: two records to the broker',
  ...OUTSIDE,
};
export const GIVES_UP: Parts = {
  id: 'resend-after-time-out',
  way: 'gives-up',
  title: 'idempotent; delivery.timeout.ms is over, and the application sends again',
  claims: ['C33'],
  limits: SOME_DROP,
  exercised: [GOALS.unheard],
  witnessTitle: 'The client gave up on a record that was stored: "timed out" is not "failed"',
};
export const ELSEWHERE: Parts = {
  id: 'retry-elsewhere',
  way: 'elsewhere',
  title: 'idempotent, without a key: the client chooses a partition for each attempt',
  claims: ['C32', 'C33'],
  limits: DROP,
  exercised: [GOALS.unheard],
  witnessTitle: 'The retry goes to another partition, where the sequence number is new',
  targets: ['local'],
  clients: ['kafkajs'],
};
export const BLIND: Parts = {
  id: 'blind-transaction',
  way: 'blind',
  title: 'a transaction for each record; killed before it marks it as sent',
  claims: ['C33'],
  limits: { ...CRASHES, stepMax: 16 },
  witnessTitle: 'The transaction was committed, and nothing in it says so to the successor',
};
export const READ_BACK_TWO: Parts = {
  id: 'read-back-two',
  way: 'read-back',
  title: 'reads the log back; stands still, and a second process takes over',
  claims: ['C33'],
  limits: PAUSES,
  exercised: [GOALS.both],
  witnessTitle: 'What was read back is true until somebody else writes',
};

export const IDEMPOTENT: Parts = {
  id: 'idempotent',
  way: 'idempotent',
  title: 'answers are lost, the client retries, idempotent',
  claims: ['C32'],
  limits: DROPS,
  exercised: [GOALS.unheard],
  fixes: 'retry',
};
export const IDEMPOTENT_PROCESSES: Parts = {
  ...IDEMPOTENT,
  id: 'idempotent-processes',
  title: 'an answer is lost, the client retries, idempotent, on real processes',
  limits: DROP,
  targets: ['local', 'external'],
  clients: CLIENT_NAMES,
};
export const FAILOVER_IDEMPOTENT: Parts = {
  id: 'failover-idempotent',
  way: 'idempotent',
  title: 'the leader dies with the record replicated and the answer unsent, idempotent',
  claims: ['C31', 'C32'],
  limits: KILLS,
  exercised: [GOALS.unheard, GOALS.replaced],
  fixes: 'failover',
  runs: { quick: { sim: 20 } },
};
export const RESTART_IDEMPOTENT: Parts = {
  id: 'broker-restart-idempotent',
  way: 'idempotent',
  title: 'the only broker dies with the record stored and the answer unsent, and comes back; idempotent',
  claims: ['C32'],
  limits: RESTARTS,
  exercised: [GOALS.unheard],
  runs: { quick: { sim: 40 } },
};
export const FAILOVER_PROCESSES: Parts = {
  ...FAILOVER_IDEMPOTENT,
  id: 'failover-idempotent-processes',
  title: 'the leader dies with the record replicated and the answer unsent, idempotent, on real processes',
  limits: KILL,
  targets: ['local', 'external'],
  runs: { quick: { local: 1, external: 2 } },
};
export const CHOSEN: Parts = {
  id: 'partition-named',
  way: 'chosen',
  title: 'idempotent, and the application names the partition',
  claims: ['C32', 'C33'],
  limits: DROP,
  exercised: [GOALS.unheard],
  fixes: 'retry-elsewhere',
  targets: ['local'],
  clients: ['kafkajs'],
};
export const READ_BACK: Parts = {
  id: 'read-back',
  way: 'read-back',
  title: 'one process at a time, which reads the log back before it sends',
  claims: ['C33'],
  limits: ALONE,
  exercised: [GOALS.unheard],
  fixes: 'restart',
  runs: { quick: { sim: 60 } },
};
export const POSITION: Parts = {
  id: 'position',
  way: 'position',
  title: 'one transaction for the record and the position in the outbox',
  claims: ['C33'],
  limits: EVERYTHING,
  exercised: [GOALS.fenced],
  fixes: 'restart',
  fixesAlso: ['resend', 'resend-after-time-out', 'blind-transaction', 'read-back-two'],
};
export const POSITION_PROCESSES: Parts = {
  ...POSITION,
  id: 'position-processes',
  title: 'one transaction for the record and the position in the outbox, on real processes',
  limits: ONE_CRASH,
  exercised: [],
  fixesAlso: [],
  targets: ['local', 'external'],
};

export const BEFORE: readonly Parts[] = [RETRY, FAILOVER, ELSEWHERE, RESTART, RESEND, GIVES_UP, BLIND, READ_BACK_TWO];
export const AFTER: readonly Parts[] = [
  IDEMPOTENT,
  IDEMPOTENT_PROCESSES,
  FAILOVER_IDEMPOTENT,
  FAILOVER_PROCESSES,
  RESTART_IDEMPOTENT,
  CHOSEN,
  READ_BACK,
  POSITION,
  POSITION_PROCESSES,
];

export const SCENARIOS: readonly Scenario<DuplicatePlan>[] = [
  ...BEFORE.map((parts) => scenarioOf(parts, 'before')),
  ...AFTER.map((parts) => scenarioOf(parts, 'after')),
];

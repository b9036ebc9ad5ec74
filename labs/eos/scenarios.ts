/**
 * The scenarios: the sound setup with one thing taken away from it, and the sound setup under every fault that a missing thing was found with.
 *
 * Invariant: a `before` and the `after` that cures it differ in one decision. Without the faults having met an open transaction nothing is said.
 */
import type { Check } from '../kit/checkers/check.ts';
import { effectCount } from '../kit/checkers/effect-count.ts';
import type { CheckerName } from '../kit/checkers/finding.ts';
import { liveness } from '../kit/checkers/liveness.ts';
import { transactionReads } from '../kit/checkers/transaction-reads.ts';
import { CLIENT_NAMES, type ClientName } from '../kit/drivers/driver.ts';
import type { Scenario } from '../kit/lab.ts';
import type { TargetKind } from '../kit/targets/target.ts';
import { SOURCE } from './app/read-process-write.ts';
import { describePlan, type EosPlan, type PlanLimits, planArbitrary } from './plan.ts';
import { DRAIN_MS_MAX, GOALS, runEos } from './run.ts';
import { type EosSetup, SOUND, withSetup } from './setup.ts';

export const BROKER_SETTINGS: Readonly<Record<string, string>> = {
  'group.min.session.timeout.ms': '50',
  'group.initial.rebalance.delay.ms': '0',
  'offsets.topic.num.partitions': '1',
  'offsets.topic.replication.factor': '1',
  'transaction.state.log.num.partitions': '1',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
};
/** Kafka looks for transactions that are too old every ten seconds. */
const QUICK_CLEANUP = { 'transaction.abort.timed.out.transaction.cleanup.interval.ms': '100' };
const SHORT_TIMEOUT_MS = 500;

const COUNTS = effectCount({ topics: [SOURCE] });
const LIVE = liveness({ drainMsMax: DRAIN_MS_MAX });

function only(check: Check, names: readonly CheckerName[]): Check {
  return { names, apply: (history) => check.apply(history).filter(({ checker }) => names.includes(checker)) };
}
const NO_LOSS = only(COUNTS, ['EFFECT-LOSS']);
const NO_DUPLICATE = only(COUNTS, ['EFFECT-DUPLICATE']);
const NO_OWN_READS = only(transactionReads, ['PRECOMMITTED-READ']);
const ALL: readonly Check[] = [transactionReads, COUNTS, LIVE];

const CRASHES: PlanLimits = { kinds: ['crash-app'] };
const ABORTS: PlanLimits = { kinds: ['fail-work'], stepMin: 2 };
const EVERYTHING: PlanLimits = {
  kinds: ['crash-app', 'fail-work', 'pause-app', 'drop-response'],
  faultsMax: 3,
  stepMax: 36,
};
const PAUSES: PlanLimits = { kinds: ['pause-app'], faultsMax: 1, stepMax: 12 };
const TAKEOVERS: PlanLimits = { kinds: ['crash-app', 'pause-app'], faultsMax: 2, stepMax: 16 };
/** Two transactions at least: the commit of the first meets the second. */
const LATE: PlanLimits = {
  kinds: ['late-request'],
  recordsMin: 2,
  pollRecordsMax: 1,
  stepMin: 15,
  stepMax: 21,
  faultsMax: 1,
};
const LATE_AND_MORE: PlanLimits = {
  ...LATE,
  kinds: ['late-request', 'fail-work', 'crash-app'],
  stepMin: 9,
  stepMax: 30,
  faultsMax: 3,
};
/** Once results are in the open transaction. */
const KILLED_OPEN: PlanLimits = { kinds: ['crash-app'], recordsMax: 2, faultsMax: 1, stepMin: 3, stepMax: 7 };
/** On real processes one run must say something. */
const ONE_CRASH: PlanLimits = { kinds: ['crash-app'], recordsMax: 1, faultsMax: 1, stepMin: 4, stepMax: 6 };

export type Parts = Pick<Scenario<EosPlan>, 'id' | 'title' | 'claims' | 'checks'> & {
  readonly setup: EosSetup;
  readonly limits: PlanLimits;
  readonly fixes?: string;
  readonly fixesAlso?: readonly string[];
  readonly witnessTitle?: string;
  readonly targets?: readonly TargetKind[];
  readonly clients?: readonly ClientName[];
  readonly exercised?: readonly string[];
  readonly runs?: Scenario['runs'];
  readonly broker?: Readonly<Record<string, string>>;
};

export function scenarioOf(
  { setup, limits, broker, exercised = [], ...parts }: Parts,
  variant: 'before' | 'after',
): Scenario<EosPlan> {
  return {
    targets: ['sim'],
    clients: ['mqlab'],
    runs: { quick: { sim: 200, local: variant === 'before' ? 3 : 1, external: variant === 'before' ? 12 : 4 } },
    ...parts,
    variant,
    expected: variant === 'before' ? 'violated' : 'holds',
    exercised: [...limits.kinds.map((kind) => `fault:${kind}`), ...exercised],
    plan: planArbitrary(limits),
    describe: describePlan,
    broker: { ...BROKER_SETTINGS, ...broker },
    run: (plan, context) => runEos(plan, context, setup),
  };
}

export const PLAIN: Parts = {
  id: 'plain',
  title: 'an idempotent producer, offsets committed behind it',
  claims: ['C33', 'C34'],
  setup: { ...SOUND, transactions: false },
  checks: [NO_DUPLICATE],
  limits: CRASHES,
  witnessTitle: 'A new life, a new producer id: the broker cannot know the result again',
  targets: ['sim', 'local'],
  clients: CLIENT_NAMES,
};
export const UNCOMMITTED: Parts = {
  id: 'read-uncommitted',
  title: 'transactions, and a reader of the results with the default isolation level',
  claims: ['C34'],
  setup: { ...SOUND, reader: 'read_uncommitted' },
  checks: [NO_DUPLICATE],
  limits: ABORTS,
  witnessTitle: 'The transaction was aborted; who reads uncommitted acted on it all the same',
  targets: ['sim', 'local', 'external'],
};
export const NO_SEEK: Parts = {
  id: 'abort-without-seek',
  title: 'an abort, and the consumer goes on where it was',
  claims: ['C34'],
  setup: withSetup({ afterAbort: 'go-on' }),
  checks: [NO_LOSS],
  limits: ABORTS,
  witnessTitle: 'The abort took the offsets back and not the position: the next commit passes over the batch',
  targets: ['sim', 'external'],
};
export const OWN_WRITES: Parts = {
  id: 'own-writes',
  title: 'looks at its own results, uncommitted, before it commits',
  claims: ['C34'],
  setup: withSetup({ looksBack: true }, { lookBack: 'read_uncommitted' }),
  checks: [NO_OWN_READS],
  // No fault is needed: it reads its own writes without any.
  limits: { ...CRASHES, faultsMin: 0 },
  witnessTitle: 'Inside the transaction it sees what nobody may count on yet',
};
export const GROUP_ONLY: Parts = {
  id: 'group-only',
  title: 'stands still past its session; offsets name the group alone',
  claims: ['C34'],
  setup: withSetup({ offsets: 'group-only' }),
  checks: [NO_DUPLICATE],
  limits: PAUSES,
  witnessTitle: 'Two live processors, two transactional ids, one partition: nobody is fenced',
  targets: ['sim', 'local'],
};
export const RANDOM_ID: Parts = {
  id: 'random-id',
  title: 'a new transactional.id at each start',
  claims: ['C34'],
  setup: { ...SOUND, ids: 'random' },
  checks: [LIVE],
  limits: KILLED_OPEN,
  exercised: [GOALS.open],
  witnessTitle: 'Nobody comes back for the open transaction: the last stable offset stands still',
  targets: ['sim', 'local'],
};
export const LATE_TAKE_OVER: Parts = {
  id: 'take-over-at-first-record',
  title: 'an id for the partition, taken over with its first record',
  claims: ['C34'],
  setup: { ...SOUND, ids: 'by-partition', takeOver: 'at-first-record' },
  checks: [LIVE],
  limits: { ...CRASHES, faultsMax: 1, stepMin: 5, stepMax: 9, recordsMax: 2 },
  exercised: [GOALS.open],
  witnessTitle: 'The open transaction hides the offset, so no record comes, so nobody takes the id over',
};
export const LATE_END_1: Parts = {
  id: 'late-commit-v1',
  title: 'a late commit, and a client from before KIP-890',
  claims: ['C34'],
  setup: { ...SOUND, lateRequests: true, transactionVersionMax: 1 },
  checks: [transactionReads, COUNTS],
  limits: LATE,
  exercised: [GOALS.late],
  witnessTitle: 'One epoch for all transactions: the late commit of one ends the next, half done',
  targets: ['sim', 'local', 'external'],
};
export const MAIL: Parts = {
  id: 'mail',
  title: 'an e-mail inside the transaction',
  claims: ['C34'],
  setup: withSetup({ mails: true }, { mails: true }),
  checks: [NO_DUPLICATE],
  limits: { ...CRASHES, kinds: ['crash-app', 'fail-work'] },
  witnessTitle: 'The results are aborted, the e-mail has been sent',
};

export const TRANSACTION: Parts = {
  id: 'transaction',
  title: 'one transaction for results and offsets, read committed',
  claims: ['C34'],
  // It looks back too, and reads committed there: so it sees nothing of its own.
  setup: withSetup({ looksBack: true }),
  checks: ALL,
  limits: EVERYTHING,
  fixes: 'plain',
  fixesAlso: ['read-uncommitted', 'abort-without-seek', 'own-writes', 'group-only', 'random-id'],
  exercised: [GOALS.aborted, GOALS.open, GOALS.generation],
  runs: { quick: { sim: 300, local: 1 } },
};
export const TRANSACTION_PROCESSES: Parts = {
  ...TRANSACTION,
  setup: SOUND,
  id: 'transaction-processes',
  title: 'one transaction for results and offsets, on real processes',
  limits: ONE_CRASH,
  fixesAlso: [],
  exercised: [],
  targets: ['local'],
  clients: CLIENT_NAMES,
};
export const BY_PARTITION: Parts = {
  id: 'id-by-partition',
  title: 'stands still past its session; one transactional.id for the partition',
  claims: ['C34'],
  setup: withSetup({ offsets: 'group-only' }, { ids: 'by-partition' }),
  checks: ALL,
  limits: TAKEOVERS,
  fixes: 'group-only',
  fixesAlso: ['take-over-at-first-record'],
  exercised: [GOALS.fenced],
};
export const TIMEOUT: Parts = {
  id: 'short-timeout',
  title: 'a new transactional.id at each start, and a short transaction.timeout.ms',
  claims: ['C34'],
  setup: { ...SOUND, ids: 'random', transactionTimeoutMs: SHORT_TIMEOUT_MS },
  checks: ALL,
  limits: KILLED_OPEN,
  fixes: 'random-id',
  exercised: [GOALS.open],
  broker: QUICK_CLEANUP,
};
export const OPERATOR: Parts = {
  id: 'operator',
  title: 'a new transactional.id at each start, and an operator who aborts what hangs',
  claims: ['C34'],
  setup: { ...SOUND, ids: 'random', operator: true },
  checks: ALL,
  limits: KILLED_OPEN,
  fixes: 'random-id',
  exercised: [GOALS.open],
};
export const LATE_END_2: Parts = {
  id: 'late-commit-v2',
  title: 'a late commit, and a client with transaction.version 2',
  claims: ['C34'],
  setup: { ...SOUND, lateRequests: true },
  checks: ALL,
  limits: LATE_AND_MORE,
  fixes: 'late-commit-v1',
  exercised: [GOALS.late, GOALS.fenced],
};
export const LATE_END_2_PROCESSES: Parts = {
  ...LATE_END_2,
  id: 'late-commit-v2-processes',
  title: 'a late commit, and a client with transaction.version 2, on real processes',
  limits: LATE,
  exercised: [GOALS.late],
  targets: ['local', 'external'],
};
/** What the user's cluster allows: no process is killed there, but work can fail. */
export const ABORTED: Parts = {
  ...TRANSACTION,
  id: 'transaction-aborted',
  title: 'one transaction for results and offsets, and work that fails',
  limits: ABORTS,
  fixes: 'read-uncommitted',
  fixesAlso: ['abort-without-seek'],
  exercised: [GOALS.aborted],
  targets: ['external'],
};

const BEFORE: readonly Parts[] = [
  PLAIN,
  UNCOMMITTED,
  NO_SEEK,
  OWN_WRITES,
  GROUP_ONLY,
  RANDOM_ID,
  LATE_TAKE_OVER,
  LATE_END_1,
  MAIL,
];
const AFTER: readonly Parts[] = [
  TRANSACTION,
  TRANSACTION_PROCESSES,
  BY_PARTITION,
  TIMEOUT,
  OPERATOR,
  LATE_END_2,
  LATE_END_2_PROCESSES,
  ABORTED,
];

export const SCENARIOS: readonly Scenario<EosPlan>[] = [
  ...BEFORE.map((parts) => scenarioOf(parts, 'before')),
  ...AFTER.map((parts) => scenarioOf(parts, 'after')),
];

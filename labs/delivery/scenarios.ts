/**
 * The scenarios: each way to consume under crashes at every step, and the database's ways also under a second consumer.
 *
 * Invariant: a guarantee is tried from both sides. What it promises holds, what it does not promise is found broken; and both with the same code.
 */
import type { Check } from '../kit/checkers/check.ts';
import { effectCount } from '../kit/checkers/effect-count.ts';
import type { CheckerName } from '../kit/checkers/finding.ts';
import { liveness } from '../kit/checkers/liveness.ts';
import { CLIENT_NAMES, type ClientName } from '../kit/drivers/driver.ts';
import type { Scenario } from '../kit/lab.ts';
import type { TargetKind } from '../kit/targets/target.ts';
import { SOURCE } from './app/hands.ts';
import { type DeliveryPlan, describePlan, type PlanLimits, planArbitrary } from './plan.ts';
import { BROKER_SETTINGS, DRAIN_MS_MAX, runDelivery } from './run.ts';
import { WAYS, type WayName } from './ways.ts';

const COUNTS = effectCount({ topics: [SOURCE] });
const LIVE = liveness({ drainMsMax: DRAIN_MS_MAX });

function only(check: Check, name: CheckerName): Check {
  return { names: [name], apply: (history) => check.apply(history).filter(({ checker }) => checker === name) };
}
const NO_LOSS = only(COUNTS, 'EFFECT-LOSS');
const NO_DUPLICATE = only(COUNTS, 'EFFECT-DUPLICATE');

const CRASHES: PlanLimits = { kinds: ['crash-app'] };
const MORE_CRASHES: PlanLimits = { kinds: ['crash-app'], faultsMax: 3, stepMax: 24 };
const PAUSES: PlanLimits = { kinds: ['pause-app'], faultsMax: 1 };
const BOTH: PlanLimits = { kinds: ['crash-app', 'pause-app'], faultsMax: 3, stepMax: 24 };
/** On real processes one run must say something: one fault, which always fires. */
const ONE_CRASH: PlanLimits = { kinds: ['crash-app'], recordsMax: 1, faultsMax: 1, stepMax: 3 };

export type Parts = Pick<Scenario<DeliveryPlan>, 'title' | 'claims' | 'checks'> & {
  readonly id: string;
  readonly way: WayName;
  readonly limits: PlanLimits;
  readonly fixes?: string;
  readonly fixesAlso?: readonly string[];
  readonly witnessTitle?: string;
  readonly targets?: readonly TargetKind[];
  readonly clients?: readonly ClientName[];
  readonly exercised?: readonly string[];
  readonly runs?: Scenario['runs'];
};

export function scenarioOf(
  { way, limits, ...parts }: Parts,
  variant: 'before' | 'after',
  expected: 'violated' | 'holds',
): Scenario<DeliveryPlan> {
  return {
    targets: ['sim'],
    clients: ['mqlab'],
    exercised: limits.kinds.map((kind) => `fault:${kind}`),
    runs: { quick: { local: variant === 'before' ? 4 : 1 } },
    ...parts,
    variant,
    expected,
    plan: planArbitrary(limits),
    describe: describePlan,
    broker: BROKER_SETTINGS,
    run: (plan, context) => runDelivery(plan, context, WAYS[way]),
  };
}

const before = (parts: Parts): Scenario<DeliveryPlan> => scenarioOf(parts, 'before', 'violated');
const after = (parts: Parts): Scenario<DeliveryPlan> => scenarioOf(parts, 'after', 'holds');

/** What is promised, and what was found: the guarantees themselves take fewer runs, the cures more. */
const GUARANTEE_RUNS = { quick: { sim: 200, local: 1 } } as const;
const CURE_RUNS = { quick: { sim: 400, local: 1 } } as const;
const EVERYWHERE = { targets: ['sim', 'local'], clients: CLIENT_NAMES } as const;

export const COMMIT_FIRST: Parts = {
  id: 'commit-first',
  way: 'commit-first',
  title: 'commit, then process: does it lose?',
  claims: ['C37', 'C66'],
  checks: [NO_LOSS],
  limits: CRASHES,
  witnessTitle: 'Committed, then killed: nobody will process it',
  ...EVERYWHERE,
};
export const PROCESS_FIRST: Parts = {
  id: 'process-first',
  way: 'process-first',
  title: 'process, then commit: does it repeat?',
  claims: ['C37', 'C66'],
  checks: [NO_DUPLICATE],
  limits: CRASHES,
  witnessTitle: 'Processed, then killed before the commit: it is processed again',
  ...EVERYWHERE,
};
export const AT_MOST_ONCE: Parts = {
  id: 'at-most-once',
  way: 'commit-first',
  title: 'commit, then process: at most once',
  claims: ['C37'],
  checks: [NO_DUPLICATE, LIVE],
  limits: MORE_CRASHES,
  fixes: 'process-first',
  runs: GUARANTEE_RUNS,
};
export const AT_LEAST_ONCE: Parts = {
  id: 'at-least-once',
  way: 'process-first',
  title: 'process, then commit: at least once',
  claims: ['C37'],
  checks: [NO_LOSS, LIVE],
  limits: MORE_CRASHES,
  fixes: 'commit-first',
  runs: GUARANTEE_RUNS,
};
export const COPY: Parts = {
  id: 'copy',
  way: 'copy',
  title: 'write the result with an idempotent producer, then commit',
  claims: ['C68'],
  checks: [NO_DUPLICATE],
  limits: CRASHES,
  witnessTitle: 'Idempotence does not know what the last life wrote: the result stands there twice',
};
export const TRANSACTION_APART: Parts = {
  id: 'transaction-apart',
  way: 'transaction-apart',
  title: 'a transaction that does not hold the offsets',
  claims: ['C68'],
  checks: [NO_DUPLICATE],
  limits: CRASHES,
  witnessTitle: 'The result is committed, the offset is not: the transaction was drawn too small',
};
export const TRANSACTION: Parts = {
  id: 'transaction',
  way: 'transaction',
  title: 'one transaction for result and offset',
  claims: ['C37', 'C68'],
  checks: [COUNTS, LIVE],
  limits: { ...MORE_CRASHES, kinds: ['crash-app', 'drop-response'] },
  fixes: 'copy',
  fixesAlso: ['transaction-apart', 'process-first', 'commit-first'],
  runs: CURE_RUNS,
};
export const TRANSACTION_PROCESSES: Parts = {
  ...TRANSACTION,
  id: 'transaction-processes',
  title: 'one transaction for result and offset, on real processes',
  limits: ONE_CRASH,
  fixes: 'copy',
  fixesAlso: [],
  targets: ['local'],
  clients: CLIENT_NAMES,
};
export const TRANSACTION_MAIL: Parts = {
  id: 'transaction-mail',
  way: 'transaction-mail',
  title: 'an e-mail inside the transaction',
  claims: ['C68'],
  checks: [NO_DUPLICATE],
  limits: CRASHES,
  witnessTitle: 'The transaction is aborted, the e-mail is not',
  targets: ['sim', 'local'],
};
export const OFFSET_APART: Parts = {
  id: 'offset-apart',
  way: 'offset-apart',
  title: 'result and offset in the database, in two transactions',
  claims: ['C68'],
  checks: [NO_DUPLICATE],
  limits: CRASHES,
  witnessTitle: 'The result is in the database, the offset is not yet',
};
export const OFFSET_OVERWRITTEN: Parts = {
  id: 'offset-overwritten',
  way: 'offset-overwritten',
  title: 'result and offset in one database transaction, and a second consumer',
  claims: ['C68'],
  checks: [NO_DUPLICATE],
  limits: PAUSES,
  witnessTitle: 'Two consumers, each with its own idea of the offset: the slower one writes over the other',
};
export const OFFSET_IN_DATABASE: Parts = {
  id: 'offset-in-database',
  way: 'offset-in-database',
  title: 'result and compared offset in one database transaction',
  claims: ['C68'],
  checks: [COUNTS, LIVE],
  limits: BOTH,
  fixes: 'offset-apart',
  fixesAlso: ['offset-overwritten'],
  runs: GUARANTEE_RUNS,
};
export const OFFSET_PROCESSES: Parts = {
  ...OFFSET_IN_DATABASE,
  id: 'offset-in-database-processes',
  title: 'result and compared offset in one database transaction, on real processes',
  limits: ONE_CRASH,
  fixesAlso: [],
  targets: ['local'],
};

export const SCENARIOS: readonly Scenario<DeliveryPlan>[] = [
  before(COMMIT_FIRST),
  before(PROCESS_FIRST),
  before(COPY),
  before(TRANSACTION_APART),
  before(TRANSACTION_MAIL),
  before(OFFSET_APART),
  before(OFFSET_OVERWRITTEN),
  after(AT_MOST_ONCE),
  after(AT_LEAST_ONCE),
  after(TRANSACTION),
  after(TRANSACTION_PROCESSES),
  after(OFFSET_IN_DATABASE),
  after(OFFSET_PROCESSES),
];

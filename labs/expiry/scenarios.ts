/**
 * The scenarios: what each answer to a missing offset does when retention has passed the consumer, and the loop that never jumps by itself.
 *
 * Invariant: the same plans for all; only the application and its auto.offset.reset differ. What retention deleted is judged as LOST-BY-POLICY, what it kept and the consumer
 * jumped over as CONSERVATION.
 */
import type { Check } from '../kit/checkers/check.ts';
import { conservation } from '../kit/checkers/conservation.ts';
import { effectCount } from '../kit/checkers/effect-count.ts';
import type { CheckerName } from '../kit/checkers/finding.ts';
import { liveness } from '../kit/checkers/liveness.ts';
import { CLIENT_NAMES, type ClientName } from '../kit/drivers/driver.ts';
import type { Scenario } from '../kit/lab.ts';
import type { TargetKind } from '../kit/targets/target.ts';
import { checkFirst, refillByTime } from './app/check-first.ts';
import { consumeAndRefill, consumeAndTell } from './app/handle-gap.ts';
import { consume, TOPIC } from './app/hands.ts';
import { announced, refilled } from './checks.ts';
import { describePlan, type ExpiryPlan, type PlanLimits, planArbitrary, RETENTION_MS } from './plan.ts';
import { BROKER_SETTINGS, runExpiry, type Way } from './run.ts';

const TOPICS = { topics: [TOPIC] } as const;
const CONSERVED = conservation(TOPICS);
const COUNTS = effectCount(TOPICS);
const ANNOUNCED = announced(TOPIC);
const REFILLED = refilled(TOPIC);
const LIVE = liveness({ drainMsMax: 20_000 });

function only(check: Check, name: CheckerName): Check {
  return { names: [name], apply: (history) => check.apply(history).filter(({ checker }) => checker === name) };
}

const BY_TIME: PlanLimits = { retention: ['ms'] };
const BY_SIZE: PlanLimits = { retention: ['bytes'] };
const BOTH: PlanLimits = { retention: ['ms', 'bytes'] };
/** On real processes one run must say something: the consumer is always out for long enough. */
const LONG: PlanLimits = { retention: ['ms'], outageMsMin: 2 * RETENTION_MS, workMs: [0] };

export type Parts = Pick<Scenario<ExpiryPlan>, 'title' | 'claims' | 'checks'> & {
  readonly id: string;
  readonly way: Way;
  readonly limits: PlanLimits;
  readonly fixes?: string;
  readonly fixesAlso?: readonly string[];
  readonly witnessTitle?: string;
  readonly targets?: readonly TargetKind[];
  readonly clients?: readonly ClientName[];
  readonly runs?: Scenario['runs'];
};

export function scenarioOf(
  { way, limits, ...parts }: Parts,
  variant: 'before' | 'after',
  expected: 'violated' | 'holds',
): Scenario<ExpiryPlan> {
  return {
    targets: ['sim'],
    clients: ['mqlab'],
    exercised: ['fault:expire', ...(limits.crashes === true ? ['fault:crash-app'] : [])],
    runs: { quick: { local: variant === 'before' ? 3 : 1 } },
    ...parts,
    variant,
    expected,
    plan: planArbitrary(limits),
    describe: describePlan,
    broker: BROKER_SETTINGS,
    run: (plan, context) => runExpiry(plan, context, way),
  };
}

export const LATEST: Parts = {
  id: 'latest',
  way: { main: consume, isKept: true },
  title: 'the default, latest: what is left after retention',
  claims: ['C63', 'C78'],
  checks: [CONSERVED],
  limits: BY_TIME,
  witnessTitle: 'Retention took one departure; the consumer jumped over what was still there',
  targets: ['sim', 'local'],
  clients: CLIENT_NAMES,
};
export const EARLIEST: Parts = {
  id: 'earliest',
  way: { main: consume, reset: 'earliest' },
  title: 'earliest: goes on at the first record that is left',
  claims: ['C17', 'C78'],
  checks: [ANNOUNCED],
  limits: BY_TIME,
  witnessTitle: 'A departure was deleted unread, and nobody has heard of it',
  targets: ['sim', 'local'],
};
export const EARLIEST_BYTES: Parts = {
  ...EARLIEST,
  id: 'earliest-bytes',
  title: 'earliest, retention by size',
  limits: BY_SIZE,
  witnessTitle: 'Deleted unread because others came after it: retention by size knows no time',
  targets: ['sim'],
};
export const NONE_UNHANDLED: Parts = {
  id: 'none-unhandled',
  way: { main: consume, reset: 'none' },
  title: 'none, and nobody handles the error',
  claims: ['C63'],
  checks: [LIVE],
  limits: BY_TIME,
  witnessTitle: 'Ends, is started again, ends: nothing is skipped, and nothing is consumed any more',
};
export const CHECK_FIRST: Parts = {
  id: 'check-first',
  way: { main: checkFirst, reset: 'earliest' },
  title: 'a look at the start of the log, then earliest',
  claims: ['C78'],
  checks: [ANNOUNCED],
  limits: BOTH,
  witnessTitle: 'The look found nothing; retention came after it',
};
export const REFILL_BY_TIME: Parts = {
  id: 'refill-by-time',
  way: { main: refillByTime, reset: 'earliest' },
  title: 'refilled by time: everything since the last effect',
  claims: ['C78'],
  checks: [only(COUNTS, 'EFFECT-DUPLICATE')],
  limits: BY_TIME,
  witnessTitle: 'Refilled from the source, and then consumed from the log as well',
};
export const TELL: Parts = {
  id: 'tell',
  way: { main: consumeAndTell, reset: 'none' },
  title: 'none, handled: told, then on with what is left',
  claims: ['C63', 'C78'],
  checks: [ANNOUNCED, COUNTS, LIVE],
  limits: BOTH,
  fixes: 'check-first',
  fixesAlso: ['earliest', 'earliest-bytes', 'none-unhandled', 'latest'],
  runs: { quick: { sim: 60 } },
};
export const REFILL: Parts = {
  id: 'refill',
  way: { main: consumeAndRefill, reset: 'none' },
  title: 'none, handled: told, and refilled by offset from the source',
  claims: ['C17', 'C63', 'C78'],
  checks: [CONSERVED, COUNTS, ANNOUNCED, REFILLED, LIVE],
  limits: BOTH,
  fixes: 'refill-by-time',
  fixesAlso: ['check-first', 'earliest', 'earliest-bytes', 'latest'],
  runs: { quick: { sim: 80 } },
};
export const REFILL_PROCESSES: Parts = {
  ...REFILL,
  id: 'refill-processes',
  title: 'told and refilled, on real processes',
  limits: LONG,
  fixes: 'earliest',
  fixesAlso: [],
  targets: ['local'],
  runs: { quick: { local: 2 } },
};
export const REFILL_CRASHES: Parts = {
  id: 'refill-crashes',
  way: { main: consumeAndRefill, reset: 'none', isUnique: true },
  title: 'the same, killed at any step; the effect keyed by the departure’s id',
  claims: ['C78'],
  checks: [CONSERVED, COUNTS, ANNOUNCED, LIVE],
  limits: { ...BOTH, crashes: true },
  fixes: 'refill-plain-crashes',
  runs: { quick: { sim: 60 } },
};
export const PLAIN_CRASHES: Parts = {
  id: 'refill-plain-crashes',
  claims: ['C78'],
  limits: { ...BOTH, crashes: true },
  way: { main: consumeAndRefill, reset: 'none' },
  title: 'refilled, killed in the middle, and the effect is not keyed',
  checks: [only(COUNTS, 'EFFECT-DUPLICATE')],
  witnessTitle: 'Killed between a refilled effect and the commit: refilled again',
};

const before = (parts: Parts): Scenario<ExpiryPlan> => scenarioOf(parts, 'before', 'violated');
const after = (parts: Parts): Scenario<ExpiryPlan> => scenarioOf(parts, 'after', 'holds');

export const SCENARIOS: readonly Scenario<ExpiryPlan>[] = [
  before(LATEST),
  before(EARLIEST),
  before(EARLIEST_BYTES),
  before(NONE_UNHANDLED),
  before(CHECK_FIRST),
  before(REFILL_BY_TIME),
  before(PLAIN_CRASHES),
  after(TELL),
  after(REFILL),
  after(REFILL_PROCESSES),
  after(REFILL_CRASHES),
];

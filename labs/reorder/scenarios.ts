/**
 * The scenarios: several requests in flight and a link that fails, without idempotence and with it; one in flight; a window of six; and the same of other clients.
 *
 * Invariant: the application always sends each record once, in order. With three brokers it is the leader that dies, and another one that takes the retries.
 */
import type { Check } from '../kit/checkers/check.ts';
import { duplicate } from '../kit/checkers/duplicate.ts';
import type { CheckerName } from '../kit/checkers/finding.ts';
import { lostWrite } from '../kit/checkers/lost-write.ts';
import { sendOrder } from '../kit/checkers/send-order.ts';
import type { ClientName } from '../kit/drivers/driver.ts';
import type { Scenario, Variant } from '../kit/lab.ts';
import type { Ability, TargetKind } from '../kit/targets/target.ts';
import { awaitEach, withoutWaiting } from './app/senders.ts';
import { WindowProducer } from './app/window-producer.ts';
import { lastValue } from './checks.ts';
import { FAULT_IN_FLIGHT, OTHER_LEADER } from './link-faults.ts';
import { describePlan, type LinkFaultKind, type PlanLimits, planArbitrary, type ReorderPlan } from './plan.ts';
import { BROKERS, CLUSTER_SETTINGS, clientWay, runReorder, type SendWay } from './run.ts';

function only(check: Check, name: CheckerName): Check {
  return { names: [name], apply: (history) => check.apply(history).filter(({ checker }) => checker === name) };
}
const ORDER = only(sendOrder, 'NONMONOTONIC-SEND');
const DISORDER_CHECKS = [ORDER, lastValue];
const EVERY_CHECK = [ORDER, lastValue, duplicate, lostWrite];

/** A window that clients refuse, or the largest that they allow. */
export function windowWay(window: number): SendWay {
  return { open: (_driver, app) => WindowProducer.open(app.ports, app.bootstrap, window), sender: withoutWaiting };
}

const FAILING: PlanLimits = {
  kinds: ['break-link', 'drop-response', 'kill-broker'],
  recordsMin: 1,
  recordsMax: 6,
  faultsMax: 2,
};
/** What every client survives within a second or two, so that a run on real processes is short; and always with something behind the first record. */
const LOST_ANSWER: PlanLimits = { kinds: ['drop-response'], recordsMin: 4, recordsMax: 6, faultsMax: 1, atStart: true };
const WINDOW: PlanLimits = {
  kinds: ['lose-answers', 'break-link'],
  recordsMin: 5,
  recordsMax: 9,
  faultsMax: 2,
  gapMsMax: 2,
};

/** Without the pauses of a network that is dead for long: an election takes a second by itself. */
const LEADER_DIES: PlanLimits = {
  kinds: ['kill-leader', 'break-link', 'drop-response'],
  recordsMin: 2,
  recordsMax: 6,
  faultsMax: 1,
};
const NEEDED: Readonly<Record<LinkFaultKind, readonly Ability[]>> = {
  'break-link': ['cut-link'],
  'lose-answers': ['cut-link'],
  'drop-response': ['drop-response'],
  'kill-broker': ['cut-link', 'kill-broker'],
  'kill-leader': ['cut-link', 'kill-broker'],
};

export type Parts = Pick<Scenario<ReorderPlan>, 'id' | 'title' | 'claims' | 'checks'> & {
  readonly way: SendWay;
  readonly limits: PlanLimits;
  readonly targets?: readonly TargetKind[];
  readonly clients?: readonly ClientName[];
  readonly exercised?: readonly string[];
  readonly fixes?: string;
  readonly fixesAlso?: readonly string[];
  readonly witnessTitle?: string;
  readonly runs?: Scenario['runs'];
};

export function scenarioOf({ way, limits, ...parts }: Parts, variant: Variant): Scenario<ReorderPlan> {
  return {
    targets: ['sim', 'local'],
    clients: ['mqlab'],
    exercised: limits.kinds.map((kind) => `fault:${kind}`),
    runs: { quick: { sim: 100, local: variant === 'before' ? 3 : 1, external: variant === 'before' ? 12 : 3 } },
    needs: limits.kinds.flatMap((kind) => NEEDED[kind]),
    ...(limits.kinds.includes('kill-leader') ? { brokers: BROKERS, controllers: 1, broker: CLUSTER_SETTINGS } : {}),
    ...parts,
    variant,
    expected: variant === 'before' ? 'violated' : 'holds',
    plan: planArbitrary(limits),
    describe: describePlan,
    run: (plan, context) => runReorder(plan, context, way),
  };
}

const ELSEWHERE = { targets: ['local'], clients: ['kafkajs', 'platformatic'] } as const;

export const FIVE_IN_FLIGHT: Parts = {
  id: 'five-in-flight',
  title: 'no idempotence, five in flight: the default of Kafka’s client before 3.0',
  claims: ['C36'],
  way: clientWay({ idempotence: false, maxInFlight: 5 }),
  limits: FAILING,
  checks: DISORDER_CHECKS,
  exercised: [],
  witnessTitle: 'Both were on their way, both were sent again, the second one first',
};
export const TODAYS_DEFAULTS: Parts = {
  id: 'todays-defaults',
  title: 'sent without waiting, with the client’s defaults of today',
  claims: ['C36'],
  way: clientWay({}),
  limits: LOST_ANSWER,
  checks: DISORDER_CHECKS,
  exercised: [],
  witnessTitle: 'The first answer was lost; while the client waited to send it again, the next ones passed',
  ...ELSEWHERE,
};
export const ONE_ELSEWHERE: Parts = {
  ...TODAYS_DEFAULTS,
  id: 'one-in-flight-kafkajs',
  title: 'kafkajs with maxInFlightRequests: 1',
  way: clientWay({ maxInFlight: 1 }),
  clients: ['kafkajs'],
  witnessTitle: 'One request at a time, and all the same the next ones passed a record that waited for its retry',
};
export const ONE_IN_FLIGHT: Parts = {
  id: 'one-in-flight',
  title: 'no idempotence, one in flight: is the order kept?',
  claims: ['C36'],
  way: clientWay({ idempotence: false, maxInFlight: 1 }),
  limits: FAILING,
  checks: [...DISORDER_CHECKS, lostWrite],
  fixes: 'five-in-flight',
  targets: ['sim'],
};
export const ONE_REPEATS: Parts = {
  ...ONE_IN_FLIGHT,
  id: 'one-in-flight-repeats',
  title: 'no idempotence, one in flight: is each record there once?',
  checks: [duplicate],
  exercised: [],
  witnessTitle: 'In order, and twice: one in flight is no idempotence',
};
export const AWAIT_EACH: Parts = {
  id: 'await-each',
  title: 'no idempotence, the application awaits each send',
  claims: ['C36'],
  way: clientWay({ idempotence: false }, awaitEach),
  limits: { ...FAILING, kinds: ['break-link', 'drop-response'] },
  checks: [...DISORDER_CHECKS, lostWrite],
  clients: ['kafkajs', 'platformatic', 'mqlab'],
  exercised: [FAULT_IN_FLIGHT],
  fixes: 'todays-defaults',
};
export const IDEMPOTENT: Parts = {
  id: 'idempotent',
  title: 'idempotence, five in flight: the default of Kafka’s client since 3.0',
  claims: ['C35', 'C36'],
  way: clientWay({}),
  limits: FAILING,
  checks: EVERY_CHECK,
  fixes: 'five-in-flight',
  targets: ['sim'],
};
export const IDEMPOTENT_PROCESSES: Parts = {
  ...IDEMPOTENT,
  id: 'idempotent-processes',
  title: 'idempotence, five in flight, on real processes',
  targets: ['local'],
  exercised: [FAULT_IN_FLIGHT],
};
export const IDEMPOTENT_ELSEWHERE: Parts = {
  id: 'idempotent-elsewhere',
  title: 'idempotence turned on in clients that do not have it on, sent without waiting',
  claims: ['C35'],
  way: clientWay({ idempotence: true }),
  limits: { ...LOST_ANSWER, gapMsMax: 1 },
  checks: EVERY_CHECK,
  exercised: [],
  witnessTitle: 'Idempotent by name: what the broker promises depends on what the client does with its numbers',
  ...ELSEWHERE,
};
export const FIVE_AND_LEADER: Parts = {
  id: 'five-in-flight-leader',
  title: 'no idempotence, five in flight, and the leader of three brokers is killed',
  claims: ['C36'],
  way: clientWay({ idempotence: false, maxInFlight: 5, acks: -1 }),
  limits: { ...LEADER_DIES, kinds: ['kill-leader'] },
  checks: DISORDER_CHECKS,
  exercised: [OTHER_LEADER],
  witnessTitle: 'The leader died with both on their way, and its successor got the second one first',
  targets: ['sim', 'external'],
  runs: { quick: { sim: 60, external: 6 } },
};
export const IDEMPOTENT_LEADER: Parts = {
  id: 'idempotent-leader',
  title: 'idempotence, five in flight, and the leader of three brokers is killed',
  claims: ['C35', 'C36'],
  way: clientWay({}),
  limits: LEADER_DIES,
  checks: EVERY_CHECK,
  exercised: [FAULT_IN_FLIGHT, OTHER_LEADER],
  fixes: 'five-in-flight-leader',
  targets: ['sim', 'external'],
  runs: { quick: { sim: 25, external: 6 } },
};
export const SIX_IN_FLIGHT: Parts = {
  id: 'six-in-flight',
  title: 'idempotence, six requests in flight',
  claims: ['C35'],
  way: windowWay(6),
  limits: WINDOW,
  checks: EVERY_CHECK,
  exercised: [],
  witnessTitle: 'The sixth pushed the first out of the broker’s memory: its retry is taken for a gap',
};
export const FIVE_REMEMBERED: Parts = {
  id: 'five-remembered',
  title: 'idempotence, five requests in flight, the same producer',
  claims: ['C35'],
  way: windowWay(5),
  limits: WINDOW,
  checks: EVERY_CHECK,
  fixes: 'six-in-flight',
  targets: ['sim'],
};

export const SCENARIOS: readonly Scenario<ReorderPlan>[] = [
  scenarioOf(FIVE_IN_FLIGHT, 'before'),
  scenarioOf(FIVE_AND_LEADER, 'before'),
  scenarioOf(TODAYS_DEFAULTS, 'before'),
  scenarioOf(ONE_ELSEWHERE, 'before'),
  scenarioOf(ONE_REPEATS, 'before'),
  scenarioOf(IDEMPOTENT_ELSEWHERE, 'before'),
  scenarioOf(SIX_IN_FLIGHT, 'before'),
  scenarioOf(ONE_IN_FLIGHT, 'after'),
  scenarioOf(AWAIT_EACH, 'after'),
  scenarioOf(IDEMPOTENT, 'after'),
  scenarioOf(IDEMPOTENT_PROCESSES, 'after'),
  scenarioOf(IDEMPOTENT_LEADER, 'after'),
  scenarioOf(FIVE_REMEMBERED, 'after'),
];

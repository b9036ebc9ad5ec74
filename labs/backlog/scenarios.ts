/**
 * The lab's scenarios: four ways in which the temporary topic goes wrong, and the one application that goes right under the same plans.
 *
 * Invariant: a `before` differs from the cure in one part, so what is violated is that part's doing.
 */
import type { Check } from '../kit/checkers/check.ts';
import { conservation } from '../kit/checkers/conservation.ts';
import { effectCount } from '../kit/checkers/effect-count.ts';
import { keyOrder } from '../kit/checkers/key-order.ts';
import { liveness } from '../kit/checkers/liveness.ts';
import { lostWrite } from '../kit/checkers/lost-write.ts';
import type { Scenario } from '../kit/lab.ts';
import { cutBackAtOnce, cutBackWhenDrained } from './app/cut-back.ts';
import { dispatchHastily } from './app/hasty-dispatcher.ts';
import { dispatchByKey } from './app/keyed-dispatcher.ts';
import { dispatchRoundRobin } from './app/round-robin-dispatcher.ts';
import { type BacklogPlan, backlogPlan, describePlan, type PlanLimits } from './plan.ts';
import { BROKER, DISPATCHER, runDrain, type Strategy, WORKERS } from './run-drain.ts';

export const CURE: Strategy = { dispatch: dispatchByKey, repeats: 'dropped', cutBack: cutBackWhenDrained };

/** After the last fault: time of the target within which everything must be worked off. */
const DRAIN_MS_MAX = 20_000;
/** In order of importance: shrinking keeps the first that is violated. */
export const CURE_CHECKS: readonly Check[] = [
  keyOrder,
  effectCount(),
  conservation(),
  lostWrite,
  liveness({ drainMsMax: DRAIN_MS_MAX }),
];

const STILL: PlanLimits = {
  backlogMin: 1,
  backlogMax: 4,
  lateMin: 0,
  lateMax: 0,
  keysMax: 2,
  workMax: 2,
  killed: [],
  killsMin: 0,
  killsMax: 0,
};
export const ORDER_PLANS: PlanLimits = STILL;
export const KILL_PLANS: PlanLimits = { ...STILL, killed: [DISPATCHER], killsMin: 1, killsMax: 2 };
/** More records than keys, so that a key meets itself. */
export const CURE_PLANS: PlanLimits = {
  ...STILL,
  backlogMin: 3,
  lateMax: 2,
  killed: [DISPATCHER, ...WORKERS],
  killsMin: 1,
  killsMax: 3,
};
export const RETURN_PLANS: PlanLimits = {
  ...STILL,
  backlogMin: 2,
  backlogMax: 3,
  lateMin: 1,
  lateMax: 2,
  workMax: 8,
};

interface Parts {
  readonly id: string;
  readonly title: string;
  readonly variant: Scenario['variant'];
  readonly strategy: Strategy;
  readonly plans: PlanLimits;
  readonly checks: readonly Check[];
  readonly exercised: readonly string[];
  readonly fixes?: string;
  readonly fixesAlso?: readonly string[];
  readonly witnessTitle?: string;
  readonly claims?: readonly string[];
}

/** On real processes the smallest plan may race the other way; some more plans are tried then. */
const BEFORE_RUNS: Scenario['runs'] = { quick: { local: 8 }, full: { local: 20 } };
/** On real processes: the counterexamples of repeats and of the early return again. */
const AFTER_RUNS: Scenario['runs'] = { quick: { local: 2 }, full: { local: 10 } };

/** A scenario of this lab from what is its own; tests make mutants with it. */
export function drainScenario(parts: Parts): Scenario<BacklogPlan> {
  const { strategy, plans, claims, ...own } = parts;
  return {
    ...own,
    claims: claims ?? ['C76'],
    runs: parts.variant === 'before' ? BEFORE_RUNS : AFTER_RUNS,
    targets: ['sim', 'local'],
    clients: ['mqlab'],
    expected: parts.variant === 'before' ? 'violated' : 'holds',
    plan: backlogPlan(plans),
    describe: describePlan,
    broker: BROKER,
    run: (plan, context) => runDrain(plan, context, strategy),
  };
}

export const SCENARIOS: readonly Scenario<BacklogPlan>[] = [
  drainScenario({
    id: 'round-robin',
    title: 'Ten times the partitions, dispatched in turn',
    variant: 'before',
    strategy: { ...CURE, dispatch: dispatchRoundRobin, repeats: 'applied' },
    plans: ORDER_PLANS,
    checks: [keyOrder],
    exercised: ['one key in two partitions'],
    witnessTitle: 'Two records of one key went to two partitions and raced',
  }),
  drainScenario({
    id: 'killed-dispatcher',
    title: 'The dispatcher is killed between forwarding and committing',
    variant: 'before',
    strategy: { ...CURE, repeats: 'applied' },
    plans: KILL_PLANS,
    checks: [effectCount()],
    exercised: ['fault:crash-app'],
    witnessTitle: 'What was forwarded and not yet committed was forwarded again',
  }),
  drainScenario({
    id: 'commit-first',
    title: 'The dispatcher commits before its records are acknowledged',
    variant: 'before',
    strategy: { ...CURE, dispatch: dispatchHastily },
    plans: KILL_PLANS,
    checks: [effectCount(), conservation()],
    exercised: ['fault:crash-app'],
    witnessTitle: 'What was committed and not yet forwarded was never forwarded',
  }),
  drainScenario({
    id: 'early-return',
    title: 'The old consumers go on while the temporary topic still holds records',
    variant: 'before',
    strategy: { ...CURE, cutBack: cutBackAtOnce },
    plans: RETURN_PLANS,
    checks: [keyOrder],
    exercised: ['late record of a key of the backlog'],
    witnessTitle: 'A new record of a key overtook an old one that still waited in the temporary topic',
  }),
  drainScenario({
    id: 'by-key',
    title: 'By key, acknowledged before committed, repeats dropped by origin, returned when drained',
    variant: 'after',
    strategy: CURE,
    plans: CURE_PLANS,
    checks: CURE_CHECKS,
    exercised: ['fault:crash-app', 'repeat dropped', 'late record of a key of the backlog'],
    fixes: 'killed-dispatcher',
    fixesAlso: ['early-return', 'round-robin', 'commit-first'],
  }),
];

export const IN_TURN = SCENARIOS[0]!;
export const BY_KEY = SCENARIOS.find(({ id }) => id === 'by-key')!;

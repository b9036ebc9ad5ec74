/**
 * The scenarios: a setup of topic and producer, and the faults that it is put to.
 *
 * Invariant: `before` setups are found to lose by search; `after` ones hold over the same plans and many more. A loss that a setting makes legal breaks the promise that
 * what is below the high watermark stays: that one invariant is not watched there, all others are.
 */
import type { Check } from '../kit/checkers/check.ts';
import { duplicate } from '../kit/checkers/duplicate.ts';
import { INVARIANT_NAMES } from '../kit/checkers/finding.ts';
import { inconsistentOffset } from '../kit/checkers/inconsistent-offset.ts';
import { lostWrite } from '../kit/checkers/lost-write.ts';
import type { ClientName } from '../kit/drivers/driver.ts';
import type { Scenario, Variant } from '../kit/lab.ts';
import { isNodeFault } from '../kit/node-faults.ts';
import type { TargetKind } from '../kit/targets/target.ts';
import { ALL_REPLICAS, SAFE, type Setup, TOPIC } from './app/writer.ts';
import { BROKER_SETTINGS, BROKERS, CONTROLLERS } from './cluster.ts';
import { type AcksPlan, describePlan, type FaultGroup, LONG_MS, type PlanLimits, planArbitrary } from './plan.ts';
import { GOALS, runAcks } from './run.ts';

export interface Parts {
  readonly id: string;
  readonly title: string;
  readonly claims: readonly string[];
  readonly setup: Setup;
  readonly limits: PlanLimits;
  readonly exercised?: readonly string[];
  readonly witnessTitle?: string;
  readonly fixes?: string;
  readonly fixesAlso?: readonly string[];
  readonly targets?: readonly TargetKind[];
  readonly clients?: readonly ClientName[];
  readonly runs?: Scenario['runs'];
}

const NO_LOSS: readonly Check[] = [lostWrite];
const WHOLE: readonly Check[] = [lostWrite, inconsistentOffset, duplicate];
const PREFIX = 'INVARIANT COMMITTED-PREFIX';
const LOSS_IS_LEGAL = INVARIANT_NAMES.filter((name) => name !== PREFIX);

export function scenarioOf(parts: Parts, variant: Variant): Scenario<AcksPlan> {
  const { id, title, claims, setup, limits, witnessTitle, fixes, fixesAlso, runs } = parts;
  const isBefore = variant === 'before';
  return {
    id,
    title,
    claims,
    variant,
    targets: parts.targets ?? ['sim'],
    clients: parts.clients ?? ['mqlab'],
    expected: isBefore ? 'violated' : 'holds',
    plan: planArbitrary(limits),
    describe: describePlan,
    checks: isBefore ? NO_LOSS : WHOLE,
    exercised: parts.exercised ?? [],
    run: async (plan, context) => {
      await runAcks(plan, context, [setup]);
    },
    brokers: BROKERS,
    controllers: CONTROLLERS,
    broker: BROKER_SETTINGS,
    invariants: isBefore ? LOSS_IS_LEGAL : INVARIANT_NAMES,
    needs: limits.groups.flatMap(({ kinds }) => kinds.filter(isNodeFault)),
    ...(witnessTitle === undefined ? {} : { witnessTitle }),
    ...(fixes === undefined ? {} : { fixes }),
    ...(fixesAlso === undefined ? {} : { fixesAlso }),
    ...(runs === undefined ? {} : { runs }),
  };
}

const DEFAULTS: Setup = { topic: TOPIC, replicas: ALL_REPLICAS, acks: -1 };

/** The leader dies, and its followers lag or are cut off. */
const LEADER_DIES: PlanLimits = {
  groups: [
    { kinds: ['cut-nodes', 'slow-link'], nodes: ['leader'], peers: ['followers'] },
    { kinds: ['kill-broker'], nodes: ['leader'] },
  ],
  pausesMs: [0, 20],
};
const ALONE: FaultGroup = {
  kinds: ['cut-nodes', 'pause-broker'],
  nodes: ['followers'],
  peers: ['leader'],
  stepMax: 0,
  isLong: true,
};
/** The followers are out of sync, and then the leader loses power. */
const LAST_IN_SYNC: PlanLimits = {
  groups: [ALONE, { kinds: ['power-cut'], nodes: ['leader'] }],
  pausesMs: [0, 20],
};
const ONE_POWER_CUT: PlanLimits = { groups: [{ kinds: ['power-cut'], nodes: ['leader'] }], pausesMs: [0, 20] };
/** One replica is out of sync, and then the others die. */
const IN_SYNC_DIE: PlanLimits = {
  groups: [
    { kinds: ['cut-nodes'], nodes: [3], peers: ['leader'], stepMax: 0, isLong: true },
    { kinds: ['kill-broker'], nodes: ['in-sync', 'leader'], countMax: 2 },
  ],
  pausesMs: [0, 20],
};
const COMMON_POWER_CUT: PlanLimits = {
  groups: [{ kinds: ['power-cut'], nodes: ['all', 'in-sync'] }],
  pausesMs: [0, 20],
};
const POWER_CUTS_IN_TURN: PlanLimits = {
  groups: [
    { kinds: ['power-cut'], nodes: [1] },
    { kinds: ['power-cut'], nodes: [2] },
  ],
  pausesMs: [0, 20, LONG_MS],
};
/** Anything may die, stand still, be slow or cut off; power is there. */
const NO_POWER_CUT: PlanLimits = {
  groups: [
    {
      kinds: ['kill-broker', 'cut-nodes', 'pause-broker', 'slow-link'],
      nodes: ['leader', 'followers', 'in-sync', 3],
      peers: ['followers', 'leader', 2],
      countMax: 4,
    },
  ],
  sendsMax: 5,
};
const POWER_OF_ONE: PlanLimits = { groups: [{ kinds: ['power-cut'], nodes: ['leader', 'follower'] }] };
/** Records are acknowledged by all; the followers go, and then the last one loses power. */
const LAST_STANDING: PlanLimits = {
  groups: [
    {
      kinds: ['kill-broker', 'cut-nodes'],
      nodes: ['followers'],
      peers: ['leader'],
      isLong: true,
      stepMin: 1,
      stepMax: 1,
    },
    { kinds: ['power-cut'], nodes: ['leader'], stepMin: 2 },
  ],
  sendsMin: 2,
  pausesMs: [0, 20],
};
/** What commands can do to brokers that nobody here started: the followers stand still, and then the leader is killed. */
const LEADER_DIES_AHEAD: PlanLimits = {
  groups: [
    { kinds: ['pause-broker'], nodes: ['followers'], stepMax: 0 },
    { kinds: ['kill-broker'], nodes: ['leader'], stepMin: 1, stepMax: 1 },
  ],
  sendsMax: 2,
  pausesMs: [0],
};
const KILLED_AND_PAUSED: PlanLimits = {
  groups: [
    { kinds: ['pause-broker'], nodes: ['followers', 'leader', 3] },
    { kinds: ['kill-broker'], nodes: ['leader', 'follower'], countMax: 2 },
  ],
};
const KILLS: PlanLimits = {
  groups: [
    ALONE,
    {
      kinds: ['kill-broker', 'cut-nodes', 'slow-link'],
      nodes: ['leader', 'in-sync'],
      peers: ['followers'],
      countMax: 2,
    },
  ],
  pausesMs: [0, 20],
};
const ANY_POWER_CUTS: PlanLimits = {
  groups: [
    { kinds: ['power-cut'], nodes: ['all', 'in-sync', 'leader', 1, 2], countMax: 2 },
    {
      kinds: ['kill-broker', 'cut-nodes'],
      nodes: ['followers', 'leader', 'in-sync'],
      peers: ['leader', 'followers'],
      countMin: 0,
    },
  ],
};

export const ACKS_0: Parts = {
  id: 'acks-0',
  title: 'acks=0, and a broker is killed',
  claims: ['C26'],
  setup: { ...DEFAULTS, acks: 0 },
  limits: { groups: [{ kinds: ['kill-broker'], nodes: ['leader'], countMax: 2 }], pausesMs: [0, 20] },
  witnessTitle: 'acks=0: sent, counted as written, and nobody had it',
};
export const ACKS_1: Parts = {
  id: 'acks-1',
  title: 'acks=1, and the leader dies before a follower has the record',
  claims: ['C26'],
  setup: { ...DEFAULTS, acks: 1 },
  limits: LEADER_DIES,
  witnessTitle: 'acks=1: the leader answered, and died before anybody had fetched the record',
  targets: ['sim', 'local'],
  clients: ['mqlab', 'platformatic'],
};
export const ACKS_1_AHEAD: Parts = {
  id: 'acks-1-ahead',
  title: 'acks=1, and the leader is killed while its followers stand still',
  claims: ['C26'],
  setup: { ...DEFAULTS, acks: 1 },
  limits: LEADER_DIES_AHEAD,
  witnessTitle: 'acks=1: the leader answered while its followers stood still, and then it died',
  targets: ['external'],
  runs: { quick: { external: 8 } },
};
export const MIN_IN_SYNC_1: Parts = {
  id: 'all-min-1',
  title: 'acks=all, min.insync.replicas=1, and the last in-sync replica loses power',
  claims: ['C27', 'C28'],
  setup: DEFAULTS,
  limits: LAST_IN_SYNC,
  exercised: [GOALS.alone],
  witnessTitle: 'acks=all with nobody else in sync: one copy, in one page cache',
};
export const ONE_REPLICA: Parts = {
  id: 'one-replica',
  title: 'acks=all, one replica, and its broker loses power',
  claims: ['C27', 'C28'],
  setup: { ...DEFAULTS, replicas: [1] },
  limits: ONE_POWER_CUT,
  exercised: [GOALS.alone],
  witnessTitle: 'acks=all of one replica is acks=1',
};
export const UNCLEAN: Parts = {
  id: 'unclean',
  title: 'acks=all, min.insync.replicas=2, unclean elections allowed',
  claims: ['C27', 'C29'],
  setup: { ...SAFE, unclean: true },
  limits: IN_SYNC_DIE,
  exercised: [GOALS.elected],
  witnessTitle: 'An unclean election: the one who leads never had the record',
};
export const POWER: Parts = {
  id: 'common-power-cut',
  title: 'acks=all, min.insync.replicas=2, and all replicas lose power at once',
  claims: ['C27', 'C29'],
  setup: SAFE,
  limits: COMMON_POWER_CUT,
  witnessTitle: 'Three copies in three page caches, and one power supply',
};
export const POWER_IN_TURN: Parts = {
  id: 'power-cuts-in-turn',
  title: 'acks=all, min.insync.replicas=2, and two replicas lose power one after the other',
  claims: ['C29'],
  setup: { ...SAFE, replicas: [1, 2] },
  limits: POWER_CUTS_IN_TURN,
  witnessTitle: 'The second power cut comes before the first broker has its records again',
};

export const LAST: Parts = {
  id: 'last-standing',
  title: 'acks=all, min.insync.replicas=2, the followers gone, and the last replica in sync loses power',
  claims: ['C27', 'C29'],
  setup: SAFE,
  limits: LAST_STANDING,
  witnessTitle: 'Three replicas had it, two of them have it still, and the one without it leads',
};

export const SAFE_PARTS: Parts = {
  id: 'safe',
  title: 'acks=all, three replicas, min.insync.replicas=2, no unclean election: any faults without power cuts',
  claims: ['C26', 'C27', 'C29'],
  setup: SAFE,
  limits: NO_POWER_CUT,
  exercised: ['fault:kill-broker', 'fault:pause-broker', 'fault:cut-nodes', GOALS.elected, GOALS.refused],
  fixes: 'acks-1',
  fixesAlso: ['acks-0', 'all-min-1', 'unclean'],
  runs: { quick: { sim: 60 } },
};
export const SAFE_PROCESSES: Parts = {
  ...SAFE_PARTS,
  id: 'safe-processes',
  title: 'the same setup on real processes: the leader is killed with its followers cut off',
  limits: LEADER_DIES,
  exercised: ['fault:kill-broker'],
  fixesAlso: [],
  targets: ['local'],
  runs: { quick: { local: 1 } },
};
export const SAFE_OUTSIDE: Parts = {
  id: 'safe-outside',
  title: 'acks=all, three replicas, min.insync.replicas=2, no unclean election: brokers killed and standing still',
  claims: ['C26', 'C29'],
  setup: SAFE,
  limits: KILLED_AND_PAUSED,
  exercised: ['fault:kill-broker', 'fault:pause-broker'],
  fixes: 'acks-1-ahead',
  targets: ['external'],
  runs: { quick: { external: 4 } },
};
export const SAFE_POWER: Parts = {
  id: 'safe-power',
  title: 'acks=all, three replicas, min.insync.replicas=2: one broker loses power, the others are there',
  claims: ['C29'],
  setup: SAFE,
  limits: POWER_OF_ONE,
  exercised: ['fault:power-cut', 'fault:power-cut leader'],
  fixes: 'one-replica',
  runs: { quick: { sim: 24 } },
};
export const MIN_1_KILLS: Parts = {
  id: 'all-min-1-kills',
  title: 'acks=all, min.insync.replicas=1: killed processes and cut links, no power cut',
  claims: ['C28'],
  setup: DEFAULTS,
  limits: KILLS,
  exercised: ['fault:kill-broker', GOALS.alone],
  fixes: 'acks-1',
  runs: { quick: { sim: 24 } },
};
export const FLUSH: Parts = {
  id: 'flush',
  title: 'acks=all, min.insync.replicas=2, flush.messages=1, and power cuts of any and all brokers',
  claims: ['C29'],
  setup: { ...SAFE, flushes: true },
  limits: ANY_POWER_CUTS,
  exercised: ['fault:power-cut', 'fault:power-cut all'],
  fixes: 'common-power-cut',
  fixesAlso: ['power-cuts-in-turn', 'last-standing', 'one-replica', 'all-min-1'],
  runs: { quick: { sim: 24 } },
};

export const BEFORE: readonly Parts[] = [
  ACKS_0,
  ACKS_1,
  ACKS_1_AHEAD,
  MIN_IN_SYNC_1,
  ONE_REPLICA,
  UNCLEAN,
  POWER,
  POWER_IN_TURN,
  LAST,
];
export const AFTER: readonly Parts[] = [SAFE_PARTS, SAFE_PROCESSES, SAFE_OUTSIDE, SAFE_POWER, MIN_1_KILLS, FLUSH];

export const SCENARIOS: readonly Scenario<AcksPlan>[] = [
  ...BEFORE.map((parts) => scenarioOf(parts, 'before')),
  ...AFTER.map((parts) => scenarioOf(parts, 'after')),
];

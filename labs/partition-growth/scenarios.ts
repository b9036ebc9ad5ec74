/**
 * The scenarios: a topic grows under load, two producers hash differently, a consumer learns of a partition late; and what keeps each from doing harm.
 *
 * Invariant: within a partition nothing is ever out of order here; what breaks is that one key stands in two of them, or that nobody reads from the beginning.
 */
import { effectCount } from '../kit/checkers/effect-count.ts';
import { keyOrder } from '../kit/checkers/key-order.ts';
import { liveness } from '../kit/checkers/liveness.ts';
import { CLIENT_NAMES } from '../kit/drivers/driver.ts';
import type { Scenario, Variant } from '../kit/lab.ts';
import { drainThenGrow, growAtOnce } from './app/grow.ts';
import { javaHash, librdkafkaHash, unsignedHash } from './app/hashes.ts';
import { KeyHomes } from './app/key-homes.ts';
import { orderOfAll } from './checks.ts';
import {
  clientsPlan,
  describeGrowth,
  describeHashes,
  describeNewcomers,
  type GrowthPlan,
  growthPlan,
  type HashPlan,
  hashPlan,
  type NewcomerPlan,
  newcomerPlan,
} from './plan.ts';
import { BACKLOG, DRAIN_MS_MAX, type GrowthWay, MOVED, runGrowth } from './run-growth.ts';
import { BOTH, DISAGREEING, runHashes, type Writer } from './run-hashes.ts';
import { EARLY, METADATA_AGE_MS, runNewcomers } from './run-newcomers.ts';

const LIVE = liveness({ drainMsMax: DRAIN_MS_MAX });
const COUNTS = effectCount();
export const BROKER_SETTINGS: Readonly<Record<string, string>> = {
  'group.initial.rebalance.delay.ms': '0',
  'offsets.topic.num.partitions': '1',
};

type Common = Pick<Scenario, 'id' | 'title' | 'claims' | 'checks' | 'exercised'> &
  Partial<Pick<Scenario, 'targets' | 'clients' | 'fixes' | 'fixesAlso' | 'witnessTitle' | 'runs'>>;
export type GrowthParts = Common & { readonly way: GrowthWay };
export type HashParts = Common & {
  readonly writers: readonly [Writer, Writer];
  readonly plan?: Scenario<HashPlan>['plan'];
};
export type NewcomerParts = Common & { readonly reset: 'latest' | 'earliest' };

function scenarioOf<Plan>(
  parts: Common,
  variant: Variant,
  rest: Pick<Scenario<Plan>, 'plan' | 'describe' | 'run'>,
): Scenario<Plan> {
  return {
    targets: ['sim', 'local', 'external'],
    clients: ['mqlab'],
    runs: { quick: { sim: 100, local: variant === 'before' ? 3 : 1, external: variant === 'before' ? 10 : 3 } },
    broker: BROKER_SETTINGS,
    ...parts,
    ...rest,
    variant,
    expected: variant === 'before' ? 'violated' : 'holds',
  };
}

export function growthScenario({ way, ...parts }: GrowthParts, variant: Variant): Scenario<GrowthPlan> {
  return scenarioOf<GrowthPlan>(parts, variant, {
    plan: growthPlan,
    describe: describeGrowth,
    run: async (plan, context) => {
      await runGrowth(plan, context, way);
    },
  });
}

export function hashScenario({ writers, plan = hashPlan, ...parts }: HashParts, variant: Variant): Scenario<HashPlan> {
  return scenarioOf<HashPlan>(parts, variant, {
    plan,
    describe: describeHashes,
    run: (planned, context) => runHashes(planned, context, writers),
  });
}

export function newcomerScenario({ reset, ...parts }: NewcomerParts, variant: Variant): Scenario<NewcomerPlan> {
  return scenarioOf<NewcomerPlan>(parts, variant, {
    plan: newcomerPlan(METADATA_AGE_MS.sim),
    describe: describeNewcomers,
    run: (plan, context) => runNewcomers(plan, context, reset),
  });
}

export const AT_ONCE: GrowthParts = {
  id: 'at-once',
  title: 'partitions are added while records wait',
  claims: ['C12'],
  way: { grow: growAtOnce },
  checks: [keyOrder],
  exercised: [],
  clients: CLIENT_NAMES,
  witnessTitle: 'The key moved; its old record still waits in the old partition',
};
export const DRAIN_FIRST: GrowthParts = {
  id: 'drain-first',
  title: 'sending stops, what waits is worked off, partitions are added, sending goes on',
  claims: ['C12'],
  way: { grow: drainThenGrow },
  checks: [keyOrder, COUNTS, LIVE],
  exercised: [BACKLOG, MOVED],
  fixes: 'at-once',
};
export const KEEP_OLD_KEYS: GrowthParts = {
  id: 'keep-old-keys',
  title: 'partitions are added at once; a key stays where it was first put',
  claims: ['C12'],
  way: { grow: growAtOnce, homes: () => new KeyHomes() },
  checks: [keyOrder, COUNTS, LIVE],
  exercised: ['fault:grow', MOVED],
  fixes: 'at-once',
  targets: ['sim'],
  runs: { quick: { sim: 50 } },
};
export const OTHER_HASH: HashParts = {
  id: 'librdkafka-hash',
  title: 'one producer hashes as Kafka’s client does, one as librdkafka does',
  claims: ['C13'],
  writers: [{ hash: javaHash }, { hash: librdkafkaHash }],
  checks: [orderOfAll],
  exercised: [],
  targets: ['sim'],
  witnessTitle: 'Same key, same count of partitions, another hash',
};
export const UNSIGNED_HASH: HashParts = {
  ...OTHER_HASH,
  id: 'unsigned-hash',
  title: 'both take murmur2, one clears the sign and one does not',
  writers: [{ hash: javaHash }, { hash: unsignedHash }],
  witnessTitle: 'Same key, same hash, another reading of its sign',
};
export const TWO_CLIENTS: HashParts = {
  id: 'two-clients',
  title: 'kafkajs and @platformatic/kafka write one topic, with their defaults',
  claims: ['C13'],
  writers: [{ client: DISAGREEING[0] }, { client: DISAGREEING[1] }],
  plan: clientsPlan,
  checks: [orderOfAll],
  exercised: [],
  targets: ['local', 'external'],
  clients: [DISAGREEING[0]],
  witnessTitle: 'Two clients of one language, with their defaults, and three partitions',
};
export const NAMED: HashParts = {
  id: 'named-partition',
  title: 'both producers name the partition, by one function',
  claims: ['C12', 'C13'],
  writers: [{ hash: javaHash }, { hash: javaHash }],
  checks: [orderOfAll, COUNTS, LIVE],
  exercised: [BOTH],
  fixes: 'librdkafka-hash',
  fixesAlso: ['unsigned-hash'],
  targets: ['sim'],
  runs: { quick: { sim: 40 } },
};
export const NAMED_CLIENTS: HashParts = {
  ...NAMED,
  id: 'named-partition-clients',
  title: 'kafkajs and @platformatic/kafka name the partition, by one function',
  writers: [
    { client: DISAGREEING[0], hash: javaHash },
    { client: DISAGREEING[1], hash: javaHash },
  ],
  plan: clientsPlan,
  fixes: 'two-clients',
  fixesAlso: [],
  targets: ['local', 'external'],
  clients: [DISAGREEING[0]],
};
export const LATEST: NewcomerParts = {
  id: 'latest',
  title: 'the group begins at the end of a partition that it has not seen: auto.offset.reset=latest, the default',
  claims: ['C63'],
  reset: 'latest',
  checks: [COUNTS],
  exercised: [],
  witnessTitle: 'Written before the consumer knew of the partition, and passed over when it did',
};
export const EARLIEST: NewcomerParts = {
  id: 'earliest',
  title: 'the group begins at the beginning: auto.offset.reset=earliest',
  claims: ['C63'],
  reset: 'earliest',
  checks: [COUNTS, LIVE],
  exercised: [EARLY],
  fixes: 'latest',
  targets: ['sim', 'external'],
  runs: { quick: { sim: 40, external: 3 } },
};

// biome-ignore lint/suspicious/noExplicitAny: plans of three types
export const SCENARIOS: readonly Scenario<any>[] = [
  growthScenario(AT_ONCE, 'before'),
  hashScenario(OTHER_HASH, 'before'),
  hashScenario(UNSIGNED_HASH, 'before'),
  hashScenario(TWO_CLIENTS, 'before'),
  newcomerScenario(LATEST, 'before'),
  growthScenario(DRAIN_FIRST, 'after'),
  growthScenario(KEEP_OLD_KEYS, 'after'),
  hashScenario(NAMED, 'after'),
  hashScenario(NAMED_CLIENTS, 'after'),
  newcomerScenario(EARLIEST, 'after'),
];

/**
 * Order with many workers (C74, C75): a pool of workers scrambles the order of a key; one reader with keyed queues keeps it; what may be committed
 * meanwhile, and what a crash then loses or repeats.
 *
 * One variable a pair: `thread-pool` and `keyed-queues` differ in the dispatcher, `commit-highest` and `commit-watermark` in the commit policy,
 * `plain-effects` and `fenced-effects` in the store.
 */
import { readFile } from 'node:fs/promises';
import { extractCode } from '@mqlab/reports/code-excerpt.ts';
import type { ClientSettings, CodeExcerpt } from '@mqlab/reports/run-data.ts';
import type { Check } from '../kit/checkers/check.ts';
import { commitOrder } from '../kit/checkers/commit-order.ts';
import { conservation } from '../kit/checkers/conservation.ts';
import { effectCount } from '../kit/checkers/effect-count.ts';
import type { CheckerName } from '../kit/checkers/finding.ts';
import { keyOrder } from '../kit/checkers/key-order.ts';
import { liveness } from '../kit/checkers/liveness.ts';
import { owner } from '../kit/checkers/owner.ts';
import { CLIENT_NAMES, type ClientName } from '../kit/drivers/driver.ts';
import { clientVersion } from '../kit/drivers/versions.ts';
import type { Lab, Scenario } from '../kit/lab.ts';
import type { TargetKind } from '../kit/targets/target.ts';
import type { Setup } from './app/setup.ts';
import { GOALS } from './observer.ts';
import { describePlan, type OrderingPlan, type PlanLimits, planArbitrary, smallerOrderingPlans } from './plan.ts';
import { repeatsOnly, stateOrder } from './repeats.ts';
import { BROKER_SETTINGS, runOrdering } from './run.ts';

const DRAIN_MS_MAX = 8000;

/** Keeps one name of a family's findings. */
function only(check: Check, name: CheckerName): Check {
  return { names: [name], apply: (history) => check.apply(history).filter(({ checker }) => checker === name) };
}

/** What a crash did: a commit that is too early harms only then. */
const LOSSES: readonly Check[] = [only(effectCount(), 'EFFECT-LOSS'), conservation()];
const COMMITS: readonly Check[] = [
  only(effectCount(), 'EFFECT-LOSS'),
  ...[commitOrder(), conservation(), owner, liveness({ drainMsMax: DRAIN_MS_MAX })],
];

type Parts = Omit<Scenario<OrderingPlan>, 'plan' | 'describe' | 'run' | 'broker' | 'targets' | 'clients'> & {
  readonly setup: Setup;
  readonly limits: PlanLimits;
  /** Default: all targets, with each client. */
  readonly targets?: readonly TargetKind[];
  readonly clients?: readonly ClientName[];
};

export function scenarioFrom({ setup, limits, targets, clients, ...parts }: Parts): Scenario<OrderingPlan> {
  return {
    ...parts,
    targets: targets ?? ['sim', 'local'],
    clients: clients ?? CLIENT_NAMES,
    plan: planArbitrary(limits),
    describe: describePlan,
    smaller: smallerOrderingPlans,
    broker: BROKER_SETTINGS,
    run: (plan, context) => runOrdering(plan, context, setup),
  };
}

const PROCESS_RUNS = { quick: { local: 1 } } as const;
const CRASHES: PlanLimits = { faultKinds: ['crash-app', 'rebalance'] };
const TAKEOVERS: PlanLimits = { faultKinds: ['crash-app', 'pause-app'] };

export const threadPool: Parts = {
  id: 'thread-pool',
  title: 'any free worker takes the next record',
  claims: ['C74'],
  variant: 'before',
  expected: 'violated',
  setup: { dispatcher: 'thread-pool', policy: 'watermark', store: 'plain' },
  limits: { faultKinds: [] },
  checks: [keyOrder],
  exercised: [GOALS.overtaking],
  clients: ['mqlab', 'kafkajs'],
  witnessTitle: 'Two records of one key in work at once: the quicker one overtakes',
};

export const keyedQueues: Parts = {
  id: 'keyed-queues',
  title: 'the hash of its key decides a record’s queue, one worker a queue',
  claims: ['C74', 'C75'],
  variant: 'after',
  expected: 'holds',
  fixes: 'thread-pool',
  setup: { dispatcher: 'keyed-queues', policy: 'watermark', store: 'plain' },
  limits: { faultKinds: [] },
  checks: [keyOrder, stateOrder, effectCount(), ...COMMITS],
  exercised: [GOALS.overtaking, GOALS.full],
  targets: ['sim'],
};

/** The same with real processes and threads: first what the simulator found in the pool. */
export const keyedQueuesProcesses: Parts = {
  ...keyedQueues,
  id: 'keyed-queues-processes',
  exercised: [GOALS.overtaking],
  targets: ['local'],
  clients: ['mqlab', 'kafkajs'],
  runs: PROCESS_RUNS,
};

export const commitPolled: Parts = {
  id: 'commit-polled',
  title: 'keyed queues, committing what was polled',
  claims: ['C75'],
  variant: 'before',
  expected: 'violated',
  setup: { dispatcher: 'keyed-queues', policy: 'highest-polled', store: 'plain' },
  limits: { faultKinds: ['crash-app'] },
  checks: LOSSES,
  exercised: ['fault:crash-app'],
  targets: ['sim'],
  witnessTitle: 'Committed when it was polled: a crash loses what waited in the queues',
};

export const commitHighest: Parts = {
  id: 'commit-highest',
  title: 'keyed queues, committing behind the highest finished record',
  claims: ['C75'],
  variant: 'before',
  expected: 'violated',
  setup: { dispatcher: 'keyed-queues', policy: 'highest-finished', store: 'plain' },
  limits: { faultKinds: ['crash-app'] },
  checks: LOSSES,
  exercised: ['fault:crash-app', GOALS.hole],
  witnessTitle: 'Committed behind the highest finished record: a crash loses the slower one below',
};

export const commitWatermark: Parts = {
  id: 'commit-watermark',
  title: 'keyed queues, committing the contiguous watermark',
  claims: ['C75'],
  variant: 'after',
  expected: 'holds',
  fixes: 'commit-highest',
  setup: { dispatcher: 'keyed-queues', policy: 'watermark', store: 'plain' },
  limits: CRASHES,
  checks: [...COMMITS, keyOrder, repeatsOnly],
  exercised: ['fault:crash-app', 'fault:rebalance', GOALS.full, GOALS.hole, GOALS.repeat, GOALS.takeover],
  targets: ['sim'],
};

/** The same with real processes, killed by SIGKILL when a record is done and one below it is not. */
export const commitWatermarkProcesses: Parts = {
  ...commitWatermark,
  fixes: undefined,
  id: 'commit-watermark-processes',
  limits: { faultKinds: ['crash-app'], hasHole: true },
  exercised: ['fault:crash-app', GOALS.hole, GOALS.repeat],
  targets: ['local'],
  runs: PROCESS_RUNS,
};

export const plainEffects: Parts = {
  id: 'plain-effects',
  title: 'the watermark’s repeats in a store that takes whatever comes',
  claims: ['C75'],
  variant: 'before',
  expected: 'violated',
  setup: { dispatcher: 'keyed-queues', policy: 'watermark', store: 'plain' },
  limits: TAKEOVERS,
  checks: [stateOrder],
  exercised: ['fault:crash-app', 'fault:pause-app', GOALS.repeat],
  targets: ['sim'],
  witnessTitle: 'A repeat of an older record after a newer one: the key’s state goes back',
};

export const fencedEffects: Parts = {
  id: 'fenced-effects',
  title: 'the watermark’s repeats in a store that refuses what is older or not the owner’s',
  claims: ['C75'],
  variant: 'after',
  expected: 'holds',
  fixes: 'plain-effects',
  setup: { dispatcher: 'keyed-queues', policy: 'watermark', store: 'fenced' },
  limits: TAKEOVERS,
  checks: [stateOrder, keyOrder, effectCount(), ...COMMITS],
  exercised: ['fault:crash-app', 'fault:pause-app', GOALS.hole, GOALS.refused, GOALS.takeover],
  targets: ['sim'],
};

async function code(): Promise<Record<string, CodeExcerpt>> {
  const wanted = [
    ['thread-pool', 'thread-pool'],
    ['keyed-queues', 'keyed-queues'],
    ['back-pressure', 'reader'],
    ['give-up', 'reader'],
    ['highest-finished', 'commit-policies'],
    ['watermark', 'commit-policies'],
    ['fenced-store', 'stores'],
  ] as const;
  const cut = wanted.map(async ([anchor, file]) => {
    const source = await readFile(new URL(`./app/${file}.ts`, import.meta.url), 'utf8');
    return [anchor, extractCode(source, `labs/ordering/app/${file}.ts`, anchor)] as const;
  });
  return Object.fromEntries(await Promise.all(cut));
}

const COMMON = { 'enable.auto.commit': 'false', 'auto.offset.reset': 'earliest', partitions: '1' } as const;

const CLIENTS: readonly ClientSettings[] = [
  {
    name: 'mqlab',
    version: clientVersion('mqlab'),
    settings: {
      ...COMMON,
      'back-pressure': 'pause and resume; poll goes on',
      'before a partition is given up': 'onPartitionsRevoked is awaited: drop, wait, commit the watermark',
      commit: 'commitSync with offsets',
    },
  },
  {
    name: 'kafkajs',
    version: clientVersion('kafkajs'),
    settings: {
      ...COMMON,
      'back-pressure': 'eachBatch does not return, and calls heartbeat meanwhile; or pause and resume',
      'before a partition is given up': 'REBALANCING is an event: nobody waits for the application',
      commit: 'commitOffsets, eachBatchAutoResolve off',
      partitionsConsumedConcurrently: 'workers by partition, not by key: no help with one partition',
    },
  },
  {
    name: '@platformatic/kafka',
    version: clientVersion('platformatic'),
    settings: {
      ...COMMON,
      'back-pressure': 'the stream is not read',
      'before a partition is given up': 'consumer:group:rebalance is an event: nobody waits for the application',
      commit: 'consumer.commit with offsets, autocommit off',
    },
  },
];

export const lab: Lab = {
  name: 'ordering',
  title: 'Order with many workers',
  question:
    'One topic, one partition, one consumer: how do many workers share its records without losing the order of a key, and what may be committed meanwhile?',
  claims: ['C74', 'C75'],
  scenarios: [
    threadPool,
    keyedQueues,
    keyedQueuesProcesses,
    commitPolled,
    commitHighest,
    commitWatermark,
    commitWatermarkProcesses,
    plainEffects,
    fencedEffects,
  ].map(scenarioFrom),
  conclusions: [
    {
      claim: 'C74',
      verdict: 'confirmed',
      scope:
        'two workers and two records of one key are enough, as soon as the second takes less work than the first; no fault is needed',
    },
    {
      claim: 'C75',
      verdict: 'conditional',
      scope:
        'order per key holds; nothing is lost only if the contiguous watermark is committed, a crash then repeats; throughput grows until the busiest queue or the cores are full',
    },
  ],
  text: { en: new URL('./text.en.md', import.meta.url) },
  clients: CLIENTS,
  code,
  // Loaded when they are taken: a worker of a campaign needs none of it.
  figures: async (context) => (await import('./figures.ts')).figures(context),
  limits: [
    'Workers in the simulator are tasks on virtual time; real threads run on the local target and in the figures.',
    'kafkajs and @platformatic/kafka do not wait for the application before they give a partition up, so an orderly hand-over is judged with the own client.',
  ],
};

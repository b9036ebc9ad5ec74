/**
 * Plans of the campaign: a cluster of three to five nodes, what clients and operators ask of it, and the faults that strike meanwhile.
 *
 * Plain data. What a plan may do to disks depends on what it flushes: Kafka promises nothing to a record that is in the page cache of every in-sync replica and nowhere else,
 * so a plan without flushing cuts the power of one node only, and takes nobody else out of the in-sync replicas.
 */
import type { PlanOperation } from '@mqlab/reports/run-data.ts';
import fc from 'fast-check';
import { describeFault, type Fault, type FaultKind, faultsArbitrary } from '../../kit/plan.ts';

/** Faults and changes come within this time; virtual. */
export const SPAN_MS = 3000;
export const BROKERS = [3, 4, 5] as const;

export type ChangeKind = 'create' | 'delete' | 'reassign' | 'elect';

export interface Change {
  readonly kind: ChangeKind;
  readonly ms: number;
  readonly partition: number;
  /** reassign: replicas begin so many nodes further on. */
  readonly shift: number;
}

export interface Transaction {
  readonly records: number;
  readonly end: 'commit' | 'abort';
}

/** `always`: every batch before it is acknowledged; `never`, and the power of one node may fail; `none`: never, and power does not fail. */
export type Flushing = 'always' | 'never' | 'none';

export interface AgreementPlan {
  readonly brokers: number;
  readonly flushing: Flushing;
  /** Between nodes, each way: what lies between an append and its commit is as long. */
  readonly latencyMs: number;
  /** Records of the careful producer, and of the hasty one (acks=1), each with the pause after it. */
  readonly careful: readonly number[];
  readonly hasty: readonly number[];
  readonly transactions: readonly Transaction[];
  readonly changes: readonly Change[];
  readonly faults: readonly Fault[];
}

const PARTITIONS = 2;
const OF_NODES: readonly FaultKind[] = [
  'kill-broker',
  'pause-broker',
  'cut-nodes',
  'stop-broker',
  'slow-link',
  'clock-skew',
];
/** The more often, the more there is on its way to a device. */
const POWER: readonly FaultKind[] = ['power-cut', 'power-cut', 'power-cut'];
const OF_CLIENTS: readonly FaultKind[] = ['crash-app', 'drop-response'];
const APPS = ['c1', 't1'] as const;

/** A clock is never further off. */
export const SKEW_MS_MAX = 60_000;

function faultsOf(flushing: Flushing, brokers: number): fc.Arbitrary<readonly Fault[]> {
  const numbers = Array.from({ length: brokers }, (_, at) => at + 1);
  const limits = { apps: APPS, msMax: SPAN_MS, durationMsMax: 1800 };
  const links = { skewMsMax: SKEW_MS_MAX, latencyMsMax: 150 };
  if (flushing === 'never') {
    return fc.integer({ min: 1, max: brokers }).chain((node) =>
      faultsArbitrary({
        ...limits,
        kinds: ['power-cut', 'clock-skew', ...OF_CLIENTS],
        countMax: 4,
        cluster: { nodes: [node], ...links },
      }),
    );
  }
  return faultsArbitrary({
    ...limits,
    kinds: [...OF_NODES, ...(flushing === 'always' ? POWER : []), ...OF_CLIENTS],
    countMax: 8,
    cluster: {
      nodes: ['leader', 'follower', 'controller', ...numbers, ...(flushing === 'always' ? (['all'] as const) : [])],
      peers: ['follower', 'controller', ...numbers],
      directions: ['both', 'out', 'in'],
      ...links,
    },
  });
}

const CHANGE: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom('elect', 'create', 'delete', 'reassign'),
  ms: fc.nat(SPAN_MS),
  partition: fc.nat(PARTITIONS - 1),
  shift: fc.nat(4),
});

// Small plans are what shrinking is for: here many things happen at once.
export const agreementPlans: fc.Arbitrary<AgreementPlan> = fc.noBias(
  fc
    .record({ brokers: fc.constantFrom(...BROKERS), flushing: fc.constantFrom<Flushing>('none', 'always', 'never') })
    .chain(({ brokers, flushing }) =>
      fc.record({
        brokers: fc.constant(brokers),
        flushing: fc.constant(flushing),
        latencyMs: fc.constantFrom(0, 10, 40),
        careful: fc.array(fc.nat(120), { maxLength: 30, size: 'max' }),
        hasty: fc.array(fc.nat(120), { maxLength: 20, size: 'max' }),
        transactions: fc.array(
          fc.record({ records: fc.integer({ min: 1, max: 3 }), end: fc.constantFrom('commit', 'abort') }),
          { maxLength: 6 },
        ),
        changes: fc.array(CHANGE, { maxLength: 4 }).map((changes) => changes.toSorted((a, b) => a.ms - b.ms)),
        faults: faultsOf(flushing, brokers),
      }),
    ),
);

/** Leaders and controllers fall one after the other, while everything between nodes takes long: what planted faults of the broker are tried with, too. */
export const stormPlans: fc.Arbitrary<AgreementPlan> = fc.noBias(
  fc.record({
    brokers: fc.constant(3),
    flushing: fc.constant<Flushing>('always'),
    latencyMs: fc.constantFrom(20, 40),
    careful: fc.array(fc.nat(100), { minLength: 8, maxLength: 30, size: 'max' }),
    hasty: fc.array(fc.nat(100), { maxLength: 30, size: 'max' }),
    transactions: fc.array(
      fc.record({ records: fc.integer({ min: 1, max: 3 }), end: fc.constantFrom('commit', 'abort') }),
      {
        maxLength: 8,
        size: 'max',
      },
    ),
    changes: fc.array(CHANGE, { maxLength: 4 }).map((changes) => changes.toSorted((a, b) => a.ms - b.ms)),
    faults: faultsArbitrary({
      kinds: ['kill-broker', 'kill-broker', 'power-cut', 'cut-nodes', 'pause-broker', 'crash-app'],
      apps: APPS,
      msMax: SPAN_MS,
      durationMsMax: 900,
      countMin: 3,
      countMax: 10,
      cluster: {
        nodes: ['leader', 'leader', 'controller', 'follower', 'all', 1, 2, 3],
        peers: ['follower', 'controller', 1, 2, 3],
        directions: ['both', 'out', 'in'],
      },
    }),
  }),
);

const FLUSHING_TEXT: Readonly<Record<Flushing, string>> = {
  always: ', every batch flushed before it counts',
  never: ', nothing flushed',
  none: ', nothing flushed',
};

function changeText({ kind, ms, partition, shift }: Change): string {
  switch (kind) {
    case 'create':
      return `at ${ms} ms: another topic is made, and written to`;
    case 'delete':
      return `at ${ms} ms: that topic is deleted`;
    case 'reassign':
      return `at ${ms} ms: partition ${partition} moves to replicas from node ${shift + 1} on`;
    case 'elect':
      return `at ${ms} ms: the preferred leader of partition ${partition} is elected`;
  }
}

export function describeAgreement(plan: AgreementPlan): readonly PlanOperation[] {
  const { brokers, flushing, latencyMs, careful, hasty, transactions, changes, faults } = plan;
  const operation = (text: string): PlanOperation => ({ kind: 'operation', text });
  return [
    operation(`${brokers} nodes${latencyMs === 0 ? '' : `, ${latencyMs} ms apart`}${FLUSHING_TEXT[flushing]}`),
    ...(careful.length === 0 ? [] : [operation(`p1 sends ${careful.length} records with acks=all, idempotent`)]),
    ...(hasty.length === 0 ? [] : [operation(`p2 sends ${hasty.length} records with acks=1`)]),
    ...transactions.map(({ records, end }) => operation(`t1 sends ${records} in a transaction: ${end}`)),
    ...changes.map((change) => operation(changeText(change))),
    ...faults.map(describeFault),
  ];
}

/** How far ahead a clock was at most. */
export function skewAheadMs({ faults }: AgreementPlan): number {
  return Math.max(0, ...faults.map(({ kind, skewMs = SKEW_MS_MAX }) => (kind === 'clock-skew' ? skewMs : 0)));
}

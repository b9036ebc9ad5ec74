/**
 * Plans of this lab: departures in two partitions with the work that each takes, an assignor, and what happens to the members of the group.
 *
 * A fault's step counts what happened so far: a poll that returned records, an effect, a commit that was acknowledged. `rebalance` names a member that joins, or leaves
 * in order when it is there. Shrinks to fewer records, less work, fewer and earlier faults, the first assignor.
 */
import type { PlanOperation } from '@mqlab/reports/run-data.ts';
import fc from 'fast-check';
import { type Fault, type FaultKind, faultsArbitrary, type PlannedRecord } from '../kit/plan.ts';

export const ASSIGNORS = ['range', 'roundrobin', 'sticky', 'cooperative-sticky'] as const;
export type AssignorName = (typeof ASSIGNORS)[number];

export interface WorkRecord extends PlannedRecord {
  readonly partition: number;
  /** Units of work: 100 ms each in the simulator. */
  readonly units: number;
}

export interface RebalancePlan {
  readonly records: readonly WorkRecord[];
  readonly assignor: AssignorName;
  readonly pollRecordsMax: number;
  readonly faults: readonly Fault[];
  /** The first record that c1 works on takes so many units more: a call that hangs once. */
  readonly hangUnits?: number;
}

export interface PlanLimits {
  readonly kinds: readonly FaultKind[];
  readonly faultsMin?: number;
  readonly faultsMax?: number;
  readonly recordsMin?: number;
  readonly recordsMax?: number;
  readonly stepMax?: number;
  /** Kinds that a member of its own suffers; joins and leaves are those of c2 and c3. */
  readonly apps?: readonly string[];
  /** The batch is never cut: its work lies between two polls. */
  readonly wholeBatches?: boolean;
  readonly assignors?: readonly AssignorName[];
}

export const PARTITIONS = 2;
const UNITS = [1, 4] as const;
const RECORDS_MAX = 6;
/** A session and a half, and shorter than one. */
const PAUSE_MS = { min: 100, max: 900 };

const OTHERS = ['c2', 'c3'] as const;

export function planArbitrary(limits: PlanLimits): fc.Arbitrary<RebalancePlan> {
  const { kinds, faultsMin = 1, faultsMax = 2, recordsMin = 2, recordsMax = RECORDS_MAX, stepMax = 8 } = limits;
  const faults = fc
    .tuple(
      faultsArbitrary({ kinds, apps: ['c1'], stepMax, countMin: faultsMin, countMax: faultsMax }),
      fc.array(fc.constantFrom(...OTHERS), { minLength: faultsMax, maxLength: faultsMax }),
      fc.array(fc.constantFrom(...(limits.apps ?? ['c1'])), { minLength: faultsMax, maxLength: faultsMax }),
      fc.integer(PAUSE_MS),
    )
    .map(([made, others, apps, durationMs]) =>
      made.map((fault, at): Fault => {
        if (fault.kind === 'rebalance') return { ...fault, app: others[at]! };
        const hit = { ...fault, app: apps[at]! };
        return fault.kind === 'pause-app' ? { ...hit, durationMs } : hit;
      }),
    );
  return fc.record({
    records: fc.array(
      fc.record({ key: fc.nat(1), partition: fc.nat(PARTITIONS - 1), units: fc.constantFrom(...UNITS) }),
      { minLength: recordsMin, maxLength: recordsMax },
    ),
    assignor: fc.constantFrom(...(limits.assignors ?? ASSIGNORS)),
    pollRecordsMax:
      limits.wholeBatches === true ? fc.constant(recordsMax) : fc.nat(recordsMax - 1).map((less) => recordsMax - less),
    faults,
  });
}

const WORDS: Partial<Readonly<Record<FaultKind, string>>> = {
  'crash-app': 'is killed and started again',
  'pause-app': 'stands still',
  rebalance: 'joins the group, or leaves it',
};

/**
 * For real processes: c1 hangs in its first record while c2 joins and works off what it gets, so that whichever partition moves, c1 commits late there.
 */
export function hangPlanArbitrary(hangUnits: number): fc.Arbitrary<RebalancePlan> {
  const places = [0, 0, 1, 1];
  return fc.array(fc.nat(1), { minLength: places.length, maxLength: places.length }).map((keys) => ({
    records: places.map((partition, at) => ({ key: keys[at]!, partition, units: UNITS[0] })),
    assignor: ASSIGNORS[0],
    pollRecordsMax: RECORDS_MAX,
    faults: [{ kind: 'rebalance', at: { step: 0 }, app: OTHERS[0] }],
    hangUnits,
  }));
}

export function describePlan({
  records,
  assignor,
  pollRecordsMax,
  faults,
  hangUnits = 0,
}: RebalancePlan): PlanOperation[] {
  return [
    ...records.map(({ key, partition, units }, at): PlanOperation => {
      return {
        kind: 'operation',
        text: `p1 sends departure v${at} of airport ${key} to partition ${partition}: ${units} units of work`,
      };
    }),
    { kind: 'operation', text: `c1 consumes, at most ${pollRecordsMax} records a poll, assignor ${assignor}` },
    ...(hangUnits === 0
      ? []
      : [{ kind: 'operation', text: `c1 hangs in its first record: ${hangUnits} units more` } as const]),
    ...faults.map(({ kind, at, app, durationMs }): PlanOperation => {
      const lasts = durationMs === undefined ? '' : ` for ${durationMs} ms`;
      return {
        kind: 'fault',
        text: `at step ${'step' in at ? at.step : at.ms}: ${app} ${WORDS[kind] ?? kind}${lasts}`,
      };
    }),
  ];
}

/**
 * Plans of this lab: a few departures with the work that each takes, how many a poll returns, and what happens to the consumer.
 *
 * A fault's step counts what happened so far: a poll that returned records, an effect, a commit call and its answer, a commit that the broker stored; so a plan says the
 * same on virtual and on real time. Shrinks to fewer records, less work, fewer and earlier faults.
 */
import type { PlanOperation } from '@mqlab/reports/run-data.ts';
import fc from 'fast-check';
import { type Fault, type FaultKind, faultsArbitrary, type PlannedRecord } from '../kit/plan.ts';
import { smallerPlans } from '../kit/smaller-plans.ts';

export interface WorkRecord extends PlannedRecord {
  /** Units of work: a second each in the simulator. */
  readonly units: number;
}

export interface CommitPlan {
  readonly records: readonly WorkRecord[];
  readonly pollRecordsMax: number;
  readonly faults: readonly Fault[];
}

export interface PlanLimits {
  readonly kinds: readonly FaultKind[];
  readonly faultsMin?: number;
  readonly faultsMax?: number;
  readonly stepMax?: number;
  readonly recordsMin?: number;
  readonly recordsMax?: number;
  /** Every record takes so much work: on real processes a run must say something. */
  readonly units?: number;
}

const RECORDS_MAX = 4;
const KEYS_MAX = 2;
/** Quicker and slower than the interval between two auto commits. */
const UNITS = [1, 4, 8] as const;
const STEP_MAX = 10;

export function planArbitrary(limits: PlanLimits): fc.Arbitrary<CommitPlan> {
  const { kinds, faultsMin = 1, faultsMax = 2, stepMax = STEP_MAX, recordsMin = 1, recordsMax = RECORDS_MAX } = limits;
  const units = limits.units === undefined ? fc.constantFrom(...UNITS) : fc.constant(limits.units);
  return fc.record({
    records: fc.array(fc.record({ key: fc.nat(KEYS_MAX - 1), units }), {
      minLength: recordsMin,
      maxLength: recordsMax,
    }),
    pollRecordsMax: fc.nat(recordsMax - 1).map((less) => recordsMax - less),
    faults: faultsArbitrary({ kinds, apps: ['c1'], stepMax, countMin: faultsMin, countMax: faultsMax }),
  });
}

/** Fewer records with as much work as it takes: a shorter plan may need a slower record than the longer one had. */
export function* smallerCommitPlans(plan: CommitPlan): Generator<unknown> {
  for (let count = 1; count < plan.records.length; count++) {
    for (const units of UNITS) {
      for (const fault of plan.faults) {
        for (let step = 0; step <= 2 * count; step++) {
          const records = plan.records.slice(0, count).map((record) => ({ ...record, units }));
          yield { ...plan, records, faults: [{ ...fault, at: { step } }] };
        }
      }
    }
  }
  yield* smallerPlans(plan);
}

const WORDS: Partial<Readonly<Record<FaultKind, string>>> = {
  'crash-app': 'c1 is killed and started again',
  'stop-app': 'c1 is asked to end, ends in order and is started again',
  'kill-broker': 'the broker is killed and started again',
};

export function describePlan({ records, pollRecordsMax, faults }: CommitPlan): PlanOperation[] {
  return [
    ...records.map(({ key, units }, at): PlanOperation => {
      return { kind: 'operation', text: `p1 sends departure v${at} of airport ${key}: ${units} units of work` };
    }),
    { kind: 'operation', text: `c1 consumes, at most ${pollRecordsMax} records a poll` },
    ...faults.map(({ kind, at }): PlanOperation => {
      return { kind: 'fault', text: `at step ${'step' in at ? at.step : at.ms}: ${WORDS[kind] ?? kind}` };
    }),
  ];
}

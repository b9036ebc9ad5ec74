/**
 * Plans of this lab: a few departures, faults that strike a consumer between two of its steps, and how slow the store is.
 *
 * Invariant: plain data. A fault's step counts the steps of the consumer that it names, over all its lives: before each request, after the
 * request took effect and before its answer, before and after each commit.
 */
import type { PlanOperation } from '@mqlab/reports/run-data.ts';
import fc from 'fast-check';
import { type Fault, type FaultKind, faultsArbitrary, type PlannedRecord, recordsArbitrary } from '../kit/plan.ts';

export interface DedupPlan {
  readonly records: readonly PlannedRecord[];
  readonly faults: readonly Fault[];
  /** A request's way to the store; the answer takes as long. */
  readonly storeMs: number;
  /** Records of one poll. */
  readonly pollRecords: number;
}

export interface PlanLimits {
  readonly kinds: readonly FaultKind[];
  /** Consumers that faults may strike. */
  readonly apps?: readonly string[];
  readonly recordsMax?: number;
  readonly keysMax?: number;
  readonly faultsMax?: number;
  readonly stepMax?: number;
  /** How long a pause or a downtime lasts. */
  readonly durationMs?: { readonly min: number; readonly max: number };
}

/** Three sessions: the partition moves, and its new owner is done, before the pause ends. */
export const LONG_PAUSE_MS = 300;
/** Shorter than a session, about as long, and longer: all happen. */
const ANY_MS = { min: 1, max: 400 };

export function planArbitrary(limits: PlanLimits): fc.Arbitrary<DedupPlan> {
  const {
    kinds,
    apps = ['c1'],
    recordsMax = 3,
    keysMax = 2,
    faultsMax = 2,
    stepMax = 12,
    durationMs = ANY_MS,
  } = limits;
  return fc.record({
    records: recordsArbitrary(recordsMax, keysMax),
    faults: fc
      .tuple(faultsArbitrary({ kinds, apps, stepMax, countMin: 1, countMax: faultsMax }), fc.integer(durationMs))
      .map(([faults, ms]) =>
        faults.map((fault) => (fault.kind === 'redeliver' ? fault : { ...fault, durationMs: ms })),
      ),
    storeMs: fc.integer({ min: 1, max: 5 }),
    pollRecords: fc.integer({ min: 1, max: 3 }),
  });
}

const WORDS: Partial<Readonly<Record<FaultKind, string>>> = {
  'crash-app': 'crashes and comes back after',
  'pause-app': 'stands still, and a second consumer is started, for',
};

export function describePlan({ records, faults }: DedupPlan): readonly PlanOperation[] {
  return [
    ...records.map(
      ({ key }, at): PlanOperation => ({ kind: 'operation', text: `p1 sends departure v${at} of airport ${key}` }),
    ),
    ...faults.map((fault): PlanOperation => {
      const step = 'step' in fault.at ? fault.at.step : 0;
      const text =
        fault.kind === 'redeliver'
          ? `at step ${step} of ${fault.app}: p1 sends again what ${fault.app} is handling`
          : `at step ${step} of ${fault.app}: it ${WORDS[fault.kind] ?? fault.kind} ${fault.durationMs ?? 0} ms`;
      return { kind: 'fault', text };
    }),
  ];
}

/**
 * Plans of this lab: a few departures, and faults between any two steps of the application, or while a request is on its way.
 *
 * Plain data. A step counts what the process that the fault names does, over all its lives: a poll that returned, before each request, and while it is under way.
 */
import type { PlanOperation } from '@mqlab/reports/run-data.ts';
import fc from 'fast-check';
import { type Fault, type FaultKind, faultsArbitrary, type PlannedRecord, recordsArbitrary } from '../kit/plan.ts';

export interface DeliveryPlan {
  readonly records: readonly PlannedRecord[];
  readonly faults: readonly Fault[];
  readonly pollRecords: number;
  /** How far a request has come when a fault strikes it: there and back takes about half a millisecond. */
  readonly inFlightMs: number;
}

export interface PlanLimits {
  readonly kinds: readonly FaultKind[];
  readonly recordsMax?: number;
  readonly faultsMax?: number;
  readonly stepMax?: number;
}

/** Longer than a session. */
const PAUSE_MS = 300;
const RESTART_MS_MAX = 50;

export function planArbitrary(limits: PlanLimits): fc.Arbitrary<DeliveryPlan> {
  const { kinds, recordsMax = 3, faultsMax = 2, stepMax = 12 } = limits;
  return fc.record({
    records: recordsArbitrary(recordsMax, 2),
    faults: faultsArbitrary({
      kinds,
      apps: ['c1'],
      stepMax,
      countMin: 1,
      countMax: faultsMax,
      durationMsMax: RESTART_MS_MAX,
    }).map((faults) =>
      faults.map((fault) => (fault.kind === 'pause-app' ? { ...fault, durationMs: PAUSE_MS } : fault)),
    ),
    pollRecords: fc.integer({ min: 1, max: 3 }),
    inFlightMs: fc.constantFrom(0, 0.15, 0.3, 0.5, 1),
  });
}

const WORDS: Partial<Readonly<Record<FaultKind, string>>> = {
  'crash-app': 'is killed and comes back after',
  'pause-app': 'stands still, and a second consumer is started, for',
};

export function describePlan({ records, faults, pollRecords }: DeliveryPlan): readonly PlanOperation[] {
  return [
    ...records.map(
      ({ key }, at): PlanOperation => ({ kind: 'operation', text: `p1 sends departure v${at} of airport ${key}` }),
    ),
    { kind: 'operation', text: `c1 consumes, ${pollRecords} a poll` },
    ...faults.map(({ kind, at, app, durationMs }): PlanOperation => {
      const step = 'step' in at ? at.step : 0;
      const text =
        kind === 'drop-response'
          ? 'the next answer to it is lost, and the connection with it'
          : `it ${WORDS[kind] ?? kind} ${durationMs ?? 0} ms`;
      return { kind: 'fault', text: `at step ${step} of ${app}: ${text}` };
    }),
  ];
}

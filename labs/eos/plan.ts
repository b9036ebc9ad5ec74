/**
 * Plans of this lab: a few departures, and faults between any two steps of the application, or while a request is on its way.
 *
 * Plain data. A step counts what the process that the fault names does, over all its lives: a poll that returned, before each request, and while it is under way.
 */
import type { PlanOperation } from '@mqlab/reports/run-data.ts';
import fc from 'fast-check';
import { type Fault, type FaultKind, faultsArbitrary, type PlannedRecord, recordsArbitrary } from '../kit/plan.ts';

export interface EosPlan {
  readonly records: readonly PlannedRecord[];
  readonly faults: readonly Fault[];
  readonly pollRecords: number;
  /** How far a request has come when a fault strikes it: there and back takes about half a millisecond. */
  readonly inFlightMs: number;
}

export interface PlanLimits {
  readonly kinds: readonly FaultKind[];
  readonly recordsMin?: number;
  readonly recordsMax?: number;
  readonly pollRecordsMax?: number;
  readonly faultsMin?: number;
  readonly faultsMax?: number;
  readonly stepMin?: number;
  readonly stepMax?: number;
}

/** Longer than a session. */
const PAUSE_MS = 300;
const RESTART_MS_MAX = 50;

export function planArbitrary(limits: PlanLimits): fc.Arbitrary<EosPlan> {
  const {
    kinds,
    recordsMin = 1,
    recordsMax = 3,
    pollRecordsMax = 3,
    faultsMin = 1,
    faultsMax = 2,
    stepMin = 0,
    stepMax = 24,
  } = limits;
  return fc.record({
    records: recordsArbitrary(recordsMax, 2, recordsMin),
    faults: faultsArbitrary({
      kinds,
      apps: ['c1'],
      stepMax: stepMax - stepMin,
      countMin: faultsMin,
      countMax: faultsMax,
      durationMsMax: RESTART_MS_MAX,
    }).map((faults) => faults.map((fault) => adjusted(fault, stepMin))),
    pollRecords: fc.integer({ min: 1, max: pollRecordsMax }),
    inFlightMs: fc.constantFrom(0, 0.15, 0.3, 0.5, 1),
  });
}

function adjusted(fault: Fault, stepMin: number): Fault {
  const { kind, app, durationMs } = fault;
  const at = 'step' in fault.at ? { step: fault.at.step + stepMin } : fault.at;
  const named = app === undefined ? {} : { app };
  switch (kind) {
    case 'crash-app':
      return { kind, at, ...named, ...(durationMs === undefined ? {} : { durationMs }) };
    case 'pause-app':
      return { kind, at, ...named, durationMs: PAUSE_MS };
    default:
      return { kind, at, ...named };
  }
}

function faultText({ kind, durationMs }: Fault): string {
  switch (kind) {
    case 'crash-app':
      return `it is killed and comes back after ${durationMs} ms`;
    case 'pause-app':
      return `it stands still, and a second processor is started, for ${durationMs} ms`;
    case 'drop-response':
      return 'the next answer to it is lost, and the connection with it';
    case 'fail-work':
      return 'its work fails, and it aborts';
    case 'late-request':
      return 'the commit of its transaction before this one arrives once more, late, over an old connection';
    default:
      return kind;
  }
}

export function describePlan({ records, faults, pollRecords }: EosPlan): readonly PlanOperation[] {
  return [
    ...records.map(
      ({ key }, at): PlanOperation => ({ kind: 'operation', text: `p1 sends departure v${at} of airport ${key}` }),
    ),
    { kind: 'operation', text: `c1 reads, processes and writes, at most ${pollRecords} in a transaction` },
    ...faults.map((fault): PlanOperation => {
      const step = 'step' in fault.at ? fault.at.step : 0;
      return { kind: 'fault', text: `at step ${step} of ${fault.app}: ${faultText(fault)}` };
    }),
  ];
}

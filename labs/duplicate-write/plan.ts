/**
 * Plans of this lab: a few departures in an outbox, and faults between any two steps of the process that sends them.
 *
 * Plain data. A step counts what the process does, over all its lives: before a request leaves, while it is on its way, before a mark is written. A fault of the broker is counted by the
 * steps of the process too: it strikes while that one waits.
 */
import type { PlanOperation } from '@mqlab/reports/run-data.ts';
import fc from 'fast-check';
import { type Fault, type FaultKind, faultsArbitrary, type PlannedRecord, recordsArbitrary } from '../kit/plan.ts';

export interface DuplicatePlan {
  readonly records: readonly PlannedRecord[];
  readonly faults: readonly Fault[];
  /** How far a request has come when a fault strikes it: there and back takes about half a millisecond. */
  readonly inFlightMs: number;
}

export interface PlanLimits {
  readonly kinds: readonly FaultKind[];
  readonly recordsMin?: number;
  readonly recordsMax?: number;
  readonly faultsMax?: number;
  readonly stepMin?: number;
  readonly stepMax?: number;
  /** A broker that dies is the leader, one of several: it is away until another one has answered. */
  readonly isCluster?: boolean;
}

/** Long enough for another to send everything. */
const PAUSE_MS = 300;
const RESTART_MS_MAX = 50;
export const PROCESS = 'p1';

export function planArbitrary(limits: PlanLimits): fc.Arbitrary<DuplicatePlan> {
  const { kinds, recordsMin = 1, recordsMax = 3, faultsMax = 2, stepMin = 0, stepMax = 12, isCluster = false } = limits;
  return fc.record({
    records: recordsArbitrary(recordsMax, 2, recordsMin),
    faults: faultsArbitrary({
      kinds,
      stepMax: stepMax - stepMin,
      countMin: 1,
      countMax: faultsMax,
      durationMsMax: RESTART_MS_MAX,
    }).map((faults) => faults.map((fault) => adjusted(fault, stepMin, isCluster))),
    inFlightMs: fc.constantFrom(0, 0.15, 0.3, 0.5),
  });
}

/** Smaller plans within the same limits: a record less, or one of several faults alone at whatever step. */
export function smallerWithin({
  recordsMin = 1,
  stepMin = 0,
  stepMax = 12,
}: PlanLimits): (plan: DuplicatePlan) => Iterable<DuplicatePlan> {
  const steps = Array.from({ length: stepMax - stepMin + 1 }, (_, at) => stepMin + at);
  return function* (plan) {
    const { records, faults } = plan;
    if (faults.length > 1) {
      for (const fault of faults) {
        for (const step of steps) yield { ...plan, faults: [{ ...fault, at: { step } }] };
      }
    }
    if (records.length <= recordsMin) return;
    for (const step of steps) yield { ...plan, records: records.slice(1), faults: [{ ...faults[0]!, at: { step } }] };
  };
}

function adjusted({ kind, at, durationMs }: Fault, stepMin: number, isCluster: boolean): Fault {
  const moved = 'step' in at ? { step: at.step + stepMin } : at;
  switch (kind) {
    case 'drop-response':
      return { kind, at: moved, app: PROCESS };
    case 'pause-app':
      return { kind, at: moved, app: PROCESS, durationMs: PAUSE_MS };
    case 'kill-broker':
      if (isCluster) return { kind, at: moved, app: PROCESS };
      return { kind, at: moved, app: PROCESS, durationMs: durationMs ?? 1 };
    default:
      return { kind, at: moved, app: PROCESS, ...(durationMs === undefined ? {} : { durationMs }) };
  }
}

function faultText({ kind, durationMs }: Fault): string {
  switch (kind) {
    case 'crash-app':
      return `it is killed and comes back after ${durationMs} ms`;
    case 'pause-app':
      return `it stands still for ${durationMs} ms, and a second one is started`;
    case 'drop-response':
      return 'the next answer to it is lost, and the connection with it';
    case 'kill-broker':
      if (durationMs === undefined) {
        return 'the leader dies with its answer unsent, and comes back when another one has answered';
      }
      return `the broker dies with its answer unsent and comes back after ${durationMs} ms`;
    default:
      return kind;
  }
}

export function describePlan({ records, faults }: DuplicatePlan): readonly PlanOperation[] {
  return [
    ...records.map(
      ({ key }, at): PlanOperation => ({
        kind: 'operation',
        text: `${PROCESS} sends departure v${at} of airport ${key}`,
      }),
    ),
    ...faults.map((fault): PlanOperation => {
      const step = 'step' in fault.at ? fault.at.step : 0;
      return { kind: 'fault', text: `at step ${step} of ${fault.app}: ${faultText(fault)}` };
    }),
  ];
}

/**
 * Plans of this lab: departures that are sent while the consumer is out, how long it is out, and how long a departure takes it.
 *
 * Plain data. Whether retention passes the consumer follows from gaps, outage and work: nothing in a plan deletes a record.
 */
import type { PlanOperation } from '@mqlab/reports/run-data.ts';
import fc from 'fast-check';
import { type Fault, faultsArbitrary } from '../kit/plan.ts';

export type Retention = 'ms' | 'bytes';

export interface PlannedDeparture {
  readonly key: number;
  /** Since the one before it. */
  readonly gapMs: number;
}

export interface ExpiryPlan {
  readonly retention: Retention;
  readonly departures: readonly PlannedDeparture[];
  readonly outageMs: number;
  /** For each departure. */
  readonly workMs: number;
  readonly faults: readonly Fault[];
}

export interface PlanLimits {
  readonly retention: readonly Retention[];
  readonly crashes?: boolean;
  readonly outageMsMin?: number;
  /** Less than there is between two departures of the traffic that goes on, or nobody ever catches up. */
  readonly workMs?: readonly number[];
}

/** Topic settings: small segments, so that retention has something to delete. */
export const RETENTION_MS = 400;
export const RETENTION_BYTES = 150;
export const CHECK_MS = 50;
const OUTAGE_MS_MAX = 1200;

export function planArbitrary({
  retention,
  crashes = false,
  outageMsMin = 0,
  workMs = [0, 0, 80],
}: PlanLimits): fc.Arbitrary<ExpiryPlan> {
  return fc.record({
    retention: fc.constantFrom(...retention),
    departures: fc.array(fc.record({ key: fc.nat(1), gapMs: fc.nat(300) }), { minLength: 1, maxLength: 5 }),
    outageMs: fc.integer({ min: outageMsMin, max: OUTAGE_MS_MAX }),
    workMs: fc.constantFrom(...workMs),
    faults: crashes
      ? faultsArbitrary({
          kinds: ['crash-app'],
          apps: ['c1'],
          stepMax: 14,
          countMin: 1,
          countMax: 2,
          durationMsMax: 50,
        })
      : fc.constant([]),
  });
}

export function describePlan({ retention, departures, outageMs, workMs, faults }: ExpiryPlan): PlanOperation[] {
  const limit = retention === 'ms' ? `retention.ms=${RETENTION_MS}` : `retention.bytes=${RETENTION_BYTES}`;
  let now = 0;
  return [
    { kind: 'operation', text: `a topic with ${limit}; the group stands at its beginning` },
    { kind: 'fault', text: `c1 is out for ${outageMs} ms` },
    ...departures.map(({ key, gapMs }, index): PlanOperation => {
      now += gapMs;
      return { kind: 'operation', text: `at ${now} ms: p1 sends departure v${index} of airport ${key}` };
    }),
    {
      kind: 'operation',
      text: `c1 is back and takes ${workMs} ms for a departure; p1 goes on sending until c1 has one`,
    },
    ...faults.map(({ at, durationMs }): PlanOperation => {
      const step = 'step' in at ? at.step : 0;
      return { kind: 'fault', text: `at step ${step} of c1: it is killed and comes back after ${durationMs ?? 0} ms` };
    }),
  ];
}

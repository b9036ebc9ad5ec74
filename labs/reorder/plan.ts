/**
 * Plans of this lab: departures that are sent without waiting for the one before, and faults of the link between two sends.
 *
 * Plain data. `gapMs` is how long the application takes until it sends the next one: with no gap at all both leave in one batch, and a batch is never torn apart.
 */
import type { PlanOperation } from '@mqlab/reports/run-data.ts';
import fc from 'fast-check';
import { type PlannedRecord, recordsArbitrary } from '../kit/plan.ts';

export const LINK_FAULTS = ['break-link', 'drop-response', 'lose-answers', 'kill-broker', 'kill-leader'] as const;
export type LinkFaultKind = (typeof LINK_FAULTS)[number];

export interface LinkFault {
  readonly kind: LinkFaultKind;
  /** It begins before this send. */
  readonly step: number;
  /** How long requests go nowhere until the connection is known to be broken. Not of `drop-response`. */
  readonly deadMs: number;
}

export interface ReorderPlan {
  readonly records: readonly PlannedRecord[];
  readonly gapMs: number;
  readonly faults: readonly LinkFault[];
}

export interface PlanLimits {
  readonly kinds: readonly LinkFaultKind[];
  readonly recordsMin: number;
  readonly recordsMax: number;
  readonly faultsMax: number;
  readonly gapMsMax?: number;
  /** Faults begin before the first record. */
  readonly atStart?: boolean;
}

const KEYS_MAX = 2;
const GAP_MS_MAX = 4;
const DEAD_MS_MAX = 20;

export function planArbitrary(limits: PlanLimits): fc.Arbitrary<ReorderPlan> {
  const { kinds, recordsMin, recordsMax, faultsMax, gapMsMax = GAP_MS_MAX, atStart = false } = limits;
  const fault = fc.record({
    kind: fc.constantFrom(...kinds),
    step: fc.nat(atStart ? 0 : recordsMax - 1),
    deadMs: fc.integer({ min: 3, max: DEAD_MS_MAX }),
  });
  return fc
    .record({
      records: recordsArbitrary(recordsMax, KEYS_MAX, recordsMin),
      gapMs: fc.integer({ min: 1, max: gapMsMax }),
      faults: fc.array(fault, { minLength: 1, maxLength: faultsMax }),
    })
    .map(({ records, gapMs, faults }) => ({
      records,
      gapMs,
      // Before a record that there is, in their order.
      faults: faults
        .map((one) => ({ ...one, step: one.step % records.length }))
        .toSorted((one, other) => one.step - other.step),
    }));
}

export function describePlan({ records, gapMs, faults }: ReorderPlan): readonly PlanOperation[] {
  return [
    ...records.map(
      ({ key }, at): PlanOperation => ({
        kind: 'operation',
        text: `p1 sends departure v${at} of airport ${key}${at === 0 ? '' : `, ${gapMs} ms after the one before`}`,
      }),
    ),
    ...faults.map((fault): PlanOperation => ({ kind: 'fault', text: `before v${fault.step}: ${textOf(fault)}` })),
  ];
}

function textOf({ kind, deadMs }: LinkFault): string {
  switch (kind) {
    case 'break-link':
      return `the link carries nothing for ${deadMs} ms, then its connections break`;
    case 'drop-response':
      return 'the next answer is lost, and the connection with it';
    case 'lose-answers':
      return `requests arrive, answers do not for ${deadMs} ms, then the connections break`;
    case 'kill-broker':
      return `the link carries nothing for ${deadMs} ms, then the broker is killed and started again`;
    case 'kill-leader':
      return `the link carries nothing for ${deadMs} ms, then the leader is killed; it comes back when another one leads`;
  }
}

/**
 * Plans of this lab: records of a few keys with the work that each takes, how the application is set up, and faults.
 *
 * Work is counted in units; how long a unit lasts is the target's affair. A fault fires when the application has made so many effects and commits
 * (steps), so that a plan says the same in virtual and in real time. Shrinks to fewer records of one key, fewer workers, shorter work.
 */
import type { PlanOperation } from '@mqlab/reports/run-data.ts';
import fc from 'fast-check';
import type { InputRecord } from '../kit/input.ts';
import { type Fault, type FaultKind, faultsArbitrary } from '../kit/plan.ts';

export interface WorkRecord {
  /** Number of the key among the plan's keys. */
  readonly key: number;
  /** Units of work that processing takes. */
  readonly units: number;
}

export interface OrderingPlan {
  readonly records: readonly WorkRecord[];
  readonly workers: number;
  /** Bound of each queue. */
  readonly queueRecordsMax: number;
  readonly pollRecordsMax: number;
  readonly faults: readonly Fault[];
}

export interface PlanLimits {
  readonly faultKinds: readonly FaultKind[];
  readonly faultsMin?: number;
  readonly faultsMax?: number;
}

export const RECORDS_MAX = 8;
const KEYS_MAX = 3;
const UNITS_MAX = 6;
/** Long enough for the session to end. */
const PAUSE_MS_MAX = 900;

export function planArbitrary({ faultKinds, faultsMin = 1, faultsMax = 2 }: PlanLimits): fc.Arbitrary<OrderingPlan> {
  const faults: fc.Arbitrary<readonly Fault[]> =
    faultKinds.length === 0
      ? fc.constant([])
      : faultsArbitrary({
          kinds: faultKinds,
          apps: ['c1'],
          stepMax: RECORDS_MAX,
          countMin: faultsMin,
          countMax: faultsMax,
          ...(faultKinds.includes('pause-app') ? { durationMsMax: PAUSE_MS_MAX } : {}),
        });
  return fc.record({
    records: fc.array(fc.record({ key: fc.nat(KEYS_MAX - 1), units: fc.integer({ min: 1, max: UNITS_MAX }) }), {
      minLength: 1,
      maxLength: RECORDS_MAX,
    }),
    workers: fc.integer({ min: 2, max: 4 }),
    queueRecordsMax: fc.integer({ min: 1, max: 3 }),
    pollRecordsMax: fc.integer({ min: 1, max: RECORDS_MAX }),
    faults,
  });
}

const FAULT_WORDS: Partial<Readonly<Record<FaultKind, string>>> = {
  'crash-app': 'c1 is killed and started again',
  'pause-app': 'c1 stands still',
  rebalance: 'c2 joins the group, or leaves it',
};

export function describePlan(plan: OrderingPlan): PlanOperation[] {
  return [
    ...plan.records.map(({ key, units }, at): PlanOperation => {
      return { kind: 'operation', text: `p1 sends v${at} with key k${key}: ${units} units of work` };
    }),
    {
      kind: 'operation',
      text: `c1 consumes with ${plan.workers} workers, queues of ${plan.queueRecordsMax}, ${plan.pollRecordsMax} records a poll`,
    },
    ...plan.faults.map(({ kind, at, durationMs }): PlanOperation => {
      const when = 'step' in at ? `after ${at.step + 1} effects and commits` : `at ${at.ms} ms`;
      return {
        kind: 'fault',
        text: `${when}: ${FAULT_WORDS[kind] ?? kind}${kind === 'pause-app' ? ` for ${durationMs} ms` : ''}`,
      };
    }),
  ];
}

export interface Outgoing {
  readonly key: string;
  readonly value: string;
}

/** The records to send: real ones, each value made unique by its number. Key k0 is the input's first key, k1 the second that differs… */
export function outgoingOf(plan: OrderingPlan, input: readonly InputRecord[]): Outgoing[] {
  const byKey = new Map<string, InputRecord[]>();
  for (const record of input) {
    const known = byKey.get(record.key);
    if (known !== undefined) known.push(record);
    else if (byKey.size < KEYS_MAX) byKey.set(record.key, [record]);
    if (byKey.size === KEYS_MAX && [...byKey.values()].every((records) => records.length >= RECORDS_MAX)) break;
  }
  const keys = [...byKey.keys()];
  const taken = new Map<string, number>();
  return plan.records.map(({ key }, at) => {
    const name = keys[key % keys.length]!;
    const of = byKey.get(name)!;
    const next = taken.get(name) ?? 0;
    taken.set(name, next + 1);
    return { key: name, value: `v${at} ${briefly(of[next % of.length]!)}` };
  });
}

const BRIEF_CHARACTERS_MAX = 48;

function briefly(record: InputRecord): string {
  const fields = JSON.parse(record.value) as Record<string, unknown>;
  const { origin, destination, delay } = fields;
  if (typeof origin === 'string' && typeof destination === 'string')
    return `${origin}→${destination} ${delay} min late`;
  return record.value.slice(0, BRIEF_CHARACTERS_MAX);
}

/** The number of a value's record in its plan. */
export function recordNumber(value: string): number {
  const number = /^v(\d+) /.exec(value)?.[1];
  if (number === undefined) throw new Error(`a value that no plan made: ${value}`);
  return Number(number);
}

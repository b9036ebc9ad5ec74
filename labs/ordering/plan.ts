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
import { smallerPlans } from '../kit/smaller-plans.ts';
import { laneByHash } from './app/keyed-queues.ts';

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
  /** Every plan begins with a slow record and a quick one of another key, and its fault fires when the quick one is done. */
  readonly hasHole?: boolean;
}

export const RECORDS_MAX = 8;
const KEYS_MAX = 3;
/** A quick record and a slow one. */
const UNITS = [1, 8] as const;
const WORKERS = [2, 3, 4] as const;
const POLL_RECORDS_MAX = RECORDS_MAX;
const QUEUE_RECORDS_MAX = 3;
/** Long enough for the session to end. */
const PAUSE_MS_MAX = 900;

export function planArbitrary({
  faultKinds,
  faultsMin = 1,
  faultsMax = 2,
  hasHole = false,
}: PlanLimits): fc.Arbitrary<OrderingPlan> {
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
  const plan = fc.record({
    records: fc.array(fc.record({ key: fc.nat(KEYS_MAX - 1), units: fc.constantFrom(...UNITS) }), {
      minLength: 1,
      maxLength: RECORDS_MAX,
    }),
    workers: fc.constantFrom(...WORKERS),
    // Shrink to what limits least.
    queueRecordsMax: fc.nat(QUEUE_RECORDS_MAX - 1).map((less) => QUEUE_RECORDS_MAX - less),
    pollRecordsMax: fc.nat(POLL_RECORDS_MAX - 1).map((less) => POLL_RECORDS_MAX - less),
    faults,
  });
  if (!hasHole) return plan;
  return plan.map((made) => ({
    ...made,
    records: [{ key: 0, units: UNITS[1] }, { key: 1, units: UNITS[0] }, ...made.records.slice(0, RECORDS_MAX / 2)],
    pollRecordsMax: POLL_RECORDS_MAX,
    faults: made.faults.slice(0, 1).map((fault) => ({ ...fault, at: { step: 0 } })),
  }));
}

/**
 * Every plan with one or two records and one fault of a kind that the plan has, where it is smaller than the plan: the last part of shrinking looks at all of
 * them, because a shorter counterexample may need a slower record than the longer one has.
 */
export function* smallPlans(plan: OrderingPlan): Generator<OrderingPlan> {
  const kinds = [...new Map(plan.faults.map((fault) => [fault.kind, fault])).values()];
  for (let count = 1; count <= 2 && count < plan.records.length + Math.max(0, plan.faults.length - 1); count++) {
    const choices =
      count === 1
        ? [[0]]
        : [
            [0, 0],
            [0, 1],
          ];
    for (const keys of choices) {
      for (let bits = 0; bits < 1 << count; bits++) {
        const records = keys.map((key, at) => ({ key, units: UNITS[(bits >> at) & 1]! }));
        const base = { ...plan, records, workers: 2, queueRecordsMax: QUEUE_RECORDS_MAX, pollRecordsMax: RECORDS_MAX };
        if (kinds.length === 0) yield base;
        for (const fault of kinds) {
          for (let step = 0; step < 2 * count; step++) yield { ...base, faults: [{ ...fault, at: { step } }] };
        }
      }
    }
  }
}

export function* smallerOrderingPlans(plan: OrderingPlan): Generator<unknown> {
  yield* smallPlans(plan);
  yield* smallerPlans(plan);
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

/** k0 is the input's first key; k1 goes to another queue than k0 however many there are, so that two records reach two queues; then come the others. */
function chooseKeys(candidates: readonly string[]): string[] {
  const first = candidates[0]!;
  const isApart = (key: string): boolean =>
    WORKERS.every((workers) => laneByHash(key, workers) !== laneByHash(first, workers));
  const second = candidates.find(isApart);
  return [
    first,
    ...(second === undefined ? [] : [second]),
    ...candidates.slice(1).filter((key) => key !== second),
  ].slice(0, KEYS_MAX);
}

export interface Outgoing {
  readonly key: string;
  readonly value: string;
}

/** Keys of the input among which the plan's are chosen. */
const CANDIDATES_MAX = 16;

interface Chosen {
  readonly key: string;
  readonly records: readonly InputRecord[];
}

/** Looking through the input once is enough for all plans. */
const chosenOf = new WeakMap<readonly InputRecord[], readonly Chosen[]>();

function choose(input: readonly InputRecord[]): readonly Chosen[] {
  const known = chosenOf.get(input);
  if (known !== undefined) return known;
  const byKey = new Map<string, InputRecord[]>();
  for (const record of input) {
    const records = byKey.get(record.key);
    if (records === undefined) {
      if (byKey.size < CANDIDATES_MAX) byKey.set(record.key, [record]);
    } else if (records.length < RECORDS_MAX) records.push(record);
  }
  const chosen = chooseKeys([...byKey.keys()]).map((key): Chosen => ({ key, records: byKey.get(key)! }));
  chosenOf.set(input, chosen);
  return chosen;
}

/** The records to send: real ones, each value made unique by its number. */
export function outgoingOf(plan: OrderingPlan, input: readonly InputRecord[]): Outgoing[] {
  const chosen = choose(input);
  const taken = new Map<string, number>();
  return plan.records.map(({ key }, at) => {
    const { key: name, records } = chosen[key % chosen.length]!;
    const next = taken.get(name) ?? 0;
    taken.set(name, next + 1);
    return { key: name, value: `v${at} ${briefly(records[next % records.length]!)}` };
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

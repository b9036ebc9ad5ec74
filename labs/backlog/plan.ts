/**
 * A plan of the lab: the records that make the backlog, those that arrive after the old layout is back, and which process is killed when.
 *
 * Invariant: plain data. Each record says how long its work takes: real work is never equally long, and that is what turns a spread key into disorder.
 */
import type { PlanOperation } from '@mqlab/reports/run-data.ts';
import fc from 'fast-check';
import type { InputRecord } from '../kit/input.ts';
import { describeFault, type Fault, faultsArbitrary } from '../kit/plan.ts';

export interface BacklogRecord {
  /** Number of the key among the plan's keys. */
  readonly key: number;
  /** How long its work takes, in units (`WORK_UNIT_MS`). */
  readonly work: number;
}

export interface BacklogPlan {
  readonly backlog: readonly BacklogRecord[];
  readonly late: readonly BacklogRecord[];
  readonly faults: readonly Fault[];
}

export interface PlanLimits {
  readonly backlogMin: number;
  readonly backlogMax: number;
  readonly lateMin: number;
  readonly lateMax: number;
  readonly keysMax: number;
  /** Units of work of a record. */
  readonly workMax: number;
  /** Processes that may be killed. */
  readonly killed: readonly string[];
  readonly killsMin: number;
  readonly killsMax: number;
}

const STEP_MAX = 8;

export function backlogPlan(limits: PlanLimits): fc.Arbitrary<BacklogPlan> {
  const record = fc.record({ key: fc.nat(limits.keysMax - 1), work: fc.nat(limits.workMax) });
  return fc.record({
    backlog: fc.array(record, { minLength: limits.backlogMin, maxLength: limits.backlogMax }),
    late: fc.array(record, { minLength: limits.lateMin, maxLength: limits.lateMax }),
    faults:
      limits.killsMax === 0
        ? fc.constant([])
        : faultsArbitrary({
            kinds: ['crash-app'],
            apps: limits.killed,
            stepMax: STEP_MAX,
            countMin: limits.killsMin,
            countMax: limits.killsMax,
          }),
  });
}

export function describePlan({ backlog, late, faults }: BacklogPlan): PlanOperation[] {
  const line = (when: string) => (record: BacklogRecord, at: number) =>
    ({
      kind: 'operation',
      text: `${when} ${at}: key k${record.key}, ${record.work} units of work`,
    }) as const;
  return [
    ...backlog.map(line('backlog record')),
    ...late.map(line('record after the return')),
    ...faults.map(describeFault),
  ];
}

export interface Flight {
  readonly key: string;
  readonly value: string;
  readonly work: number;
}

/** The plan's records with real keys and short unique values: `f0 SAT-DFW`. */
export function flightsOf(
  records: readonly BacklogRecord[],
  input: readonly InputRecord[],
  numberedFrom: number,
): Flight[] {
  const keys = flightsByKey(input);
  return records.map(({ key, work }, at) => {
    const number = numberedFrom + at;
    const [name, values] = keys[key % keys.length]!;
    const value = values[number % values.length]!;
    const to = /"destination":"([^"]{1,12})"/.exec(value)?.[1];
    return { key: name, value: `f${number} ${to === undefined ? value.slice(0, 24) : `${name}-${to}`}`, work };
  });
}

type KeyValues = readonly [key: string, values: readonly string[]];
const known = new WeakMap<readonly InputRecord[], readonly KeyValues[]>();
/** Enough for a plan's few keys. */
const INPUT_USED = 400;

function flightsByKey(input: readonly InputRecord[]): readonly KeyValues[] {
  let keys = known.get(input);
  if (keys === undefined) {
    const byKey = Map.groupBy(input.slice(0, INPUT_USED), ({ key }) => key);
    keys = [...byKey].map(([key, records]) => [key, records.map(({ value }) => value)]);
    known.set(input, keys);
  }
  return keys;
}

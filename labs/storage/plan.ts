/** Plans of this lab: writes to a topic of one partition, with the time between them, and when it is read. Plain data. */
import type { PlanOperation } from '@mqlab/reports/run-data.ts';
import fc from 'fast-check';

export interface PlannedWrite {
  readonly key: number;
  /** A record without a value. */
  readonly isDelete: boolean;
  /** Since the one before it. */
  readonly gapMs: number;
}

export interface StoragePlan {
  readonly writes: readonly PlannedWrite[];
  /** From the last write to the reading. */
  readonly waitMs: number;
}

export interface PlanLimits {
  readonly writesMax: number;
  readonly deletes?: boolean;
  readonly gapMsMax: number;
  readonly waitMs: { readonly min: number; readonly max: number };
}

export function planArbitrary({ writesMax, deletes = false, gapMsMax, waitMs }: PlanLimits): fc.Arbitrary<StoragePlan> {
  const isDelete = deletes ? fc.constantFrom(false, false, true) : fc.constant(false);
  return fc.record({
    writes: fc.array(fc.record({ key: fc.nat(1), isDelete, gapMs: fc.nat(gapMsMax) }), {
      minLength: 1,
      maxLength: writesMax,
    }),
    waitMs: fc.integer(waitMs),
  });
}

export function describePlan({ writes, waitMs }: StoragePlan): PlanOperation[] {
  let now = 0;
  return [
    ...writes.map(({ key, isDelete, gapMs }, at): PlanOperation => {
      now += gapMs;
      const what = isDelete ? `deletes airport ${key}` : `sets airport ${key} to v${at}`;
      return { kind: 'operation', text: `at ${now} ms: p1 ${what}` };
    }),
    { kind: 'operation', text: `${waitMs} ms later: c1 reads the topic from its beginning` },
  ];
}

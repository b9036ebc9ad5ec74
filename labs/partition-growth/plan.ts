/**
 * Plans of this lab: departures with the time that their work takes, how many partitions there are and become, and who sends what.
 *
 * Plain data. Each send is awaited before the next one, so the order of sending is beyond doubt.
 */
import type { PlanOperation } from '@mqlab/reports/run-data.ts';
import fc from 'fast-check';

export interface GrowthRecord {
  /** Number of the key among the plan's keys. */
  readonly key: number;
  /** How long its work takes, in units. */
  readonly work: number;
}

export interface GrowthPlan {
  readonly partitions: number;
  readonly added: number;
  readonly before: readonly GrowthRecord[];
  readonly after: readonly GrowthRecord[];
}

export interface HashPlan {
  readonly partitions: number;
  readonly records: readonly (GrowthRecord & { readonly producer: number })[];
}

export interface NewcomerPlan {
  readonly before: readonly { readonly key: number }[];
  readonly added: number;
  readonly after: readonly { readonly key: number; readonly gapMs: number }[];
}

const KEYS_MAX = 6;
/** Fewer, so that both send the same. */
const HASH_KEYS_MAX = 3;
const WORK_MAX = 4;
const record = { key: fc.nat(KEYS_MAX - 1), work: fc.nat(WORK_MAX) };

export const growthPlan: fc.Arbitrary<GrowthPlan> = fc.record({
  partitions: fc.integer({ min: 1, max: 3 }),
  added: fc.integer({ min: 1, max: 2 }),
  before: fc.array(fc.record(record), { minLength: 1, maxLength: 6 }),
  after: fc.array(fc.record(record), { minLength: 1, maxLength: 4 }),
});

/** The two send in turn. */
export const hashPlan: fc.Arbitrary<HashPlan> = fc
  .record({
    partitions: fc.integer({ min: 2, max: 6 }),
    records: fc.array(fc.record({ key: fc.nat(HASH_KEYS_MAX - 1), work: record.work }), { minLength: 1, maxLength: 8 }),
  })
  .map(({ partitions, records }) => ({
    partitions,
    records: records.map((one, at) => ({ ...one, producer: at % 2 })),
  }));

/** Two real clients on one topic: every key from both, the first with more work. */
export const clientsPlan: fc.Arbitrary<HashPlan> = fc.constant({
  partitions: 3,
  records: Array.from({ length: HASH_KEYS_MAX }, (_, key) => [
    { key, work: 1, producer: 0 },
    { key, work: 0, producer: 1 },
  ]).flat(),
});

export function newcomerPlan(gapMsMax: number): fc.Arbitrary<NewcomerPlan> {
  const key = fc.nat(KEYS_MAX - 1);
  return fc.record({
    before: fc.array(fc.record({ key }), { minLength: 1, maxLength: 2 }),
    added: fc.integer({ min: 1, max: 2 }),
    after: fc.array(fc.record({ key, gapMs: fc.nat(gapMsMax) }), { minLength: 1, maxLength: 5 }),
  });
}

const operation = (text: string): PlanOperation => ({ kind: 'operation', text });
const fault = (text: string): PlanOperation => ({ kind: 'fault', text });

export function describeGrowth({ partitions, added, before, after }: GrowthPlan): readonly PlanOperation[] {
  const line = (from: number) => (one: GrowthRecord, at: number) =>
    operation(`p1 sends departure v${from + at} of airport ${one.key}, ${one.work} units of work`);
  return [
    ...before.map(line(0)),
    ...after.map(line(before.length)),
    fault(`after v${before.length - 1}: the topic grows from ${partitions} to ${partitions + added} partitions`),
  ];
}

export function describeHashes({ partitions, records }: HashPlan): readonly PlanOperation[] {
  return [
    ...records.map(({ key, work, producer }, at) =>
      operation(`p${producer + 1} sends departure v${at} of airport ${key}, ${work} units of work`),
    ),
    fault(`p1 and p2 hash differently; the topic has ${partitions} partitions`),
  ];
}

export function describeNewcomers({ before, added, after }: NewcomerPlan): readonly PlanOperation[] {
  return [
    ...before.map(({ key }, at) => operation(`p1 sends departure v${at} of airport ${key}`)),
    ...after.map(({ key, gapMs }, at) =>
      operation(`${gapMs} ms later p1 sends departure v${before.length + at} of airport ${key}`),
    ),
    fault(`after v${before.length - 1}: the topic grows from 1 to ${1 + added} partitions`),
  ];
}

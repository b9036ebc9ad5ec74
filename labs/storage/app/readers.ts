/** Two ways to read a topic of latest values, and what each believes of it. */
import type { ConsumerRecord } from '@mqlab/core/client/consumer/fetched-partition.ts';

export type Change = ConsumerRecord<string, string>;

/** A log: every change that was ever made is in it, so they can be counted. */
// #excerpt as-log
export function changesOf(records: readonly Change[]): Map<string, number> {
  const changes = new Map<string, number>();
  for (const { key } of records) {
    if (key !== null) changes.set(key, (changes.get(key) ?? 0) + 1);
  }
  return changes;
}
// #end

/** A table: the last value of each key; a record without a value deletes its key. */
// #excerpt as-table
export function tableOf(records: readonly Change[]): Map<string, string> {
  const table = new Map<string, string>();
  for (const { key, value } of records) {
    if (key === null) continue;
    if (value === null) table.delete(key);
    else table.set(key, value);
  }
  return table;
}
// #end

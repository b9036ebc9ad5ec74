/**
 * What a reader may rely on: every change is there; the last value of each key is there; nothing is there that is older than retention and its delays; nothing is deleted before its time.
 *
 * A history's final read is the reader's. A record without a value stands in it under the name of its write.
 */
import type { Check } from '../kit/checkers/check.ts';
import { oneCheck } from '../kit/checkers/check.ts';
import { type HistoryIndex, isAcknowledged, type SendCall } from '../kit/checkers/index-history.ts';
import type { FinalReadData } from '../kit/history.ts';

export const DELETED = ' (deleted)';

interface Read {
  readonly data: FinalReadData;
  readonly operation: number;
  readonly time: number;
}

function readOf({ calls, history }: HistoryIndex): Read | null {
  const call = calls.find(({ data }) => data.type === 'final-read');
  if (call?.data.type !== 'final-read') return null;
  return { data: call.data, operation: call.start, time: history.operations[call.start]!.time };
}

function acknowledged(index: HistoryIndex): SendCall[] {
  return index.sends.filter((send) => isAcknowledged(index, send));
}

/** What a full log promises, and a compacted one does not. */
export const everyChange: Check = oneCheck('EFFECT-LOSS', (index, findings) => {
  const read = readOf(index);
  if (read === null) return;
  const seen = new Set(read.data.records.map(({ value }) => value));
  for (const send of acknowledged(index)) {
    const { value, key } = send.data;
    if (seen.has(value)) continue;
    findings.add(
      { operations: [send.start, send.end!, read.operation], values: [value] },
      () =>
        `${value} of ${key} was written, and a reader from the beginning does not see it: a count of changes is wrong.`,
    );
  }
});

/** What a compacted log promises: the last write of each key is in it, in the order of writes, or the key was deleted. */
export const lastValues: Check = oneCheck('LOST-WRITE', (index, findings) => {
  const read = readOf(index);
  if (read === null) return;
  const last = new Map<string, SendCall>();
  for (const send of acknowledged(index)) {
    const before = last.get(send.data.key ?? '');
    if (before === undefined || (before.data.offset ?? -1) < (send.data.offset ?? -1))
      last.set(send.data.key ?? '', send);
  }
  const table = new Map<string, string>();
  for (const { key, value } of read.data.records) {
    if (value.endsWith(DELETED)) table.delete(key ?? '');
    else table.set(key ?? '', value);
  }
  for (const [key, send] of last) {
    const { value } = send.data;
    const expected = value.endsWith(DELETED) ? undefined : value;
    const found = table.get(key);
    if (found === expected) continue;
    findings.add(
      { operations: [send.start, send.end!, read.operation], values: [value] },
      () => `The last write of ${key} was ${value}; a reader from the beginning ends with ${found ?? 'nothing'}.`,
    );
  }
});

/** What retention.ms is taken for: a record older than it is gone. `slackMs`: how much later at most. */
export function goneAfter(retentionMs: number, slackMs: number): Check {
  return oneCheck('CONSERVATION', (index, findings) => {
    const read = readOf(index);
    if (read === null) return;
    const seen = new Set(read.data.records.map(({ value }) => value));
    for (const send of acknowledged(index)) {
      const { value } = send.data;
      const ageMs = read.time - index.history.operations[send.end!]!.time;
      if (!seen.has(value) || ageMs <= retentionMs + slackMs) continue;
      findings.add(
        { operations: [send.start, send.end!, read.operation], values: [value] },
        () => `${value} is ${Math.round(ageMs)} ms old and still there; it was to be kept for ${retentionMs} ms.`,
      );
    }
  });
}

/** What retention.ms does promise: nothing younger is deleted. */
export function keptFor(retentionMs: number): Check {
  return oneCheck('LOST-BY-POLICY', (index, findings) => {
    const read = readOf(index);
    if (read === null) return;
    const seen = new Set(read.data.records.map(({ value }) => value));
    for (const send of acknowledged(index)) {
      const { value } = send.data;
      const ageMs = read.time - index.history.operations[send.start]!.time;
      if (seen.has(value) || ageMs >= retentionMs) continue;
      findings.add(
        { operations: [send.start, send.end!, read.operation], values: [value] },
        () => `${value} is ${Math.round(ageMs)} ms old and gone; it was to be kept for ${retentionMs} ms.`,
      );
    }
  });
}

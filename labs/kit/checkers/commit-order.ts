/**
 * COMMIT-SAFE: committing offset o says that everything visible below o has had its effect by then.
 * COMMIT-MONOTONIC: a group's commits in a partition never go back without a seek.
 *
 * A commit counts from its invocation (the request may have been applied at once), an effect from its end; an effect of unknown outcome
 * may be there. Commits that overlap in time have no order, so only one that ended before the other began can be gone back behind.
 * One cursor a group and partition: linear.
 */
import { partitionName } from '../history.ts';
import { type Check, familyCheck } from './check.ts';
import { deadLetters } from './effect-count.ts';
import { countEffects } from './effects.ts';
import { countBelow, isVisible, placeText } from './index-history.ts';

export interface CommitOptions {
  /** Where groups begin. `beginning`: everything from the log's start is theirs (default). `first-poll`: from the first offset that was polled. */
  readonly from?: 'beginning' | 'first-poll';
}

interface Cursor {
  /** Into the partition's offsets: everything before has its effect. */
  at: number;
  /** The highest commit that ended, and its operation. */
  highest: number;
  highestOperation: number;
  sought: number;
}

export function commitOrder(options: CommitOptions = {}): Check {
  return familyCheck(['COMMIT-SAFE', 'COMMIT-MONOTONIC'], (index, findings) => {
    const effects = countEffects(index);
    const dead = deadLetters(index);
    const firstPolled = new Map<string, number>();
    const cursors = new Map<string, Cursor>();
    const partitionCursors = new Map<string, Cursor[]>();
    const events: {
      readonly at: number;
      readonly kind: 'begin' | 'end';
      readonly call: (typeof index.calls)[number];
    }[] = [];
    for (const call of index.calls) {
      const { data } = call;
      if (data.type === 'commit' && call.outcome !== 'fail') {
        events.push({ at: call.start, kind: 'begin', call });
        if (call.outcome === 'ok') events.push({ at: call.end!, kind: 'end', call });
      } else if (data.type === 'seek') events.push({ at: call.start, kind: 'begin', call });
      else if (data.type === 'poll' && options.from === 'first-poll') {
        for (const record of data.records) {
          const name = partitionName(record.topic, record.partition);
          if (!firstPolled.has(name)) firstPolled.set(name, record.offset);
        }
      }
    }
    events.sort((a, b) => a.at - b.at || (a.kind === b.kind ? 0 : a.kind === 'begin' ? -1 : 1));

    for (const { kind, call } of events) {
      const { data } = call;
      if (data.type === 'seek') {
        for (const cursor of partitionCursors.get(partitionName(data.topic, data.partition)) ?? []) cursor.highest = -1;
        continue;
      }
      if (data.type !== 'commit') continue;
      const name = partitionName(data.topic, data.partition);
      const id = `${data.group}\u0000${name}`;
      let cursor = cursors.get(id);
      if (cursor === undefined) {
        cursor = { at: 0, highest: -1, highestOperation: -1, sought: -1 };
        cursors.set(id, cursor);
        const known = partitionCursors.get(name);
        if (known === undefined) partitionCursors.set(name, [cursor]);
        else known.push(cursor);
      }
      if (kind === 'end') {
        if (data.offset > cursor.highest) {
          cursor.highest = data.offset;
          cursor.highestOperation = call.end!;
        }
        continue;
      }
      if (call.outcome === 'ok' && data.offset < cursor.highest) {
        const highest = cursor.highest;
        findings['COMMIT-MONOTONIC'].add(
          {
            operations: [cursor.highestOperation, call.start, call.end!],
            places: [
              { topic: data.topic, partition: data.partition, offset: highest },
              { topic: data.topic, partition: data.partition, offset: data.offset },
            ],
          },
          () => `${call.process} committed ${data.offset} in ${name} after ${highest} had been committed.`,
        );
      }
      const log = index.partitions.get(name);
      if (log === undefined) continue;
      const begin = Math.max(log.logStartOffset, options.from === 'first-poll' ? (firstPolled.get(name) ?? 0) : 0);
      if (cursor.at === 0) cursor.at = countBelow(log.offsets, begin);
      while (cursor.at < log.offsets.length && log.offsets[cursor.at]! < data.offset) {
        const offset = log.offsets[cursor.at]!;
        const missing = log.at.get(offset)!.find(({ value }) => {
          if (dead.has(value) || !isVisible(index, value)) return false;
          const count = effects.get(value);
          const done = count?.first !== null && count?.first !== undefined && count.first < call.start;
          const perhaps =
            count?.firstUnknown !== null && count?.firstUnknown !== undefined && count.firstUnknown < call.start;
          return !done && !perhaps;
        });
        if (missing !== undefined) {
          const place = { topic: data.topic, partition: data.partition, offset };
          const later = effects.get(missing.value)?.first;
          findings['COMMIT-SAFE'].add(
            {
              operations: [missing.firstSeen, call.start, ...(later === null || later === undefined ? [] : [later])],
              values: [missing.value],
              places: [place],
            },
            () =>
              `${call.process} committed ${data.offset} while ${missing.value} at ${placeText(place)} had had no effect.`,
          );
          break;
        }
        cursor.at++;
      }
    }
  });
}

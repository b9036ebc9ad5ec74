/**
 * POLL-SKIP and NONMONOTONIC-POLL: one consumer, two successive reads of a partition: the position jumps over visible records, or goes back.
 * INT-POLL-SKIP and INT-NONMONOTONIC-POLL: the same between two records of one poll.
 *
 * A seek starts afresh. Across a reassignment or a crash of the consumer the same is legal and shown as such. Offsets that
 * nobody ever saw hold no record (control records, gaps), records of transactions that did not commit are passed over, and what retention had deleted was not skipped.
 */
import { memberOf, partitionName } from '../history.ts';
import { familyCheck } from './check.ts';
import { countBelow, isVisible } from './index-history.ts';

interface Position {
  readonly offset: number;
  readonly operation: number;
  readonly value: string;
  reassigned: boolean;
}

const NAMES = ['POLL-SKIP', 'NONMONOTONIC-POLL', 'INT-POLL-SKIP', 'INT-NONMONOTONIC-POLL'] as const;

export const pollOrder = familyCheck(NAMES, (index, findings) => {
  const visible = new Map<string, number[]>();
  for (const [name, log] of index.partitions) {
    visible.set(
      name,
      log.offsets.filter((offset) => log.at.get(offset)!.some((sighting) => isVisible(index, sighting.value))),
    );
  }
  const positions = new Map<string, Map<string, Position>>();
  const logStarts = new Map<string, number>();

  for (const call of index.calls) {
    const { data } = call;
    const member = memberOf(call.process);
    const own = positions.get(member);
    switch (data.type) {
      case 'expire':
        logStarts.set(partitionName(data.topic, data.partition), data.logStartOffset);
        break;
      case 'seek':
        own?.delete(partitionName(data.topic, data.partition));
        break;
      case 'crash':
        for (const position of own?.values() ?? []) position.reassigned = true;
        break;
      case 'revoke':
        for (const at of data.partitions) {
          const position = own?.get(partitionName(at.topic, at.partition));
          if (position !== undefined) position.reassigned = true;
        }
        break;
      case 'poll': {
        if (call.outcome !== 'ok') break;
        const mine = own ?? new Map<string, Position>();
        if (own === undefined) positions.set(member, mine);
        const operation = call.end!;
        for (const record of data.records) {
          const name = partitionName(record.topic, record.partition);
          const last = mine.get(name);
          mine.set(name, { offset: record.offset, operation, value: record.value, reassigned: false });
          if (last === undefined) continue;
          const within = last.operation === operation;
          const parts = {
            operations: [last.operation, operation],
            values: [last.value, record.value],
            places: [
              { topic: record.topic, partition: record.partition, offset: last.offset },
              { topic: record.topic, partition: record.partition, offset: record.offset },
            ],
            legal: last.reassigned,
          };
          if (record.offset <= last.offset) {
            findings[within ? 'INT-NONMONOTONIC-POLL' : 'NONMONOTONIC-POLL'].add(
              parts,
              () => `${member} read ${name} at ${last.offset} and then at ${record.offset}.`,
            );
            continue;
          }
          const offsets = visible.get(name) ?? [];
          const from = Math.max(last.offset + 1, logStarts.get(name) ?? 0);
          const skipped = countBelow(offsets, record.offset) - countBelow(offsets, from);
          if (skipped > 0) {
            findings[within ? 'INT-POLL-SKIP' : 'POLL-SKIP'].add(
              parts,
              () =>
                `${member} read ${name} at ${last.offset} and then at ${record.offset}: ${skipped} between were passed over.`,
            );
          }
        }
        break;
      }
      default:
        break;
    }
  }
});

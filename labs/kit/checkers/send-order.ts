/**
 * NONMONOTONIC-SEND: one producer, two sends to a partition in the order in which they were asked for, and the later one has the lower offset.
 * SEND-SKIP: between the two stands a record of somebody else; Kafka does not isolate writers, so that is legal. INT-* are the same
 * within one transaction.
 *
 * Only acknowledged sends with a known offset count. A send that was asked for again (the same value) is an application's resend, not a reordering.
 */
import { partitionName } from '../history.ts';
import { familyCheck } from './check.ts';
import { countBelow, type SendCall } from './index-history.ts';

const NAMES = ['NONMONOTONIC-SEND', 'INT-NONMONOTONIC-SEND', 'SEND-SKIP', 'INT-SEND-SKIP'] as const;

export const sendOrder = familyCheck(NAMES, (index, findings) => {
  const last = new Map<string, SendCall>();
  for (const send of index.sends) {
    const { topic, partition, offset, value } = send.data;
    if (send.outcome !== 'ok' || partition === undefined || offset === undefined) continue;
    if (index.sendOf.get(value) !== send) continue;
    const name = partitionName(topic, partition);
    const lane = `${send.process} ${name}`;
    const before = last.get(lane);
    if (before === undefined) {
      last.set(lane, send);
      continue;
    }
    const beforeOffset = before.data.offset!;
    const within = before.data.transaction !== undefined && before.data.transaction === send.data.transaction;
    const parts = {
      operations: [before.start, before.end!, send.start, send.end!],
      values: [before.data.value, value],
      places: [
        { topic, partition, offset: beforeOffset },
        { topic, partition, offset },
      ],
    };
    if (offset < beforeOffset) {
      // The highest offset so far stays the mark: every later send below it is out of order with it.
      findings[within ? 'INT-NONMONOTONIC-SEND' : 'NONMONOTONIC-SEND'].add(
        parts,
        () =>
          `${send.process} sent ${before.data.value} before ${value}; in ${name} they stand at ${beforeOffset} and ${offset}.`,
      );
      continue;
    }
    last.set(lane, send);
    const offsets = index.partitions.get(name)!.offsets;
    const between = countBelow(offsets, offset) - countBelow(offsets, beforeOffset + 1);
    if (between > 0) {
      findings[within ? 'INT-SEND-SKIP' : 'SEND-SKIP'].add(
        { ...parts, legal: true },
        () =>
          `Between ${before.data.value} and ${value} of ${send.process} stand ${between} records of others in ${name}.`,
      );
    }
  }
});

/**
 * ABORTED-READ: a read returned a value that certainly was not written: its send failed, or a consumer of committed transactions saw a value of an aborted one, or
 * of one that nobody had asked to commit by then. What a consumer that reads uncommitted sees of an aborted one is the same, and legal: it asked for it.
 * TORN: of a committed transaction some values are in the log at the end and some are not.
 * PRECOMMITTED-READ: a transaction read what it had itself written and not yet committed.
 */
import { partitionName } from '../history.ts';
import { familyCheck } from './check.ts';
import { placeText, type SendCall } from './index-history.ts';

const NAMES = ['ABORTED-READ', 'TORN', 'PRECOMMITTED-READ'] as const;

export const transactionReads = familyCheck(NAMES, (index, findings) => {
  // Values that were sent again, and this time perhaps arrived, are left out.
  const mayHold = new Set<string>();
  for (const send of index.sends) if (send.outcome !== 'fail') mayHold.add(send.data.value);

  for (const call of index.calls) {
    const { data } = call;
    if (call.outcome !== 'ok' || (data.type !== 'poll' && data.type !== 'final-read')) continue;
    for (const record of data.records) {
      const send = index.sendOf.get(record.value);
      if (send === undefined) continue;
      const transaction = send.data.transaction;
      const parts = {
        operations: [send.start, ...(send.end === null ? [] : [send.end]), call.end!],
        values: [record.value],
        places: [{ topic: record.topic, partition: record.partition, offset: record.offset }],
      };
      if (transaction === undefined) {
        if (send.outcome !== 'fail' || mayHold.has(record.value)) continue;
        findings['ABORTED-READ'].add(parts, () => `${record.value} failed and was read at ${placeText(record)}.`);
        continue;
      }
      if (data.type === 'poll' && data.transaction === transaction) {
        findings['PRECOMMITTED-READ'].add(
          parts,
          () => `Transaction ${transaction} read its own ${record.value} before it committed.`,
        );
      } else if (index.transactions.get(transaction) === 'fail') {
        if (data.committedOnly === undefined) continue;
        findings['ABORTED-READ'].add(
          { ...parts, legal: !data.committedOnly },
          () => `${record.value} of the aborted transaction ${transaction} was read at ${placeText(record)}.`,
        );
      } else if (data.committedOnly === true) {
        const asked = index.commitAsked.get(transaction);
        if (asked !== undefined && asked < call.end!) continue;
        findings['ABORTED-READ'].add(
          parts,
          () => `${record.value} was read at ${placeText(record)} although nobody had asked to commit ${transaction}.`,
        );
      }
    }
  }

  const byTransaction = new Map<string, SendCall[]>();
  for (const send of index.sends) {
    const { transaction } = send.data;
    if (transaction === undefined || send.outcome !== 'ok' || index.transactions.get(transaction) !== 'ok') continue;
    const known = byTransaction.get(transaction);
    if (known === undefined) byTransaction.set(transaction, [send]);
    else known.push(send);
  }
  for (const [transaction, sends] of byTransaction) {
    const judged = sends.filter((send) => {
      const { topic, partition, offset } = send.data;
      if (partition === undefined) return false;
      const log = index.partitions.get(partitionName(topic, partition));
      return log?.finalRead !== null && log !== undefined && (offset === undefined || offset >= log.logStartOffset);
    });
    const missing = judged.filter((send) => !index.readOf.has(send.data.value));
    if (missing.length === 0 || missing.length === judged.length) continue;
    const first = missing[0]!;
    const there = judged.find((send) => index.readOf.has(send.data.value))!;
    findings.TORN.add(
      {
        operations: [first.start, there.start, index.readOf.get(there.data.value)!],
        values: [first.data.value, there.data.value],
      },
      () => `Transaction ${transaction} committed; ${there.data.value} was read and ${first.data.value} never.`,
    );
  }
});

/**
 * Read, process, write in a Kafka transaction: the result and the offset appear together or not at all. What is not a record is not in it.
 *
 * Any error ends the process: its successor has the same transactional.id, and `initTransactions` aborts what was left open.
 */
import { type Hands, must, nextOffsets, POLL_MS, RESULTS } from './hands.ts';

// #excerpt transaction
export async function transaction({ consumer, transactional }: Hands): Promise<never> {
  for (;;) {
    const records = await consumer.poll(POLL_MS);
    if (records.length === 0) continue;
    must(await transactional.begin());
    for (const { key, value } of records) must(await transactional.send({ topic: RESULTS, key, value }));
    must(await transactional.sendOffsets(nextOffsets(records), consumer));
    must(await transactional.commit());
  }
}
// #end

// #excerpt transaction-mail
export async function transactionWithMail({ consumer, transactional, mailbox }: Hands): Promise<never> {
  for (;;) {
    const records = await consumer.poll(POLL_MS);
    if (records.length === 0) continue;
    must(await transactional.begin());
    for (const record of records) {
      await mailbox.send(record);
      must(await transactional.send({ topic: RESULTS, key: record.key, value: record.value }));
    }
    must(await transactional.sendOffsets(nextOffsets(records), consumer));
    must(await transactional.commit());
  }
}
// #end

/** The result in a transaction, the offset committed after it: a transaction that does not cover both. */
// #excerpt transaction-apart
export async function transactionApart({ consumer, transactional }: Hands): Promise<never> {
  for (;;) {
    const records = await consumer.poll(POLL_MS);
    if (records.length === 0) continue;
    must(await transactional.begin());
    for (const { key, value } of records) must(await transactional.send({ topic: RESULTS, key, value }));
    must(await transactional.commit());
    must(await consumer.commit(nextOffsets(records)));
  }
}
// #end

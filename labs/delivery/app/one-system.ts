/**
 * The two ways that need nothing but a consumer: the offset first, or the effect first. Each is right for somebody: at most once, at least once.
 */
import { type Hands, must, nextOffsets, POLL_MS, RESULTS } from './hands.ts';

// #excerpt commit-first
export async function commitFirst({ consumer, mailbox }: Hands): Promise<never> {
  for (;;) {
    const records = await consumer.poll(POLL_MS);
    if (records.length > 0) must(await consumer.commit(nextOffsets(records)));
    for (const record of records) await mailbox.send(record);
  }
}
// #end

// #excerpt process-first
export async function processFirst({ consumer, mailbox }: Hands): Promise<never> {
  for (;;) {
    const records = await consumer.poll(POLL_MS);
    for (const record of records) await mailbox.send(record);
    if (records.length > 0) must(await consumer.commit(nextOffsets(records)));
  }
}
// #end

/** The effect is a record, written by an idempotent producer, and the offset is committed behind it: still two steps. */
// #excerpt copy
export async function copy({ consumer, producer }: Hands): Promise<never> {
  for (;;) {
    const records = await consumer.poll(POLL_MS);
    for (const { key, value } of records) must(await producer.send({ topic: RESULTS, key, value }));
    if (records.length > 0) must(await consumer.commit(nextOffsets(records)));
  }
}
// #end

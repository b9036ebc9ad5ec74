/**
 * AFTER. The dispatcher that keeps order and lets repeats be known.
 *
 * Invariant: a key goes to one partition of the temporary topic (the key's hash decides, over a fixed number of partitions), in the order of the source; each
 * record carries its source partition and offset; an offset is committed after every record below it was acknowledged by all in-sync replicas.
 * So a crash repeats records and never loses or overtakes any, and whoever consumes can tell a repeat. Idempotence covers the client's own retries within a session;
 * a restarted dispatcher is a new session, and there the headers must do it.
 */
import { type ConsumeSettings, consumerSettings, type Environment, offsetsAfter } from './environment.ts';
import { originHeaders } from './origin.ts';

export async function dispatchByKey(
  env: Environment,
  from: ConsumeSettings,
  to: { readonly topic: string },
): Promise<void> {
  const consumer = await env.client.consumer(consumerSettings(from));
  const producer = await env.client.producer({ acks: -1, idempotence: true });
  while (!env.isStopping) {
    const records = await consumer.poll(from.pollMs);
    if (records.length === 0) continue;
    await env.step();
    // #excerpt by-key
    const forwarded = records.map((record) =>
      producer.send({ topic: to.topic, key: record.key, value: record.value, headers: originHeaders(record) }),
    );
    await env.step();
    const answers = await Promise.all(forwarded);
    if (answers.some(({ outcome }) => outcome !== 'ok')) throw new Error('forwarding failed: stop before the commit');
    await env.step();
    await consumer.commit(offsetsAfter(records));
    // #end
    await env.step();
  }
  await producer.close();
  await consumer.close();
}

/**
 * BEFORE. A dispatcher that keeps keys together and is in a hurry: it commits what it polled and then forwards it, so that nothing is forwarded twice.
 *
 * Nothing is: what was committed and not yet forwarded when it dies is forwarded never. The backlog is shorter, the work is gone.
 */
import { type ConsumeSettings, consumerSettings, type Environment, offsetsAfter } from './environment.ts';
import { originHeaders } from './origin.ts';

export async function dispatchHastily(
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
    // #excerpt commit-first
    await consumer.commit(offsetsAfter(records));
    await env.step();
    for (const record of records) {
      const { key, value } = record;
      await producer.send({ topic: to.topic, key, value, headers: originHeaders(record) });
    }
    // #end
    await env.step();
  }
  await producer.close();
  await consumer.close();
}

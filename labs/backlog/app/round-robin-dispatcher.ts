/**
 * BEFORE. The dispatcher as it is usually told: it does no work, forwards each record to the next partition of the temporary topic in turn, and commits.
 *
 * What it gets right: it commits after the brokers have acknowledged, so nothing is lost. What it gets wrong: two records of one key go to two partitions and from
 * then on race; and a record that is forwarded again after a crash looks like any other.
 */
import { type ConsumeSettings, consumerSettings, type Environment, offsetsAfter } from './environment.ts';

export async function dispatchRoundRobin(
  env: Environment,
  from: ConsumeSettings,
  to: { readonly topic: string; readonly partitions: number },
): Promise<void> {
  const consumer = await env.client.consumer(consumerSettings(from));
  const producer = await env.client.producer({ acks: -1, idempotence: true });
  let turn = 0;
  while (!env.isStopping) {
    const records = await consumer.poll(from.pollMs);
    if (records.length === 0) continue;
    await env.step();
    // #excerpt round-robin
    const forwarded = records.map(({ key, value }) =>
      producer.send({ topic: to.topic, partition: turn++ % to.partitions, key, value }),
    );
    // #end
    await env.step();
    const answers = await Promise.all(forwarded);
    if (answers.some(({ outcome }) => outcome !== 'ok')) throw new Error('forwarding failed: stop before the commit');
    await env.step();
    await consumer.commit(offsetsAfter(records));
    await env.step();
  }
  await producer.close();
  await consumer.close();
}

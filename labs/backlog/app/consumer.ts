/**
 * The ordinary consumer: poll, work on each record, commit. The same code reads the source topic and the temporary one.
 *
 * Invariant: an offset is committed after everything below it was handed to `handle`: at least once. It works on one record at a time, so its capacity is
 * one over the time that a record takes, and a partition never goes faster than that.
 */
import type { PolledRecord } from '../../kit/drivers/driver.ts';
import { type ConsumeSettings, consumerSettings, type Environment, offsetsAfter } from './environment.ts';

export async function consume(
  env: Environment,
  settings: ConsumeSettings,
  handle: (record: PolledRecord) => Promise<void>,
): Promise<void> {
  const consumer = await env.client.consumer(consumerSettings(settings));
  while (!env.isStopping) {
    const records = await consumer.poll(settings.pollMs);
    for (const record of records) {
      await env.step();
      await handle(record);
    }
    if (records.length === 0) continue;
    await env.step();
    await consumer.commit(offsetsAfter(records));
  }
  await consumer.close();
}

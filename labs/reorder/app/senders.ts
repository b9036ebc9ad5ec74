/** The application under test: it sends the records as they come, and either waits for each answer or does not. */
import type { OutgoingRecord, ProducerDriver } from '../../kit/drivers/driver.ts';

export type Sender = (
  producer: Pick<ProducerDriver, 'send'>,
  records: AsyncIterable<OutgoingRecord>,
) => Promise<unknown>;

// #excerpt without-waiting
export const withoutWaiting: Sender = async (producer, records) => {
  const answers = [];
  for await (const record of records) answers.push(producer.send(record));
  return Promise.all(answers);
};
// #end

// #excerpt await-each
export const awaitEach: Sender = async (producer, records) => {
  for await (const record of records) await producer.send(record);
};
// #end

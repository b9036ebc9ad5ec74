/** Who reads the results: makes an effect for each notice. It is never struck by a fault; what it sees is what the writer's transactions let it see. */
import type { ConsumerDriver } from '../../kit/drivers/driver.ts';
import type { SeenRecord } from '../../kit/history.ts';
import { NOTICES, POLL_MS } from './read-process-write.ts';

// #excerpt downstream
export async function consumeResults(
  consumer: ConsumerDriver,
  effect: (notice: SeenRecord) => void,
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    for (const record of await consumer.poll(POLL_MS)) if (record.partition === NOTICES) effect(record);
  }
}
// #end

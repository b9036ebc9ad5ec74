/**
 * The consumer's loop with auto commit on, in the thread that polls: once as it should be, once with a way out in the middle of a batch.
 *
 * They differ in one line. `poll` and `close` take everything that the last `poll` returned for processed.
 */
import type { ConsumerDriver } from '../../kit/drivers/driver.ts';
import type { Pace, Shift } from './shift.ts';

// #excerpt finish-batch
export async function finishBatch(consumer: ConsumerDriver, shift: Shift, { pollMs }: Pace): Promise<void> {
  while (!shift.isEnding) {
    for (const record of await consumer.poll(pollMs)) await shift.work(record);
  }
  await consumer.close();
}
// #end

// #excerpt leave-mid-batch
export async function leaveMidBatch(consumer: ConsumerDriver, shift: Shift, { pollMs }: Pace): Promise<void> {
  while (!shift.isEnding) {
    for (const record of await consumer.poll(pollMs)) {
      if (shift.isEnding) break;
      await shift.work(record);
    }
  }
  await consumer.close();
}
// #end

/**
 * The two calls that commit, auto commit off: where each stands in the loop, and with or without offsets.
 *
 * Without offsets both commit the position: behind everything that the last `poll` returned, worked off or not.
 */
import type { Consumer } from '@mqlab/core/client/consumer/consumer.ts';
import type { SeenRecord } from '../../kit/history.ts';
import { behind, type Pace, type Shift } from './shift.ts';

/** The own client, its calls told to the history. */
export interface CommittingConsumer {
  poll(timeoutMs: number): Promise<readonly SeenRecord[]>;
  commitSync: Consumer['commitSync'];
  commitAsync: () => void;
  close(): Promise<void>;
}

// #excerpt commit-in-batch
export async function commitInBatch(consumer: CommittingConsumer, shift: Shift, { pollMs }: Pace): Promise<void> {
  while (!shift.isEnding) {
    for (const record of await consumer.poll(pollMs)) {
      await shift.work(record);
      await consumer.commitSync(); // meant: this record
    }
  }
  await consumer.close();
}
// #end

// #excerpt commit-each
export async function commitEach(consumer: CommittingConsumer, shift: Shift, { pollMs }: Pace): Promise<void> {
  while (!shift.isEnding) {
    for (const record of await consumer.poll(pollMs)) {
      await shift.work(record);
      await consumer.commitSync([behind(record)]);
    }
  }
  await consumer.close();
}
// #end

// #excerpt async-only
export async function asyncOnly(consumer: CommittingConsumer, shift: Shift, { pollMs }: Pace): Promise<void> {
  while (!shift.isEnding) {
    const records = await consumer.poll(pollMs);
    for (const record of records) await shift.work(record);
    if (records.length > 0) consumer.commitAsync();
  }
  await consumer.close();
}
// #end

// #excerpt async-then-sync
export async function asyncThenSync(consumer: CommittingConsumer, shift: Shift, { pollMs }: Pace): Promise<void> {
  while (!shift.isEnding) {
    const records = await consumer.poll(pollMs);
    for (const record of records) await shift.work(record);
    if (records.length > 0) consumer.commitAsync();
  }
  await consumer.commitSync();
  await consumer.close();
}
// #end

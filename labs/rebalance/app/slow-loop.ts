/**
 * The plain loop: poll, work the batch off, commit, poll again. Nothing is in hand while it polls, so nothing is left to do when partitions go.
 *
 * Its weakness: between two polls lies a whole batch of work.
 */
import type { CommitOffset, ConsumerDriver } from '../../kit/drivers/driver.ts';
import { type Application, behind, POLL_MS, type Shift } from './team.ts';

// #excerpt slow-loop
export function slowLoop(consumer: () => ConsumerDriver, shift: Shift): Application {
  return {
    isBusy: false,
    revoked: async () => {},
    run: async () => {
      while (!shift.isEnding) {
        const next = new Map<string, CommitOffset>();
        for (const record of await consumer().poll(POLL_MS)) {
          await shift.work(record);
          next.set(`${record.topic}-${record.partition}`, behind(record));
        }
        if (next.size > 0) await consumer().commit([...next.values()]);
      }
      await consumer().close();
    },
  };
}
// #end

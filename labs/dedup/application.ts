/**
 * The consumer application: one loop, the same for every way to consume. Poll, handle each record, then commit: at least once.
 *
 * Invariant: it commits what it has handled, never more. A commit that is refused is let be: the partition has another owner by then, who goes on from the
 * last one that was accepted.
 */
import type { CommitOffset, ConsumerDriver } from '../kit/drivers/driver.ts';
import type { SeenRecord } from '../kit/history.ts';
import type { Stores, Strategy } from './strategies/strategy.ts';
import { readFlight } from './strategies/strategy.ts';

/** At most this much waiting in one poll. */
const POLL_MS = 50;

// #excerpt loop
export async function consume(consumer: ConsumerDriver, strategy: Strategy, stores: Stores): Promise<never> {
  for (;;) {
    const records = await consumer.poll(POLL_MS);
    for (const record of records) await strategy.handle(readFlight(record), stores);
    if (records.length > 0) await consumer.commit(nextOffsets(records));
    await strategy.afterPoll?.(stores);
  }
}
// #end

/** One past the last record of each partition. */
function nextOffsets(records: readonly SeenRecord[]): CommitOffset[] {
  const next = new Map<string, CommitOffset>();
  for (const { topic, partition, offset } of records) {
    next.set(`${topic}-${partition}`, { topic, partition, offset: offset + 1 });
  }
  return [...next.values()];
}

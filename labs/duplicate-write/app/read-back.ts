/** Asks the log instead of its own marks: what stands there was sent, whoever heard of it. Right while one process at a time writes the partition. */
import { type Hands, must } from './hands.ts';

// #excerpt read-back
export async function relayFromLog({ outbox, producer, lastWritten }: Hands): Promise<void> {
  const last = await lastWritten();
  const done = outbox.all.findIndex(({ value }) => value === last) + 1;
  for (const record of outbox.all.slice(done)) must(await producer.send(record));
}
// #end

/**
 * The usual relay: sends what is not marked as sent, and marks what was acknowledged. Retries belong to the client; the second one does not leave them there.
 *
 * Between the acknowledgement and the mark lies the gap: who dies in it sends again.
 */
import type { Hands } from './hands.ts';
import { must } from './hands.ts';

// #excerpt relay
export async function relay({ outbox, producer }: Hands): Promise<void> {
  for (const record of outbox.unmarked()) {
    must(await producer.send(record)); // retries are the client's affair
    await outbox.mark(record);
  }
}
// #end

// #excerpt impatient
export async function impatientRelay({ outbox, producer, inTime }: Hands): Promise<void> {
  for (const record of outbox.unmarked()) {
    while (!(await inTime(producer.send(record)))) {
      // no answer: send it again
    }
    await outbox.mark(record);
  }
}
// #end

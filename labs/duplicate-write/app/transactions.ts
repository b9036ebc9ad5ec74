/**
 * The relay with transactions: each record in one. Without the position they make nothing better; with it, what was sent and how far the outbox is become known together.
 *
 * Opening the producer comes first: it takes the transactional id over, which ends what a predecessor left open and shuts it out. Only then is the position what it will stay.
 */
import { type Hands, must, TOPIC } from './hands.ts';

// #excerpt blind
export async function blindTransactions({ outbox, transactional }: Hands): Promise<void> {
  for (const record of outbox.unmarked()) {
    must(await transactional.begin());
    must(await transactional.send(record));
    must(await transactional.commit());
    await outbox.mark(record);
  }
}
// #end

// #excerpt position
export async function relayWithPosition({ outbox, transactional, group, storedPosition }: Hands): Promise<void> {
  const done = await storedPosition();
  for (const [at, record] of outbox.all.entries()) {
    if (at < done) continue;
    const position = { topic: TOPIC, partition: 0, offset: at + 1 };
    must(await transactional.begin());
    must(await transactional.send(record));
    must(await transactional.sendOffsets([position], group, { groupOnly: true }));
    must(await transactional.commit());
  }
}
// #end

/**
 * auto.offset.reset=none: the consumer never jumps by itself. A position outside the log is an error, and the application decides.
 *
 * Invariant: whoever moves the position over a gap has told of it first, and has taken from the source exactly what lies in it.
 */
import { ClientError } from '@mqlab/core/client/client-error.ts';
import type { ConsumerDriver, PolledRecord } from '../../kit/drivers/driver.ts';
import { Exit } from '../../kit/members.ts';
import { at, type Hands, must, POLL_MS } from './hands.ts';

// #excerpt handle-gap
export async function consumeAndRefill(hands: Hands): Promise<never> {
  const { consumer, ledger } = hands;
  for (;;) {
    const records = await pollOrGap(consumer);
    if (records === 'gap') {
      await closeGap(hands);
      continue;
    }
    for (const record of records) await ledger.save(record);
    const last = records.at(-1);
    if (last !== undefined) must(await consumer.commit([at(last.offset + 1)]));
  }
}

async function pollOrGap(consumer: ConsumerDriver): Promise<readonly PolledRecord[] | 'gap'> {
  try {
    return await consumer.poll(POLL_MS);
  } catch (error) {
    if (error instanceof ClientError && error.kind === 'OFFSET_OUT_OF_RANGE') return 'gap';
    throw error;
  }
}

async function closeGap({ consumer, bounds, source, ledger, alarm }: Hands): Promise<void> {
  const { committed, start, end } = await bounds();
  // Outside on the other side: the log was cut or the topic made anew. Retention did not do that.
  if (committed > end) throw new Exit('the committed offset is behind the end of the log');
  if (start > committed) {
    alarm(committed, start);
    for (const row of await source.between(committed, start)) await ledger.save(row);
    must(await consumer.commit([at(start)]));
  }
  await consumer.seek(at(Math.max(start, committed)));
}
// #end

/** No source to refill from: tell, and go on with what is left. */
// #excerpt tell-gap
export async function consumeAndTell(hands: Hands): Promise<never> {
  const nothing = { between: async () => [], since: async () => [] };
  return consumeAndRefill({ ...hands, source: nothing });
}
// #end

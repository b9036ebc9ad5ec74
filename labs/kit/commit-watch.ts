/**
 * Commits as the broker keeps them: a reader of `__consumer_offsets` notes each stored offset of one group in the history.
 *
 * Why: an automatic commit is never asked for by the application, so nobody could record its call. What stands in the topic was accepted, whatever
 * client sent it, on every target. Invariant: one `commit` a stored record, in the order of the log, noted when it was read (a fetch later than it was
 * stored; `storedAtMs` is the broker's own time). Offsets of other groups, groups' own records and tombstones are passed over.
 */
import { Consumer } from '@mqlab/core/client/consumer/consumer.ts';
import { decodeGroupRecord } from '@mqlab/core/groups/records.ts';
import { sleep } from '@mqlab/core/ports/clock.ts';
import type { Ports } from '@mqlab/core/ports/ports.ts';
import type { CommitOffset } from './drivers/driver.ts';

export const OFFSETS_TOPIC = '__consumer_offsets';
const POLL_MS = 500;
const AGAIN_MS = 20;

export interface StoredCommit extends CommitOffset {
  readonly group: string;
  /** Wall clock of the broker. */
  readonly storedAtMs: number;
}

export interface CommitWatch {
  close(): Promise<void>;
}

/** The offsets topic must exist: any look-up of a group's offsets makes it. Resolves when the reader stands at the topic's beginning. */
export async function watchCommits(
  ports: Ports,
  bootstrap: string,
  onCommit: (commit: StoredCommit) => void,
): Promise<CommitWatch> {
  const consumer = new Consumer(ports, { 'bootstrap.servers': bootstrap, 'auto.offset.reset': 'earliest' });
  const partitions = await consumer.partitionsFor(OFFSETS_TOPIC);
  consumer.assign(partitions.map(({ index }) => ({ topic: OFFSETS_TOPIC, partition: index })));
  let isOpen = true;
  const reading = (async () => {
    while (isOpen) {
      try {
        for (const { key, value } of await consumer.poll(POLL_MS)) {
          if (key === null) continue;
          const record = decodeGroupRecord(key, value);
          if (record.type !== 'offset' || record.value === null || !isOpen) continue;
          const { groupId: group, topic, partition } = record;
          onCommit({
            group,
            topic,
            partition,
            offset: record.value.offset,
            storedAtMs: record.value.commitTimestampMs,
          });
        }
      } catch (error) {
        if (!isOpen) return;
        // The broker is away; what it stored meanwhile is read when it is back.
        if ((error as { retriable?: boolean }).retriable !== true) throw error;
        await sleep(ports.clock, AGAIN_MS);
      }
    }
  })();
  return {
    close: async () => {
      isOpen = false;
      consumer.wakeup();
      await consumer.close({ timeoutMs: 0 });
      await reading;
    },
  };
}

/**
 * Work in the background, so that the loop goes on polling: a queue, a worker, and a commit of what is finished with every turn of the loop.
 *
 * Two applications that differ in `revoked`: one lets partitions go without a word and commits late; the other settles them first.
 */
import type { CommitOffset, ConsumerDriver } from '../../kit/drivers/driver.ts';
import type { SeenRecord, TopicPartition } from '../../kit/history.ts';
import { type Application, behind, POLL_MS, type Shift } from './team.ts';

const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}-${partition}`;

class BackgroundWork {
  readonly #shift: Shift;
  #queue: SeenRecord[] = [];
  #inWork: { readonly name: string; readonly done: Promise<void> } | null = null;
  readonly #finished = new Map<string, CommitOffset>();

  constructor(shift: Shift) {
    this.#shift = shift;
  }

  get isBusy(): boolean {
    return this.#queue.length > 0 || this.#inWork !== null || this.#finished.size > 0;
  }

  push(records: readonly SeenRecord[]): void {
    this.#queue.push(...records);
    if (this.#inWork === null) this.#next();
  }

  #next(): void {
    const record = this.#queue.shift();
    if (record === undefined) {
      this.#inWork = null;
      return;
    }
    const done = this.#shift.work(record).then(() => {
      this.#finished.set(nameOf(record), behind(record));
      this.#next();
    });
    this.#inWork = { name: nameOf(record), done };
  }

  /** What is finished and not yet committed, of these partitions or of all. */
  take(partitions?: readonly TopicPartition[]): CommitOffset[] {
    const names = partitions?.map(nameOf) ?? [...this.#finished.keys()];
    const offsets = names.flatMap((name) => this.#finished.get(name) ?? []);
    for (const name of names) this.#finished.delete(name);
    return offsets;
  }

  /** Refused for now: to be committed again, where nothing newer is finished. */
  putBack(offsets: readonly CommitOffset[]): void {
    for (const at of offsets) if (!this.#finished.has(nameOf(at))) this.#finished.set(nameOf(at), at);
  }

  /** Forgets what nobody has begun, and waits for what is in work. */
  async settle(partitions: readonly TopicPartition[]): Promise<void> {
    const names = new Set(partitions.map(nameOf));
    this.#queue = this.#queue.filter((record) => !names.has(nameOf(record)));
    if (this.#inWork !== null && names.has(this.#inWork.name)) await this.#inWork.done;
  }
}

// #excerpt commit-late
export function commitLate(consumer: () => ConsumerDriver, shift: Shift): Application {
  const background = new BackgroundWork(shift);
  return {
    get isBusy() {
      return background.isBusy;
    },
    revoked: async () => {},
    run: async () => {
      while (!shift.isEnding) {
        background.push(await consumer().poll(POLL_MS));
        const finished = background.take();
        if (finished.length > 0) await consumer().commit(finished);
      }
      await consumer().close();
    },
  };
}
// #end

// #excerpt commit-on-revoke
export function commitOnRevoke(consumer: () => ConsumerDriver, shift: Shift): Application {
  const background = new BackgroundWork(shift);
  return {
    get isBusy() {
      return background.isBusy;
    },
    revoked: async (partitions) => {
      await background.settle(partitions);
      // Refused: the group has gone on without this member, and the next owner does it again.
      const last = background.take(partitions);
      if (last.length > 0) await consumer().commit(last);
    },
    run: async () => {
      while (!shift.isEnding) {
        background.push(await consumer().poll(POLL_MS));
        const finished = background.take();
        if (finished.length === 0) continue;
        const { outcome } = await consumer().commit(finished);
        // Refused while the group rebalances: to be tried again, unless the next poll takes the partition away.
        if (outcome !== 'ok') background.putBack(finished);
      }
      await consumer().close();
    },
  };
}
// #end

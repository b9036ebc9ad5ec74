/**
 * Turns a client that pushes batches into one that is polled: the client's handler waits with its batch until the application has polled it whole
 * and comes back for more, which is when it counts as processed (as with a polling client).
 *
 * Invariant: records come in the order of the handler's calls; at most one batch waits for each handler call; after `close` every handler is let go.
 */
import { partitionName, type TopicPartition } from '../history.ts';
import type { PolledRecord } from './driver.ts';

interface Waiting {
  readonly records: readonly PolledRecord[];
  taken: number;
  /** The application came back after these records: they are processed. */
  readonly onProcessed: (upTo: PolledRecord) => void;
  readonly release: () => void;
}

export class HandedOver {
  #waiting: Waiting[] = [];
  /** Polled and not yet known to be processed. */
  #polled: { readonly from: Waiting; readonly last: PolledRecord } | null = null;
  #wake: (() => void) | null = null;
  #closed = false;
  #paused = new Set<string>();

  /** Called by the client's handler; resolves once the batch is processed, or on close or `drop`. */
  offer(records: readonly PolledRecord[], onProcessed: (upTo: PolledRecord) => void): Promise<void> {
    if (this.#closed || records.length === 0) return Promise.resolve();
    return new Promise((release) => {
      this.#waiting.push({ records, taken: 0, onProcessed, release });
      this.#wake?.();
    });
  }

  async poll(maxWaitMs: number, maxRecords: number): Promise<readonly PolledRecord[]> {
    this.#settle();
    if (this.#next() === undefined && !this.#closed) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, maxWaitMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = null;
    }
    const from = this.#next();
    if (from === undefined) return [];
    const records = from.records.slice(from.taken, from.taken + maxRecords);
    from.taken += records.length;
    this.#polled = { from, last: records.at(-1)! };
    return records;
  }

  /** The handler of a paused partition waits on with its batch: that is the back-pressure. */
  pause(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) this.#paused.add(partitionName(topic, partition));
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) this.#paused.delete(partitionName(topic, partition));
    this.#wake?.();
  }

  #next(): Waiting | undefined {
    return this.#waiting.find(
      ({ records: [first] }) => !this.#paused.has(partitionName(first!.topic, first!.partition)),
    );
  }

  /** Forgets what waits: after a seek or a revocation. */
  drop(): void {
    this.#polled = null;
    for (const { release } of this.#waiting.splice(0)) release();
  }

  close(): void {
    this.#closed = true;
    this.drop();
    this.#wake?.();
  }

  #settle(): void {
    if (this.#polled === null) return;
    const { from, last } = this.#polled;
    this.#polled = null;
    from.onProcessed(last);
    if (from.taken < from.records.length) return;
    const at = this.#waiting.indexOf(from);
    if (at >= 0) this.#waiting.splice(at, 1);
    from.release();
  }
}

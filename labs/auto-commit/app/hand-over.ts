/**
 * Records handed to an in-memory queue, so that the loop can go on polling: once with auto commit, once with a commit of what is finished.
 *
 * One queue and one worker, so finished is a row without holes; with more workers it needs the contiguous watermark (lab `ordering`).
 */
import type { ConsumerDriver } from '../../kit/drivers/driver.ts';
import type { SeenRecord } from '../../kit/history.ts';
import { behind, noteFinished, type Pace, type Shift } from './shift.ts';

/** A queue with one worker behind it. */
class WorkQueue {
  readonly #records: SeenRecord[] = [];
  readonly #shift: Shift;
  readonly #onFinished: (record: SeenRecord) => void;
  #busy: Promise<void> | null = null;

  constructor(shift: Shift, onFinished: (record: SeenRecord) => void) {
    this.#shift = shift;
    this.#onFinished = onFinished;
  }

  push(records: readonly SeenRecord[]): void {
    this.#records.push(...records);
    if (this.#records.length > 0) this.#busy ??= this.#workOff();
  }

  async #workOff(): Promise<void> {
    for (let record = this.#records.shift(); record !== undefined; record = this.#records.shift()) {
      await this.#shift.work(record);
      this.#onFinished(record);
    }
    this.#busy = null;
  }

  /** Forgets what nobody has begun; resolves when the record in work is finished. */
  async end(): Promise<void> {
    this.#records.length = 0;
    await this.#busy;
  }
}

// #excerpt hand-over
export async function handOver(consumer: ConsumerDriver, shift: Shift, { pollMs }: Pace): Promise<void> {
  const queue = new WorkQueue(shift, () => {});
  while (!shift.isEnding) queue.push(await consumer.poll(pollMs));
  await consumer.close();
}
// #end

// #excerpt commit-finished
export async function commitFinished(consumer: ConsumerDriver, shift: Shift, { pollMs }: Pace): Promise<void> {
  const finished = new Map<string, SeenRecord>();
  const queue = new WorkQueue(shift, (record) => noteFinished(finished, record));
  const commit = async (): Promise<void> => {
    const offsets = [...finished.values()].map(behind);
    finished.clear();
    if (offsets.length > 0) await consumer.commit(offsets);
  };
  while (!shift.isEnding) {
    queue.push(await consumer.poll(pollMs));
    await commit();
  }
  await queue.end();
  await commit();
  await consumer.close();
}
// #end

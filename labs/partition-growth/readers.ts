/**
 * The consumers: one a partition, each working on one record after the other at its own pace, its position stored with the effect.
 *
 * Invariant: a partition's records take effect in the order of their offsets, and the position is that of the last effect. Who reads is always the own client: the lab is about who writes.
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import type { AdminDriver, PolledRecord } from '../kit/drivers/driver.ts';
import type { RunContext } from '../kit/lab.ts';

const POLL_MS = 100;
const LOOK_MS = 40;

export class Readers {
  readonly #context: RunContext;
  readonly #topic: string;
  readonly #workMs: ReadonlyMap<string, number>;
  readonly #positions: number[] = [];
  readonly #ending: Promise<void>[] = [];
  #isOver = false;

  constructor(context: RunContext, topic: string, workMs: ReadonlyMap<string, number>) {
    this.#context = context;
    this.#topic = topic;
    this.#workMs = workMs;
  }

  /** Readers for all partitions up to `count` that have none. They share a connection, and nothing else. */
  async open(count: number): Promise<void> {
    const { target } = this.#context;
    const partitions: { readonly topic: string; readonly partition: number }[] = [];
    for (let partition = this.#positions.length; partition < count; partition++) {
      this.#positions.push(0);
      partitions.push({ topic: this.#topic, partition });
    }
    const app = target.app(`consumers-${this.#ending.length}`);
    const consumer = await app.client('mqlab').consumer({ partitions, fromBeginning: true, autoCommit: false });
    const lanes = new Map<number, Promise<void>>();
    this.#ending.push(
      new Promise((ended) => {
        app.spawn(async () => {
          while (!this.#isOver) {
            for (const record of await consumer.poll(POLL_MS)) {
              const before = lanes.get(record.partition) ?? Promise.resolve();
              lanes.set(
                record.partition,
                before.then(() => this.#work(record)),
              );
            }
          }
          await Promise.all(lanes.values());
          await consumer.close();
          ended();
        });
      }),
    );
  }

  async #work({ topic, partition, offset, key, value }: PolledRecord): Promise<void> {
    const { target, recorder } = this.#context;
    await sleep(target.clock, this.#workMs.get(value) ?? 0);
    recorder.note(`c${partition}`, { type: 'effect', key, value, generation: -1, topic, partition });
    this.#positions[partition] = offset + 1;
  }

  async lag(admin: AdminDriver): Promise<number> {
    let lag = 0;
    for (const { partition, end } of await admin.offsets(this.#topic)) lag += end - (this.#positions[partition] ?? 0);
    return lag;
  }

  /** Waits until nothing is left; false when that takes too long. */
  async drain(admin: AdminDriver, msMax: number): Promise<boolean> {
    const { clock } = this.#context.target;
    const deadline = clock.monotonic() + msMax;
    while ((await this.lag(admin)) > 0) {
      if (clock.monotonic() > deadline) return false;
      await sleep(clock, LOOK_MS);
    }
    return true;
  }

  async close(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#ending);
  }
}

/**
 * The consumers: one a partition, each working on one record after the other at its own pace, its position stored with the effect.
 *
 * Invariant: a partition's records take effect in the order of their offsets, and the position is that of the last effect. Who reads is always the own client: the lab is about who writes.
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import type { AdminDriver } from '../kit/drivers/driver.ts';
import type { RunContext } from '../kit/lab.ts';

const POLL_MS = 20;

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

  /** Readers for all partitions up to `count` that have none. */
  async open(count: number): Promise<void> {
    const { target } = this.#context;
    for (let partition = this.#positions.length; partition < count; partition++) {
      this.#positions.push(0);
      const app = target.app(`c${partition}`);
      const consumer = await app.client('mqlab').consumer({
        partitions: [{ topic: this.#topic, partition }],
        fromBeginning: true,
        autoCommit: false,
      });
      this.#ending.push(
        new Promise((ended) => {
          app.spawn(async () => {
            while (!this.#isOver) {
              for (const record of await consumer.poll(POLL_MS)) await this.#work(app.name, record);
            }
            await consumer.close();
            ended();
          });
        }),
      );
    }
  }

  async #work(
    name: string,
    record: {
      readonly topic: string;
      readonly partition: number;
      readonly offset: number;
      readonly key: string | null;
      readonly value: string;
    },
  ): Promise<void> {
    const { target, recorder } = this.#context;
    const { topic, partition, offset, key, value } = record;
    await sleep(target.clock, this.#workMs.get(value) ?? 0);
    recorder.note(name, { type: 'effect', key, value, generation: -1, topic, partition });
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
      await sleep(clock, POLL_MS);
    }
    return true;
  }

  async close(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#ending);
  }
}

import { Consumer } from '../../client/consumer/consumer.ts';
import { Producer } from '../../client/producer/producer.ts';
import { realPorts } from '../../ports/real/ports.ts';
import type { Consumed, Stored } from './judge.ts';

/**
 * Who writes while brokers die: numbers, each once, in order; with acks=all and an idempotent producer at full speed.
 *
 * A value is acknowledged when its producer was told so; what was sent and not acknowledged may be there or not.
 */
export interface Load {
  readonly name: string;
  /** Acknowledged values by partition, in the order of the acknowledgements, and what failed. */
  readonly acknowledged: ReadonlyMap<number, readonly number[]>;
  readonly failed: number;
  /** Told of each acknowledgement. */
  onAck: ((partition: number) => void) | null;
  /** Resolves when everything sent is settled. */
  stop(): Promise<void>;
  /** What a consumer of the load's own kind read beside it, when it has read all that is stored, or has had its time; null without one. */
  consumed(stored: Stored): Promise<Consumed | null>;
}

export abstract class Counted implements Load {
  abstract readonly name: string;
  readonly acknowledged = new Map<number, number[]>();
  failed = 0;
  onAck: ((partition: number) => void) | null = null;

  abstract stop(): Promise<void>;

  consumed(_stored: Stored): Promise<Consumed | null> {
    return Promise.resolve(null);
  }

  protected acked(partition: number, value: number): void {
    const known = this.acknowledged.get(partition);
    if (known === undefined) this.acknowledged.set(partition, [value]);
    else known.push(value);
    this.onAck?.(partition);
  }
}

const VALUE_BYTES = 100;

/** The project's own producer. */
export class OwnLoad extends Counted {
  readonly name = 'mqlab producer';
  private readonly producer: Producer<unknown, string>;
  private readonly done: Promise<void>;
  private isStopping = false;

  constructor(bootstrap: string, topic: string, partitions: number) {
    super();
    this.producer = new Producer(realPorts(), { 'bootstrap.servers': bootstrap, acks: 'all' });
    this.done = this.run(topic, partitions);
  }

  private async run(topic: string, partitions: number): Promise<void> {
    for (let n = 0; !this.isStopping; n++) {
      const partition = n % partitions;
      const isIn = this.producer.send({ topic, partition, value: String(n).padEnd(VALUE_BYTES) }, (error) => {
        if (error === null) this.acked(partition, n);
        else this.failed++;
      });
      if (!isIn) await this.producer.ready();
      // Answers are read between sends.
      if (n % 200 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    await this.done;
    await this.producer.close();
  }
}

/** Every partition from its beginning to its end, by a fresh client. */
export async function readAll(bootstrap: string, topic: string, partitions: number): Promise<Map<number, number[]>> {
  const consumer = new Consumer(realPorts(), { 'bootstrap.servers': bootstrap, 'max.poll.records': 10_000 });
  const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
  consumer.assign(all);
  consumer.seekToBeginning(all);
  const ends = await consumer.endOffsets(all);
  const found = new Map<number, number[]>(all.map(({ partition }) => [partition, []]));
  const next = new Map<number, number>(all.map(({ partition }) => [partition, 0]));
  while (all.some(({ partition }) => next.get(partition)! < ends.get(`${topic}-${partition}`)!)) {
    for (const record of await consumer.poll(1000)) {
      found.get(record.partition)!.push(Number(record.value!.toString()));
      next.set(record.partition, record.offset + 1);
    }
  }
  await consumer.close();
  return found;
}

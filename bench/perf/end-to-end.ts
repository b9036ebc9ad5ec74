/**
 * `mqlab perf end-to-end`: one record at a time, from send to receipt, through one partition.
 *
 * Invariant: what comes back is what was sent; another value is an error and not a latency.
 */
import { Consumer } from '@mqlab/core/client/consumer/consumer.ts';
import { Producer } from '@mqlab/core/client/producer/producer.ts';
import { realPorts } from '@mqlab/core/ports/real/ports.ts';
import { Latencies, type LatencySummary } from '../load/latency.ts';
import { monotonicMs } from '../load/monotonic.ts';
import { randomTextPayload, valuesOf } from '../load/payload.ts';

export interface EndToEndOptions {
  readonly topic: string;
  readonly records: number;
  readonly recordBytes: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly acks: string;
}

const SEED = 20_260_102;
const RECEIPT_MS_MAX = 60_000;

export async function endToEndPerf(options: EndToEndOptions): Promise<LatencySummary> {
  const { topic, records, recordBytes, settings } = options;
  const producer = new Producer(realPorts(), {
    'linger.ms': 0,
    ...settings,
    acks: options.acks,
    'enable.idempotence': false,
  });
  const consumer = new Consumer(realPorts(), { ...settings, 'fetch.max.wait.ms': 500, 'enable.auto.commit': false });
  const latencies = new Latencies();
  const values = valuesOf(randomTextPayload(recordBytes, SEED));
  try {
    const partitions = (await consumer.partitionsFor(topic)).map(({ index }) => ({ topic, partition: index }));
    consumer.assign(partitions);
    consumer.seekToEnd(partitions);
    for (const partition of partitions) await consumer.position(partition);
    for (let i = 0; i < records; i++) {
      const value = values[i % values.length]!;
      const beganMs = monotonicMs();
      await producer.send({ topic, value });
      const received = await receive(consumer, beganMs + RECEIPT_MS_MAX);
      latencies.record(monotonicMs() - beganMs);
      if (received === null) throw new Error(`record ${i} did not come back within ${RECEIPT_MS_MAX} ms`);
      if (!received.equals(value))
        throw new Error(`record ${i} came back with another value: ${topic} has other writers`);
    }
  } finally {
    await producer.close();
    await consumer.close();
  }
  return latencies.summary()!;
}

async function receive(consumer: Consumer, deadlineMs: number): Promise<Buffer | null> {
  while (monotonicMs() < deadlineMs) {
    const [record] = await consumer.poll(1_000);
    if (record !== undefined) return record.value;
  }
  return null;
}

/** `mqlab perf consume`: how fast one consumer in this process reads. The time before the first record (joining, finding) is told apart. */
import { Consumer } from '@mqlab/core/client/consumer/consumer.ts';
import { realPorts } from '@mqlab/core/ports/real/ports.ts';
import { monotonicMs } from '../load/monotonic.ts';

export interface ConsumePerfOptions {
  readonly topic: string;
  readonly records: number;
  readonly settings: Readonly<Record<string, string>>;
  /** Without a record for so long it ends. */
  readonly timeoutMs: number;
}

export interface ConsumePerfReport {
  readonly records: number;
  readonly bytes: number;
  /** From the start to the last record. */
  readonly seconds: number;
  /** Of them: until the first record. */
  readonly waitedSeconds: number;
  readonly megabytesPerSecond: number;
  readonly recordsPerSecond: number;
  /** Without the time until the first record. */
  readonly fetchMegabytesPerSecond: number;
  readonly fetchRecordsPerSecond: number;
}

const POLL_MS_MAX = 100;

export async function consumePerf(options: ConsumePerfOptions): Promise<ConsumePerfReport> {
  const consumer = new Consumer(realPorts(), { 'client.id': 'perf-consumer', ...options.settings });
  const beganMs = monotonicMs();
  let [records, bytes, firstMs, lastMs] = [0, 0, 0, beganMs];
  try {
    consumer.subscribe([options.topic]);
    while (records < options.records && monotonicMs() - lastMs < options.timeoutMs) {
      const polled = await consumer.poll(POLL_MS_MAX);
      if (polled.length === 0) continue;
      lastMs = monotonicMs();
      firstMs ||= lastMs;
      records += polled.length;
      for (const { key, value } of polled) bytes += (key?.length ?? 0) + (value?.length ?? 0);
    }
  } finally {
    await consumer.close();
  }
  const seconds = (lastMs - beganMs) / 1000;
  const waitedSeconds = records === 0 ? seconds : (firstMs - beganMs) / 1000;
  const per = (amount: number, time: number): number => (time <= 0 ? 0 : amount / time);
  return {
    records,
    bytes,
    seconds,
    waitedSeconds,
    megabytesPerSecond: per(bytes / 1e6, seconds),
    recordsPerSecond: per(records, seconds),
    fetchMegabytesPerSecond: per(bytes / 1e6, seconds - waitedSeconds),
    fetchRecordsPerSecond: per(records, seconds - waitedSeconds),
  };
}

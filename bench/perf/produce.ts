/**
 * `mqlab perf produce`: records as fast as they go, or at a rate, by one producer in this process.
 *
 * Invariant: at a rate a record's latency counts from the moment it was due (open loop); without one from its send. What the producer's buffer
 * does not take is waited for, and that wait is latency too.
 */
import { once } from 'node:events';
import { Producer } from '@mqlab/core/client/producer/producer.ts';
import { realPorts } from '@mqlab/core/ports/real/ports.ts';
import { Latencies, type LatencySummary } from '../load/latency.ts';
import { monotonicMs } from '../load/monotonic.ts';
import { randomTextPayload, recordPayload, valuesOf } from '../load/payload.ts';

export interface ProducePerfOptions {
  readonly topic: string;
  readonly records: number;
  /** Records per second; null: as fast as they go. */
  readonly throughput: number | null;
  readonly recordBytes: number;
  /** Values to send in turn, in place of random text. */
  readonly payload?: readonly string[];
  /** Settings of the producer, by Kafka's names. */
  readonly settings: Readonly<Record<string, string>>;
  readonly intervalMs: number;
  readonly onInterval: (report: PerfReport) => void;
}

export interface PerfReport {
  readonly records: number;
  readonly failed: number;
  readonly seconds: number;
  readonly recordsPerSecond: number;
  readonly megabytesPerSecond: number;
  /** null: nothing was acknowledged. */
  readonly latency: LatencySummary | null;
}

const SEED = 20_260_101;
const TURN_RECORDS_MAX = 4_000;

export async function producePerf(
  options: ProducePerfOptions,
): Promise<PerfReport & { readonly firstError: Error | null }> {
  const { topic, records, throughput, recordBytes } = options;
  const payload =
    options.payload === undefined
      ? randomTextPayload(recordBytes, SEED)
      : recordPayload(options.payload, 'real', 'the payload file');
  const values = valuesOf(payload);
  const producer = new Producer(realPorts(), { 'client.id': 'perf-producer', ...options.settings });
  const whole = new Tally();
  let interval = new Tally();
  let firstError: Error | null = null;
  let sent = 0;
  let settled = 0;
  const allSettled = new EventTarget();
  const settle = (bytes: number, dueMs: number, error: Error | null): void => {
    firstError ??= error;
    for (const tally of [whole, interval]) tally.add(bytes, error === null ? monotonicMs() - dueMs : null);
    if (++settled === records) allSettled.dispatchEvent(new Event('all'));
  };
  const timer = setInterval(() => {
    options.onInterval(interval.report());
    interval = new Tally();
  }, options.intervalMs);
  try {
    const beganMs = monotonicMs();
    while (sent < records) {
      const due = throughput === null ? records : Math.floor(((monotonicMs() - beganMs) / 1000) * throughput) + 1;
      const until = Math.min(records, due, sent + TURN_RECORDS_MAX);
      while (sent < until) {
        const value = values[sent % values.length]!;
        const dueMs = throughput === null ? monotonicMs() : beganMs + (sent / throughput) * 1000;
        sent++;
        if (!producer.send({ topic, value }, (error) => settle(value.length, dueMs, error))) await producer.ready();
      }
      // The turn's end lets answers in; at a rate it waits for the next record to be due.
      await new Promise((resolve) => (due >= records || sent < due ? setImmediate(resolve) : setTimeout(resolve, 1)));
    }
    await producer.flush();
    if (settled < records) await once(allSettled, 'all');
  } finally {
    clearInterval(timer);
    await producer.close();
  }
  return { ...whole.report(), firstError };
}

/** What came back since it began. */
class Tally {
  private readonly beganMs = monotonicMs();
  private readonly latencies = new Latencies();
  private records = 0;
  private failed = 0;
  private bytes = 0;

  add(bytes: number, latencyMs: number | null): void {
    if (latencyMs === null) this.failed++;
    else {
      this.records++;
      this.bytes += bytes;
      this.latencies.record(latencyMs);
    }
  }

  report(): PerfReport {
    const seconds = (monotonicMs() - this.beganMs) / 1000;
    return {
      records: this.records,
      failed: this.failed,
      seconds,
      recordsPerSecond: this.records / seconds,
      megabytesPerSecond: this.bytes / 1e6 / seconds,
      latency: this.latencies.summary(),
    };
  }
}

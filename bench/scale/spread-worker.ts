/**
 * A producer thread that spreads its load over many partitions. It fills a batch for one partition, then for the next, so that batches are equally large
 * whatever the number of partitions: what differs is how many logs the broker writes to.
 */
import { parentPort } from 'node:worker_threads';
import { Producer } from '@mqlab/core/client/producer/producer.ts';
import { realPorts } from '@mqlab/core/ports/real/ports.ts';
import { monotonicMs } from '../load/monotonic.ts';
import { randomTextPayload, valuesOf } from '../load/payload.ts';
import { PARTITIONS_PER_TOPIC } from './scale-plan.ts';
import { RECORD_BYTES, RECORDS_PER_BATCH } from './spread-settings.ts';

const OUTSTANDING_MAX = 16_384;
const BATCH_BYTES = RECORDS_PER_BATCH * (RECORD_BYTES + 16) + 128;
/** Longer than Kafka's index.interval.bytes: the third append to a partition has written an entry in its indexes, which costs most the first time. */
const TOUCH = Buffer.alloc(5_000, 'touch');
const TOUCHES = 3;

export interface SpreadTask {
  readonly bootstrap: string;
  readonly topics: readonly string[];
  readonly warmupMs: number;
  readonly measureMs: number;
}

export interface SpreadReport {
  readonly acknowledged: number;
  readonly failed: number;
  readonly failure: string | null;
  /** These three in the measured window; the last of this thread. */
  readonly recordsPerBatch: number;
  readonly batchesPerRequest: number;
  readonly cpuSeconds: number;
}

export type FromSpreadWorker =
  | { readonly kind: 'window'; readonly isOpen: boolean }
  | { readonly kind: 'report'; readonly report: SpreadReport };

const port = parentPort!;
const values = valuesOf(randomTextPayload(RECORD_BYTES, 1));

async function run({ bootstrap, topics, warmupMs, measureMs }: SpreadTask): Promise<SpreadReport> {
  const producer = new Producer(realPorts(), {
    'bootstrap.servers': bootstrap,
    acks: '1',
    'enable.idempotence': false,
    'linger.ms': 5,
    'batch.size': BATCH_BYTES,
    'buffer.memory': 64 * 1024 * 1024,
  });
  const partitionCount = topics.length * PARTITIONS_PER_TOPIC;
  let failure: string | null = null;
  let acknowledged = 0;
  let failed = 0;
  let outstanding = 0;
  let isMeasuring = false;
  let next = 0;
  let value = 0;
  let sent = 0;
  // Topic after topic, so that neighbours in a request are of different topics.
  const sendTo = (index: number, bytes: Buffer, settled: (error: Error | null) => void): void => {
    const topic = topics[index % topics.length]!;
    const partition = Math.floor(index / topics.length);
    outstanding++;
    sent++;
    producer.send({ topic, partition, key: null, value: bytes }, settled);
  };
  // What a partition costs once is behind us then: metadata, its leader, the first writes.
  for (let touch = 0; touch < TOUCHES; touch++) {
    await new Promise<void>((resolve) => {
      const settled = (error: Error | null): void => {
        if (error !== null) failure ??= error.message;
        if (--outstanding === 0) resolve();
      };
      for (let i = 0; i < partitionCount; i++) sendTo(i, TOUCH, settled);
    });
  }
  const startMs = monotonicMs();
  const measureFromMs = startMs + warmupMs;
  const untilMs = measureFromMs + measureMs;
  let cpuAtStart = process.threadCpuUsage();
  let cpuSeconds = 0;
  const counts = () => ({ sent, ...producer.metrics });
  let [countsAtStart, countsAtEnd] = [counts(), counts()];
  await new Promise<void>((resolve) => {
    let scheduled = false;
    const turn = (): void => {
      scheduled = false;
      const nowMs = monotonicMs();
      if (nowMs >= untilMs) {
        if (isMeasuring) {
          const used = process.threadCpuUsage(cpuAtStart);
          cpuSeconds = (used.user + used.system) / 1e6;
          countsAtEnd = counts();
          isMeasuring = false;
          port.postMessage({ kind: 'window', isOpen: false } satisfies FromSpreadWorker);
        }
        if (outstanding === 0) resolve();
        return;
      }
      if (!isMeasuring && nowMs >= measureFromMs) {
        isMeasuring = true;
        cpuAtStart = process.threadCpuUsage();
        countsAtStart = counts();
        port.postMessage({ kind: 'window', isOpen: true } satisfies FromSpreadWorker);
      }
      for (let i = 0; i < 1_000 && outstanding < OUTSTANDING_MAX; i++) {
        value = value + 1 === values.length ? 0 : value + 1;
        sendTo(Math.floor(next++ / RECORDS_PER_BATCH) % partitionCount, values[value]!, settled);
      }
      if (outstanding < OUTSTANDING_MAX) soon();
    };
    const soon = (): void => {
      if (scheduled) return;
      scheduled = true;
      setImmediate(turn);
    };
    const settled = (error: Error | null): void => {
      outstanding--;
      if (error !== null) {
        failed++;
        failure ??= error.message;
      } else if (isMeasuring) acknowledged++;
      soon();
    };
    turn();
  });
  await producer.close({ timeoutMs: 1_000 });
  const batches = countsAtEnd.batchesSent - countsAtStart.batchesSent;
  return {
    acknowledged,
    failed,
    failure,
    recordsPerBatch: (countsAtEnd.sent - countsAtStart.sent) / Math.max(1, batches),
    batchesPerRequest: batches / Math.max(1, countsAtEnd.requestsSent - countsAtStart.requestsSent),
    cpuSeconds,
  };
}

port.on('message', async (task: SpreadTask) => {
  port.postMessage({ kind: 'report', report: await run(task) } satisfies FromSpreadWorker);
});

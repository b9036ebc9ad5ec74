/**
 * One consumer thread of a load: reads along and takes the time from a record's due moment (in its key) to when the application has it, or reads
 * everything that there is as fast as it comes. Every record is decoded: this is what an application gets, and the processing is nothing.
 */
import { parentPort } from 'node:worker_threads';
import { Consumer } from '@mqlab/core/client/consumer/consumer.ts';
import { realPorts } from '@mqlab/core/ports/real/ports.ts';
import { Latencies } from './latency.ts';
import { monotonicMs } from './monotonic.ts';
import type { ConsumerReport, ConsumerTask, Start, ToWorker } from './worker-messages.ts';

const port = parentPort!;
const POLL_MS = 50;
/** No record for this long while draining: it will not come. */
const SILENCE_MS_MAX = 10_000;

interface Run {
  readonly ready: Promise<void>;
  start(start: Start): Promise<ConsumerReport>;
  stop(): void;
}

function open(task: ConsumerTask): Run {
  const consumer = new Consumer(realPorts(), {
    'bootstrap.servers': task.bootstrap,
    'auto.offset.reset': task.mode === 'drain' ? 'earliest' : 'latest',
    'max.poll.records': 5_000,
    'max.partition.fetch.bytes': 4 * 1024 * 1024,
  });
  const partitions = task.partitions.map((partition) => ({ topic: task.topic, partition }));
  const latencies = new Latencies();
  let records = 0;
  let bytes = 0;
  let firstMs = 0;
  let lastMs = 0;
  let stopped = false;

  function take(polled: Awaited<ReturnType<typeof consumer.poll>>, start: Start): void {
    if (polled.length === 0) return;
    const nowMs = monotonicMs();
    if (records === 0) firstMs = nowMs;
    lastMs = nowMs;
    records += polled.length;
    for (const { key, value } of polled) {
      bytes += value?.length ?? 0;
      if (key === null || key.length !== 8) continue;
      const dueMs = key.readDoubleBE(0);
      if (dueMs >= start.measureFromMs && dueMs < start.measureUntilMs) latencies.record(nowMs - dueMs);
    }
  }

  async function follow(start: Start): Promise<void> {
    while (!stopped) take(await consumer.poll(POLL_MS), start);
  }

  /** The time runs from the start, the first fetch included. */
  async function drain(start: Start, wanted: number): Promise<void> {
    let heardMs = monotonicMs();
    firstMs = heardMs;
    while (records < wanted) {
      const before = records;
      const beganMs = firstMs;
      take(await consumer.poll(POLL_MS), start);
      firstMs = beganMs;
      if (records > before) heardMs = monotonicMs();
      else if (monotonicMs() - heardMs > SILENCE_MS_MAX)
        throw new Error(`drained ${records} of ${wanted} records, then silence`);
    }
  }

  const prepare = async (): Promise<void> => {
    if (task.mode === 'drain') {
      const starts = await consumer.beginningOffsets(partitions);
      const ends = await consumer.endOffsets(partitions);
      for (const [partition, end] of ends) wanted += end - (starts.get(partition) ?? 0);
    } else for (const each of partitions) await consumer.position(each);
  };
  let wanted = 0;
  consumer.assign(partitions);
  return {
    ready: prepare(),
    stop: () => {
      stopped = true;
    },
    start: async (start) => {
      if (task.mode === 'drain') await drain(start, wanted);
      else await follow(start);
      await consumer.close({ timeoutMs: 1_000 });
      return { kind: 'consumed', records, bytes, elapsedMs: lastMs - firstMs, latencies: latencies.toText() };
    },
  };
}

let run: Run | null = null;
port.on('message', async (message: ToWorker<ConsumerTask>) => {
  switch (message.kind) {
    case 'task':
      run = open(message.task);
      await run.ready;
      port.postMessage({ kind: 'ready' });
      return;
    case 'start':
      port.postMessage(await run!.start(message));
      return;
    case 'stop':
      run!.stop();
  }
});

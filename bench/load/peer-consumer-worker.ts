/**
 * One consumer thread against any peer: takes everything of its partitions from the beginning, counts it, and where records carry their due moment takes the
 * time from then until the application has them. Opened with its task; says how far it is, and ends when told to.
 */
import { parentPort } from 'node:worker_threads';
import type { PeerConsumer, PeerDriver } from '../peers/peer.ts';
import { Latencies } from './latency.ts';
import { monotonicMs } from './monotonic.ts';
import { DUE_TIME_BYTES, type PeerConsumerTask, type ToWorker } from './worker-messages.ts';

const port = parentPort!;
const PROGRESS_MS = 20;

interface Run {
  begin(measureFromMs: number, measureUntilMs: number): Promise<void>;
  end(): Promise<void>;
}

async function open(task: PeerConsumerTask): Promise<Run> {
  const driver = ((await import(task.driver)) as { default: PeerDriver }).default;
  const { address, assignment, carriesTime } = task;
  const latencies = new Latencies();
  let records = 0;
  let bytes = 0;
  let lastMs = 0;
  let fromMs = Number.POSITIVE_INFINITY;
  let untilMs = Number.NEGATIVE_INFINITY;
  let beganMs = 0;
  let timer: NodeJS.Timeout | null = null;

  const onMessage = (value: Buffer): void => {
    records++;
    bytes += value.length;
    if (!carriesTime) {
      // The clock is read where it matters: now and then, and for the last records by the progress timer.
      if ((records & 255) === 0) lastMs = monotonicMs();
      return;
    }
    const nowMs = (lastMs = monotonicMs());
    if (value.length < DUE_TIME_BYTES) return;
    const dueMs = value.readDoubleBE(0);
    if (dueMs >= fromMs && dueMs < untilMs) latencies.record(nowMs - dueMs);
  };
  const openConsumer = (): Promise<PeerConsumer> => driver.openConsumer({ address, assignment, onMessage });
  // Who reads along is there before the first record; who drains is timed from its opening on.
  let consumer = task.mode === 'follow' ? await openConsumer() : null;
  return {
    begin: async (measureFromMs, measureUntilMs) => {
      [fromMs, untilMs] = [measureFromMs, measureUntilMs];
      beganMs = monotonicMs();
      let reported = 0;
      timer = setInterval(() => {
        if (records === reported) return;
        if (!carriesTime) lastMs = monotonicMs();
        reported = records;
        port.postMessage({ kind: 'progress', records });
      }, PROGRESS_MS);
      consumer ??= await openConsumer();
    },
    end: async () => {
      if (timer !== null) clearInterval(timer);
      // What comes while it closes is no longer part of it.
      const report = { records, bytes, elapsedMs: lastMs - beganMs, latencies: latencies.toText() };
      await consumer?.close();
      port.postMessage({ kind: 'consumed', ...report });
    },
  };
}

let run: Run | null = null;
port.on('message', async (message: ToWorker<PeerConsumerTask>) => {
  switch (message.kind) {
    case 'task':
      run = await open(message.task);
      port.postMessage({ kind: 'ready' });
      return;
    case 'start':
      await run!.begin(message.measureFromMs, message.measureUntilMs);
      return;
    case 'stop':
      await run!.end();
  }
});

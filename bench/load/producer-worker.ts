/**
 * One producer thread of a load: the project's own client, in an open loop at a rate or in a closed loop as fast as answers come.
 *
 * The open loop wakes every millisecond (the runtime's timers are no finer); how late records were handed over is reported beside the latencies,
 * which include it.
 */
import { parentPort } from 'node:worker_threads';
import { Producer } from '@mqlab/core/client/producer/producer.ts';
import type { ProducerRecord } from '@mqlab/core/client/producer/record.ts';
import { realPorts } from '@mqlab/core/ports/real/ports.ts';
import { monotonicMs } from './monotonic.ts';
import { OpenLoop, type OpenLoopResult } from './open-loop.ts';
import { meanBytes, valuesOf } from './payload.ts';
import type { ProducerReport, ProducerTask, Start, ToWorker } from './worker-messages.ts';

const port = parentPort!;
/** Sends of the closed loop in one turn: a batch or two, as answers are seen, and batches leave, between turns. */
const TURN_RECORDS_MAX = 1_000;
/** A client refuses more waiting sends than this. */
const OUTSTANDING_MAX = 90_000;
/** Part of the warm-up in which records are due; in the rest what piled up while the code was cold drains. */
const WARMUP_SENDING_SHARE = 0.7;

interface Run {
  readonly ready: Promise<unknown>;
  start(start: Start): Promise<ProducerReport>;
}

function open(task: ProducerTask): Run {
  const { topic, workload, payload } = task;
  const values = valuesOf(payload);
  const recordBytes = meanBytes(payload);
  const outstandingMax = Math.max(
    1,
    Math.min(OUTSTANDING_MAX, Math.floor(workload.outstandingBytesMax / workload.producers / recordBytes)),
  );
  const producer = new Producer(realPorts(), {
    'bootstrap.servers': task.bootstrap,
    'client.id': `load-${task.index}`,
    acks: workload.acks,
    'linger.ms': workload.lingerMs,
    'batch.size': workload.batchBytes,
    'buffer.memory': 64 * 1024 * 1024,
    'compression.type': workload.compression,
    // Keys, where there are any, carry times: they are to spread like records without a key.
    'partitioner.ignore.keys': true,
  });
  let failure: string | null = null;
  let recordsSent = 0;
  // Threads begin at different records, so that two do not send the same at the same time.
  let nextValue = Math.floor((values.length / workload.producers) * task.index);

  function nextRecord(key: Buffer | null): ProducerRecord {
    const value = values[nextValue]!;
    nextValue = nextValue + 1 === values.length ? 0 : nextValue + 1;
    recordsSent++;
    return { topic, key, value };
  }

  function keyOf(dueMs: number): Buffer {
    const key = Buffer.allocUnsafe(8);
    key.writeDoubleBE(dueMs);
    return key;
  }

  /** Sends records that are due from `startMs` on for `forMs`, and waits for them until `lastMs`. */
  async function runOpenLoop(rate: number, startMs: number, forMs: number, lastMs: number): Promise<OpenLoopResult> {
    let wake = (): void => {};
    const loop: OpenLoop = new OpenLoop({
      ratePerSecond: rate / workload.producers,
      startMs,
      forMs,
      outstandingMax,
      now: monotonicMs,
      send: (index, dueMs) => {
        producer.send(nextRecord(task.carriesTime ? keyOf(dueMs) : null), (error) => {
          if (error !== null) failure ??= error.message;
          loop.done(index, error === null);
          wake();
        });
      },
    });
    await new Promise<void>((resolve) => {
      let timer: NodeJS.Timeout | null = null;
      let immediate = false;
      const turn = (): void => {
        timer = null;
        immediate = false;
        if (loop.isDone || monotonicMs() >= lastMs) return resolve();
        const waitMs = loop.tick();
        if (waitMs === 0) soon();
        else timer ??= setTimeout(turn, Math.min(waitMs, 100));
      };
      const soon = (): void => {
        if (immediate) return;
        immediate = true;
        if (timer !== null) clearTimeout(timer);
        timer = null;
        setImmediate(turn);
      };
      // An answer makes room: whoever waits for it goes on in the same turn of the event loop.
      wake = () => {
        if (loop.isDone || loop.outstanding === outstandingMax - 1) soon();
      };
      turn();
    });
    return loop.finish();
  }

  async function openLoop(start: Start, rate: number): Promise<Partial<ProducerReport>> {
    const { startMs, measureFromMs, measureUntilMs } = start;
    if (workload.warmupMs > 0)
      await runOpenLoop(rate, startMs, workload.warmupMs * WARMUP_SENDING_SHARE, measureFromMs - 5);
    const lastMs = measureUntilMs + workload.drainMsMax;
    const { latencies, lateness, ...counts } = await runOpenLoop(rate, measureFromMs, workload.measureMs, lastMs);
    return {
      ...counts,
      bytesInWindow: counts.acknowledgedInWindow * recordBytes,
      latencies: latencies.toText(),
      lateness: lateness.toText(),
    };
  }

  async function closedLoop({ measureFromMs, measureUntilMs }: Start): Promise<Partial<ProducerReport>> {
    let outstanding = 0;
    let acknowledged = 0;
    let failed = 0;
    let scheduled = false;
    await new Promise<void>((resolve) => {
      const turn = (): void => {
        scheduled = false;
        if (monotonicMs() >= measureUntilMs) {
          if (outstanding === 0) resolve();
          return;
        }
        for (let i = 0; i < TURN_RECORDS_MAX && outstanding < outstandingMax; i++) {
          outstanding++;
          producer.send(nextRecord(null), settled);
        }
        if (outstanding < outstandingMax) soon();
      };
      const soon = (): void => {
        if (scheduled) return;
        scheduled = true;
        setImmediate(turn);
      };
      const settled = (error: Error | null): void => {
        outstanding--;
        const nowMs = monotonicMs();
        const isInWindow = nowMs >= measureFromMs && nowMs < measureUntilMs;
        if (error !== null) {
          failed++;
          failure ??= error.message;
        } else if (isInWindow) acknowledged++;
        soon();
      };
      turn();
    });
    return {
      due: acknowledged,
      acknowledged,
      failed,
      unfinished: 0,
      acknowledgedInWindow: acknowledged,
      bytesInWindow: acknowledged * recordBytes,
      latencies: null,
      lateness: null,
    };
  }

  return {
    ready: producer.partitionsFor(topic),
    start: async (start) => {
      const rate = workload.recordsPerSecond;
      const counts = rate === 'max' ? await closedLoop(start) : await openLoop(start, rate);
      await producer.close({ timeoutMs: 1_000 });
      const { requestsSent, batchesSent, bytesSent, batchesRetried } = producer.metrics;
      return {
        kind: 'produced',
        recordsSent,
        requestsSent,
        batchesSent,
        bytesSent,
        batchesRetried,
        failure,
        ...counts,
      } as ProducerReport;
    },
  };
}

let run: Run | null = null;
port.on('message', async (message: ToWorker<ProducerTask>) => {
  if (message.kind === 'task') {
    run = open(message.task);
    await run.ready;
    port.postMessage({ kind: 'ready' });
  } else if (message.kind === 'start') port.postMessage(await run!.start(message));
});

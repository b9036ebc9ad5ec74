/** One producer thread of a load: the project's own client, in an open loop at a rate or in a closed loop as fast as answers come (`producer-loops.ts`). */
import { parentPort } from 'node:worker_threads';
import { Producer } from '@mqlab/core/client/producer/producer.ts';
import type { ProducerRecord } from '@mqlab/core/client/producer/record.ts';
import { realPorts } from '@mqlab/core/ports/real/ports.ts';
import { meanBytes, valuesOf } from './payload.ts';
import { runLoop } from './producer-loops.ts';
import type { ProducerReport, ProducerTask, Start, ToWorker } from './worker-messages.ts';

const port = parentPort!;
/** A client refuses more waiting sends than this. */
const OUTSTANDING_MAX = 90_000;

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

  return {
    ready: producer.partitionsFor(topic),
    start: async (start) => {
      const rate = workload.recordsPerSecond;
      const { warmupMs, measureMs, drainMsMax } = workload;
      const counts = await runLoop(
        {
          recordsPerSecond: rate === 'max' ? rate : rate / workload.producers,
          warmupMs,
          measureMs,
          drainMsMax,
          outstandingMax,
          recordBytes,
          send: (dueMs, settled) => {
            producer.send(nextRecord(dueMs !== null && task.carriesTime ? keyOf(dueMs) : null), settled);
          },
        },
        start,
      );
      await producer.close({ timeoutMs: 1_000 });
      const { requestsSent, batchesSent, bytesSent, batchesRetried } = producer.metrics;
      return { kind: 'produced', recordsSent, requestsSent, batchesSent, bytesSent, batchesRetried, ...counts };
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

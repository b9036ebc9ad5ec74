/**
 * One producer thread against any peer: its driver module, imported by URL, in the loops of `producer-loops.ts`.
 *
 * Which partition a record goes to is decided here, alike for all systems. A record that carries its due moment (8 bytes in front, a double) is a buffer of its
 * own, used again once the record is settled: new memory for each would have the collector stop this thread in the middle of a measurement. Others come from the
 * pool as they are.
 */
import { parentPort } from 'node:worker_threads';
import type { PeerDriver, PeerProducer } from '../peers/peer.ts';
import { partitionChooser } from './partition-chooser.ts';
import { meanBytes, valuesOf } from './payload.ts';
import { runLoop } from './producer-loops.ts';
import {
  DUE_TIME_BYTES,
  type PeerProducerTask,
  type ProducerReport,
  type Start,
  type ToWorker,
} from './worker-messages.ts';

const port = parentPort!;
/** A client of this project refuses more waiting sends than this. */
const OUTSTANDING_MAX = 90_000;

async function open(task: PeerProducerTask): Promise<(start: Start) => Promise<ProducerReport>> {
  const driver = ((await import(task.driver)) as { default: PeerDriver }).default;
  const { address, topics, acks, batchBytes, lingerMs, producers, index, carriesTime } = task;
  const producer: PeerProducer = await driver.openProducer({ address, topics, acks, batchBytes, lingerMs });
  const values = valuesOf(task.payload);
  const recordBytes = meanBytes(task.payload);
  const share = Math.floor(task.outstandingBytesMax / producers / recordBytes);
  const outstandingMax = Math.max(1, Math.min(OUTSTANDING_MAX, share));
  const chooser = partitionChooser(topics, task.keys, batchBytes, index / producers);
  let recordsSent = 0;
  // Threads begin at different records, so that two do not send the same at the same time.
  let nextValue = Math.floor((values.length / producers) * index);

  // Of settled records. Nothing settles a record of acks=0 but that it was handed over, so its memory may still be on its way.
  const spare: Buffer[] = [];
  const isMemoryReused = acks !== '0';

  function send(dueMs: number | null, settled: (error: Error | null) => void): void {
    const value = values[nextValue]!;
    nextValue = nextValue + 1 === values.length ? 0 : nextValue + 1;
    recordsSent++;
    chooser.next(value.length);
    if (dueMs === null || !carriesTime) return producer.send(chooser.topic, chooser.partition, value, settled);
    const kept = spare.pop();
    const timed = kept?.length === value.length ? kept : Buffer.allocUnsafeSlow(value.length);
    timed.set(value);
    timed.writeDoubleBE(dueMs);
    producer.send(chooser.topic, chooser.partition, timed, (error) => {
      if (isMemoryReused) spare.push(timed);
      settled(error);
    });
  }

  if (carriesTime && recordBytes < DUE_TIME_BYTES)
    throw new Error(`records of ${recordBytes} bytes have no room for the ${DUE_TIME_BYTES} of their due time`);
  return async (start) => {
    const { recordsPerSecond, warmupMs, measureMs, drainMsMax } = task;
    const loop = { recordsPerSecond, warmupMs, measureMs, drainMsMax, outstandingMax, recordBytes, send };
    const counts = await runLoop(loop, start);
    await producer.close();
    // What a client puts together on the wire is its own affair: not every one has requests and batches.
    return {
      kind: 'produced',
      recordsSent,
      requestsSent: 0,
      batchesSent: 0,
      bytesSent: recordsSent * recordBytes,
      batchesRetried: 0,
      ...counts,
    };
  };
}

let run: ((start: Start) => Promise<ProducerReport>) | null = null;
port.on('message', async (message: ToWorker<PeerProducerTask>) => {
  if (message.kind === 'task') {
    run = await open(message.task);
    port.postMessage({ kind: 'ready' });
  } else if (message.kind === 'start') port.postMessage(await run!(message));
});

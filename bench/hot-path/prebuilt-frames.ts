/**
 * The cheapest client there is: one produce frame, made once and sent again and again, and fetches whose bytes are thrown away. What it costs beside the
 * broker is next to nothing, so that the broker's own cost is seen on a machine that both share.
 *
 * Invariant: no more than `inFlight` requests are unanswered. Not here: what an answer says (a refused batch would be no cheaper, and is seen by the fetch
 * that finds nothing).
 */
import net from 'node:net';
import { Produce } from '@mqlab/core/protocol/messages/00-produce.ts';
import { Fetch } from '@mqlab/core/protocol/messages/01-fetch.ts';
import { buildBatch } from '@mqlab/core/protocol/record-batch-builder.ts';
import { encodeRequest } from '@mqlab/core/rpc/request-codec.ts';
import { randomTextPayload, valuesOf } from '../load/payload.ts';

export interface PrebuiltBatch {
  readonly bytes: Buffer;
  readonly records: number;
}

/** The last versions that name topics. */
const PRODUCE_VERSION = 12;
const FETCH_VERSION = 12;
const SEED = 20_260_105;
const CLIENT_ID = 'prebuilt';
const RECORD_OVERHEAD_BYTES = 8;
const RECEIVE_BYTES = 1024 * 1024;
const SIZE_BYTES = 4;

export function prebuiltBatch(batchBytes: number, recordBytes: number): PrebuiltBatch {
  const values = valuesOf(randomTextPayload(recordBytes, SEED));
  const records = Math.max(1, Math.floor(batchBytes / (recordBytes + RECORD_OVERHEAD_BYTES)));
  const timestamp = Date.now();
  const bytes = buildBatch({
    records: Array.from({ length: records }, (_, i) => ({ timestamp, key: null, value: values[i % values.length]! })),
  });
  return { bytes, records };
}

/** Sends the batch `count` times to partition 0; resolves when the last one is answered. */
export function produceFrames(port: number, topic: string, batch: PrebuiltBatch, count: number, inFlight: number) {
  const topicData = [{ name: topic, partitionData: [{ index: 0, records: batch.bytes }] }];
  const parts = encodeRequest(Produce, PRODUCE_VERSION, 1, CLIENT_ID, { acks: 1, timeoutMs: 30_000, topicData });
  const frame = Buffer.concat(parts as Uint8Array[]);
  let sent = 0;
  let answered = 0;
  return talk(port, (socket) => {
    const fill = (): void => {
      for (; sent < count && sent - answered < inFlight; sent++) socket.write(frame);
      if (answered === count) socket.destroy();
    };
    fill();
    return () => {
      answered++;
      fill();
    };
  });
}

/** Reads `bytes` of that topic, written by `produceFrames`, from its beginning, with one fetch at a time. */
export function fetchFrames(port: number, topic: string, batch: PrebuiltBatch, bytes: number, bytesMax: number) {
  let read = 0;
  return talk(port, (socket) => {
    const ask = (): void => {
      const fetchOffset = (read / batch.bytes.length) * batch.records;
      const topics = [{ topic, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: bytesMax }] }];
      const limits = { maxWaitMs: 500, minBytes: 1, maxBytes: bytesMax };
      const parts = encodeRequest(Fetch, FETCH_VERSION, 1, CLIENT_ID, { ...limits, topics, forgottenTopicsData: [] });
      socket.write(Buffer.concat(parts as Uint8Array[]));
    };
    ask();
    return (frameBytes) => {
      const batches = Math.floor(frameBytes / batch.bytes.length);
      if (batches === 0) return socket.destroy(new Error(`nothing more to read after ${read} bytes`));
      read += batches * batch.bytes.length;
      if (read >= bytes) socket.destroy();
      else ask();
    };
  });
}

/** `begin` is called when connected, what it returns with the size of each answer; ends when the socket does. */
function talk(port: number, begin: (socket: net.Socket) => (frameBytes: number) => unknown): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(RECEIVE_BYTES);
  const sizeField = Buffer.alloc(SIZE_BYTES);
  let sizeBytes = 0;
  let left = 0;
  let onAnswer: (frameBytes: number) => unknown = () => {};
  const take = (length: number): boolean => {
    for (let at = 0; at < length; ) {
      if (sizeBytes < SIZE_BYTES) {
        sizeField[sizeBytes++] = buffer[at++]!;
        left = sizeBytes === SIZE_BYTES ? sizeField.readInt32BE(0) : 0;
        continue;
      }
      const taken = Math.min(left, length - at);
      at += taken;
      left -= taken;
      if (left > 0) continue;
      sizeBytes = 0;
      onAnswer(sizeField.readInt32BE(0));
    }
    return true;
  };
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: '127.0.0.1', port, noDelay: true, onread: { buffer, callback: take } });
    socket.once('connect', () => {
      onAnswer = begin(socket);
    });
    socket.once('error', reject);
    socket.once('close', () => resolve());
  });
}

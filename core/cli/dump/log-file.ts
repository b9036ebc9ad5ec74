import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { ControlType, decodeControlType, endTxnMarkerOf } from '../../protocol/control-record.ts';
import { recordsOf } from '../../protocol/record.ts';
import { BATCH_HEADER_BYTES, batchBytesAt, RecordBatch } from '../../protocol/record-batch.ts';
import type { RecordDecoder } from './decoders.ts';

/**
 * The batches and records of a `.log` file, as `dump-log` shows them, with what is wrong with them.
 *
 * Invariant: reads one batch at a time, whatever the file's size. A batch whose length cannot be ends the walk: behind it nothing has a place.
 */
export interface DumpedLine {
  readonly kind: 'batch' | 'record' | 'entry' | 'problem';
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface LogDumpOptions {
  readonly records: boolean;
  readonly decode: RecordDecoder | null;
}

const BATCH_BYTES_MAX = 0x7fff_ffff;

/** One batch after the other, with its place; `problem` instead of a batch where the walk ends early. */
export function* batchesOfFile(
  path: string,
): Generator<
  { readonly batch: RecordBatch; readonly position: number } | { readonly problem: string; readonly position: number }
> {
  const file = openSync(path, 'r');
  try {
    const size = fstatSync(file).size;
    const header = Buffer.alloc(BATCH_HEADER_BYTES);
    for (let position = 0; position < size; ) {
      const left = size - position;
      if (readSync(file, header, 0, Math.min(left, BATCH_HEADER_BYTES), position) < BATCH_HEADER_BYTES)
        return yield { position, problem: `${left} bytes behind the last whole batch` };
      const bytes = batchBytesAt(header, 0);
      // What was taken for a segment beforehand is not given back by a kill.
      if (bytes === BATCH_HEADER_BYTES - 49 && header.every((byte) => byte === 0))
        return yield { position, problem: `${left} bytes that were never written` };
      if (bytes < BATCH_HEADER_BYTES || bytes > BATCH_BYTES_MAX)
        return yield { position, problem: `a batch of ${bytes} bytes` };
      if (bytes > left) return yield { position, problem: `a batch of ${bytes} bytes where the file has ${left}` };
      const buffer = Buffer.allocUnsafe(bytes);
      readSync(file, buffer, 0, bytes, position);
      yield { batch: new RecordBatch(buffer), position };
      position += bytes;
    }
  } finally {
    closeSync(file);
  }
}

export function* dumpLogFile(path: string, { records, decode }: LogDumpOptions): Generator<DumpedLine> {
  let nextOffset = 0;
  for (const found of batchesOfFile(path)) {
    const { position } = found;
    const problem = (what: string): DumpedLine => ({ kind: 'problem', fields: { position, problem: what } });
    if ('problem' in found) return yield problem(found.problem);
    const { batch } = found;
    const { isCrcValid } = batch;
    yield { kind: 'batch', fields: { ...headerOf(batch), position, isvalid: isCrcValid } };
    if (!isCrcValid) yield problem(`CRC ${batch.crc} where the bytes have ${batch.computeCrc()}`);
    if (batch.baseOffset < nextOffset) yield problem(`base offset ${batch.baseOffset} behind ${nextOffset - 1}`);
    nextOffset = batch.nextOffset;
    if (!isCrcValid) continue;
    try {
      for (const line of recordLines(batch, decode)) if (records) yield line;
    } catch (error) {
      yield problem(`records: ${(error as Error).message}`);
    }
  }
}

function headerOf(batch: RecordBatch): Record<string, unknown> {
  return {
    baseOffset: batch.baseOffset,
    lastOffset: batch.lastOffset,
    count: batch.recordCount,
    baseSequence: batch.baseSequence,
    lastSequence: batch.lastSequence,
    producerId: batch.producerId,
    producerEpoch: batch.producerEpoch,
    partitionLeaderEpoch: batch.partitionLeaderEpoch,
    isTransactional: batch.isTransactional,
    isControl: batch.isControl,
    ...(batch.hasDeleteHorizon ? { deleteHorizonMs: batch.baseTimestamp } : {}),
    [batch.isLogAppendTime ? 'LogAppendTime' : 'CreateTime']: batch.maxTimestamp,
    size: batch.bytes,
    magic: batch.magic,
    compresscodec: batch.compression ?? `unknown (${batch.attributes & 7})`,
    crc: batch.crc,
  };
}

/** Goes through all of them, so that what does not decompress or parse is seen. */
function* recordLines(batch: RecordBatch, decode: RecordDecoder | null): Generator<DumpedLine> {
  let at = 0;
  for (const { offset, timestamp, key, value, headers } of recordsOf(batch)) {
    const sequence = batch.baseSequence < 0 ? {} : { sequence: batch.baseSequence + at };
    const fields = {
      offset,
      [batch.isLogAppendTime ? 'LogAppendTime' : 'CreateTime']: timestamp,
      keySize: key?.length ?? -1,
      valueSize: value?.length ?? -1,
      ...sequence,
      headerKeys: headers.map((header) => header.key),
    };
    at++;
    yield {
      kind: 'record',
      fields: { ...fields, ...(batch.isControl ? controlOf(batch, key) : payloadOf(key, value, decode)) },
    };
  }
}

function controlOf(batch: RecordBatch, key: Buffer | null): Record<string, unknown> {
  const type = decodeControlType(key);
  const name = Object.keys(ControlType).find((each) => ControlType[each as keyof typeof ControlType] === type);
  const marker = endTxnMarkerOf(batch);
  return {
    control: name ?? `unknown (${type})`,
    ...(marker === undefined ? {} : { coordinatorEpoch: marker.coordinatorEpoch }),
  };
}

function payloadOf(key: Buffer | null, value: Buffer | null, decode: RecordDecoder | null): Record<string, unknown> {
  if (decode !== null) return decode(key, value);
  return { key: key?.toString() ?? null, payload: value?.toString() ?? null };
}

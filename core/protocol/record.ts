import { decompress } from './compression.ts';
import { BATCH_HEADER_BYTES, batchBytesAt, MAGIC_V2, type RecordBatch } from './record-batch.ts';
import { RecordCursor } from './record-cursor.ts';
import { WireError } from './wire-error.ts';

/** A record as an object, for clients, coordinators and tests. The broker's produce and fetch roads make none. */
export interface Record {
  readonly offset: number;
  /** Milliseconds since the epoch; the batch's largest timestamp where the batch has log append time. */
  readonly timestamp: number;
  /** Views: of the batch's bytes, or of what they were decompressed to. */
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly RecordHeader[];
}

export interface RecordHeader {
  readonly key: string;
  readonly value: Buffer | null;
}

/** How much a batch may hold decompressed, unless the caller says otherwise. */
export const DECOMPRESSED_BYTES_MAX = 256 * 1024 * 1024;

/** The records of a batch as they lie behind each other, decompressed. Throws WireError. */
export function recordDataOf(batch: RecordBatch, bytesMax = DECOMPRESSED_BYTES_MAX): Buffer {
  checkFrame(batch);
  const compression = batch.compression;
  if (compression === undefined) throw new WireError(`compression type ${batch.attributes & 7}`);
  const stored = batch.recordBytes;
  return stored.length === 0 ? stored : decompress(compression, stored, bytesMax);
}

function checkFrame(batch: RecordBatch): void {
  const left = batch.buffer.length - batch.position;
  if (left < BATCH_HEADER_BYTES) throw new WireError(`a batch in ${left} bytes`);
  const bytes = batchBytesAt(batch.buffer, batch.position);
  if (bytes < BATCH_HEADER_BYTES || bytes > left) throw new WireError(`a batch of ${bytes} bytes in ${left}`);
  if (batch.magic !== MAGIC_V2) throw new WireError(`a batch of format ${batch.magic}`);
}

/**
 * Decodes the records of a batch, control records too. The CRC is not checked: who takes bytes from outside does that first (`isCrcValid`).
 * Throws WireError on damage: lengths or counts that do not fit, offsets that do not rise or lie outside the batch, bytes left over.
 */
export function* recordsOf(batch: RecordBatch, bytesMax = DECOMPRESSED_BYTES_MAX): Generator<Record, void, undefined> {
  const cursor = new RecordCursor(recordDataOf(batch, bytesMax), batch.recordCount);
  const { baseOffset, baseTimestamp, lastOffsetDelta } = batch;
  const appendTime = batch.isLogAppendTime ? batch.maxTimestamp : undefined;
  let previous = -1;
  while (cursor.next()) {
    const { offsetDelta } = cursor;
    if (offsetDelta <= previous || offsetDelta > lastOffsetDelta) {
      throw new WireError(`offset delta ${offsetDelta} after ${previous}, the last being ${lastOffsetDelta}`);
    }
    previous = offsetDelta;
    yield {
      offset: baseOffset + offsetDelta,
      timestamp: appendTime ?? baseTimestamp + cursor.timestampDelta,
      key: cursor.key,
      value: cursor.value,
      headers: cursor.headers(),
    };
  }
}

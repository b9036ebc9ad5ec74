import type { File } from '../ports/files.ts';
import { BATCH_HEADER_BYTES, batchBytesAt, MAGIC_V2, RecordBatch } from '../protocol/record-batch.ts';

/**
 * Walks over the batches of a segment file. `scanHeaders` reads only headers (several at a time where batches are small), `scanBatches` reads
 * everything and says where the file stops being sound. Both give views over their own buffer: valid only during the callback.
 */
const HEADER_CHUNK_BYTES = 4096;
const CHUNK_BYTES = 1024 * 1024;

/** What a scan reads into, kept between scans; null while one uses it. A thousand recoveries would allocate and clear a gigabyte otherwise. */
let spareChunk: Buffer | null = null;

/**
 * Calls `visit` for each batch from `position` (a batch's start) to `limit`, until it returns false. Trusts the file: lengths were checked when
 * it was appended or recovered; a length that cannot be throws.
 */
export function scanHeaders(
  file: File,
  position: number,
  limit: number,
  visit: (batch: RecordBatch, position: number, bytes: number) => boolean,
): void {
  if (limit - position < BATCH_HEADER_BYTES) return;
  const buffer = Buffer.allocUnsafe(HEADER_CHUNK_BYTES);
  let at = position;
  let chunkStart = position;
  let chunkEnd = position;
  while (limit - at >= BATCH_HEADER_BYTES) {
    if (at + BATCH_HEADER_BYTES > chunkEnd) {
      const read = file.readInto(buffer.subarray(0, Math.min(HEADER_CHUNK_BYTES, limit - at)), at);
      if (read < BATCH_HEADER_BYTES) throw new Error(`${file.path}: ${read} bytes at ${at}, where a batch should be`);
      chunkStart = at;
      chunkEnd = at + read;
    }
    const batch = new RecordBatch(buffer, at - chunkStart);
    const bytes = batch.bytes;
    if (bytes < BATCH_HEADER_BYTES || batch.magic !== MAGIC_V2) {
      throw new Error(`${file.path}: no batch at ${at}`);
    }
    if (!visit(batch, at, bytes)) return;
    at += bytes;
  }
}

const headerBuffer = Buffer.allocUnsafe(BATCH_HEADER_BYTES);

/**
 * Whether a batch begins at `position` that can be what an index says: its base offset is not above `offsetMax`. Index files have no checksum, and a
 * position that is too far would leave out records without a word.
 */
export function isBatchStart(file: File, position: number, offsetMax: number): boolean {
  if (position === 0) return true;
  if (position < 0 || file.size - position < BATCH_HEADER_BYTES) return false;
  if (file.readInto(headerBuffer, position) < BATCH_HEADER_BYTES) return false;
  const batch = new RecordBatch(headerBuffer);
  const { bytes } = batch;
  if (batch.magic !== MAGIC_V2 || bytes < BATCH_HEADER_BYTES || bytes > file.size - position) return false;
  return batch.baseOffset <= offsetMax;
}

/** Reads the whole batch at `position` into a buffer of its own. */
export function readBatch(file: File, position: number, bytes: number): RecordBatch {
  const buffer = Buffer.allocUnsafe(bytes);
  const read = file.readInto(buffer, position);
  if (read < bytes) throw new Error(`${file.path}: ${read} of ${bytes} bytes at ${position}`);
  return new RecordBatch(buffer);
}

export interface ScanResult {
  /** The bytes from the start of the file that are whole, valid batches. */
  readonly validBytes: number;
  /** Why the scan stopped before the end; null when it did not. */
  readonly problem: string | null;
}

/** Checks every batch from `position` on (size, magic, CRC, offsets rising from `offsetMin`) and calls `visit` for each good one. */
export function scanBatches(
  file: File,
  position: number,
  offsetMin: number,
  visit: (batch: RecordBatch, position: number, bytes: number) => void,
): ScanResult {
  if (file.size === position) return { validBytes: position, problem: null };
  const chunk = spareChunk ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
  spareChunk = null;
  try {
    return scanInto(chunk, file, position, offsetMin, visit);
  } finally {
    spareChunk = chunk;
  }
}

/** `buffer` is left for a larger one where a batch does not fit. */
function scanInto(
  buffer: Buffer,
  file: File,
  position: number,
  offsetMin: number,
  visit: (batch: RecordBatch, position: number, bytes: number) => void,
): ScanResult {
  const size = file.size;
  let chunkStart = position;
  let chunkEnd = position;
  let at = position;
  let nextOffset = offsetMin;
  const fill = (bytes: number): boolean => {
    if (at + bytes <= chunkEnd) return true;
    if (bytes > buffer.length) buffer = Buffer.allocUnsafeSlow(bytes);
    chunkStart = at;
    chunkEnd = at + file.readInto(buffer.subarray(0, Math.min(buffer.length, size - at)), at);
    return at + bytes <= chunkEnd;
  };
  while (at < size) {
    if (!fill(BATCH_HEADER_BYTES)) return { validBytes: at, problem: `${size - at} bytes are less than a header` };
    const bytes = batchBytesAt(buffer, at - chunkStart);
    if (bytes < BATCH_HEADER_BYTES) return { validBytes: at, problem: `a batch of ${bytes} bytes` };
    if (bytes > size - at) return { validBytes: at, problem: `a batch of ${bytes} bytes where ${size - at} are left` };
    if (!fill(bytes)) return { validBytes: at, problem: 'the file is shorter than its length says' };
    const batch = new RecordBatch(buffer, at - chunkStart);
    if (batch.magic !== MAGIC_V2) return { validBytes: at, problem: `a batch of magic ${batch.magic}` };
    if (!batch.isCrcValid) return { validBytes: at, problem: 'a batch whose CRC does not fit' };
    if (batch.baseOffset < nextOffset || batch.lastOffsetDelta < 0) {
      return { validBytes: at, problem: `base offset ${batch.baseOffset} where ${nextOffset} or more should be` };
    }
    visit(batch, at, bytes);
    nextOffset = batch.nextOffset;
    at += bytes;
  }
  return { validBytes: at, problem: null };
}

import { compress } from '../protocol/compression.ts';
import { Reader } from '../protocol/reader.ts';
import { recordDataOf } from '../protocol/record.ts';
import { RECORDS_OFFSET, type RecordBatch, writeBatchHeader } from '../protocol/record-batch.ts';
import { varintBytes, varlongBytes, writeVarint, writeVarlong } from '../protocol/varint.ts';
import { WireError } from '../protocol/wire-error.ts';

/**
 * A batch with fewer records: what compaction writes. Base and last offset, sequence, epochs, codec and timestamp type stay; the records that stay
 * keep their offsets and timestamps, and their bytes from the key on are copied as they are.
 *
 * The delete horizon (KIP-534) is the time from which tombstones and empty transactions' markers may go. It takes the place of the base timestamp, so the
 * timestamp deltas are written anew when it is set.
 */
export type RetainRecord = (key: Buffer | null, offset: number, hasValue: boolean) => boolean;

export interface FilterOptions {
  readonly retain: RetainRecord;
  /** The batch gets this horizon when it has none and needs one: a tombstone stays in it, or `needsHorizon`. */
  readonly deleteHorizonMs: number;
  readonly needsHorizon: boolean;
}

interface Kept {
  readonly offsetDelta: number;
  readonly timestamp: number;
  /** From the key's length to the record's end. */
  readonly start: number;
  readonly end: number;
}

/** null when no record stays; the batch's own bytes when nothing changes. Throws WireError on damage. */
export function filterBatch(batch: RecordBatch, options: FilterOptions): Buffer | null {
  const data = recordDataOf(batch);
  const kept: Kept[] = [];
  let hasTombstone = false;
  const { baseOffset, baseTimestamp, recordCount } = batch;
  const appendTimeMs = batch.isLogAppendTime ? batch.maxTimestamp : null;
  const reader = new Reader(data);
  for (let index = 0; index < recordCount; index++) {
    const length = reader.varint();
    const end = reader.position + length;
    if (length < 0 || end > data.length) throw new WireError(`a record of ${length} bytes`);
    reader.skip(1);
    const timestampDelta = reader.varlong();
    const offsetDelta = reader.varint();
    const start = reader.position;
    const keyBytes = reader.varint();
    const key = keyBytes < 0 ? null : reader.view(keyBytes);
    const hasValue = reader.varint() >= 0;
    if (end < reader.position) throw new WireError(`a record that ends at ${end}, its value at ${reader.position}`);
    reader.skip(end - reader.position);
    if (!options.retain(key, baseOffset + offsetDelta, hasValue)) continue;
    if (!hasValue) hasTombstone = true;
    kept.push({ offsetDelta, timestamp: appendTimeMs ?? baseTimestamp + timestampDelta, start, end });
  }
  if (kept.length === 0) return null;
  const setsHorizon = !batch.hasDeleteHorizon && (hasTombstone || options.needsHorizon);
  if (kept.length === recordCount && !setsHorizon) return batch.view;
  // What is written gets a new checksum: damage must not get one with it.
  if (!batch.isCrcValid) throw new WireError(`the batch at offset ${baseOffset} does not fit its CRC`);
  const hasDeleteHorizon = setsHorizon || batch.hasDeleteHorizon;
  const base = setsHorizon ? options.deleteHorizonMs : batch.hasDeleteHorizon ? baseTimestamp : kept[0]!.timestamp;
  return rewrite(batch, data, kept, base, hasDeleteHorizon);
}

function rewrite(
  batch: RecordBatch,
  data: Buffer,
  kept: readonly Kept[],
  baseTimestamp: number,
  hasDeleteHorizon: boolean,
): Buffer {
  let recordBytes = 0;
  let maxTimestamp = -1;
  for (const record of kept) {
    const body = bodyBytes(record, baseTimestamp);
    recordBytes += varintBytes(body) + body;
    maxTimestamp = Math.max(maxTimestamp, record.timestamp);
  }
  const plain = Buffer.allocUnsafe(recordBytes);
  let at = 0;
  for (const record of kept) {
    at = writeVarint(plain, at, bodyBytes(record, baseTimestamp));
    plain[at++] = 0;
    at = writeVarlong(plain, at, record.timestamp - baseTimestamp);
    at = writeVarint(plain, at, record.offsetDelta);
    at += data.copy(plain, at, record.start, record.end);
  }
  const compression = batch.compression!;
  const block = compress(compression, plain);
  const buffer = Buffer.allocUnsafe(RECORDS_OFFSET + block.length);
  buffer.set(block, RECORDS_OFFSET);
  return writeBatchHeader(buffer, 0, block.length, {
    ...headerOf(batch),
    compression,
    hasDeleteHorizon,
    baseTimestamp,
    maxTimestamp: batch.isLogAppendTime ? batch.maxTimestamp : maxTimestamp,
    recordCount: kept.length,
  }).view;
}

function bodyBytes(record: Kept, baseTimestamp: number): number {
  const delta = varlongBytes(record.timestamp - baseTimestamp);
  return 1 + delta + varintBytes(record.offsetDelta) + record.end - record.start;
}

/** The batch without its records: it remembers a producer's last sequence, or the offset up to which the log was cleaned. */
export function emptyBatch(batch: RecordBatch): Buffer {
  return writeBatchHeader(Buffer.allocUnsafe(RECORDS_OFFSET), 0, 0, {
    ...headerOf(batch),
    compression: 'none',
    baseTimestamp: -1,
    maxTimestamp: batch.maxTimestamp,
    recordCount: 0,
  }).view;
}

function headerOf(batch: RecordBatch) {
  return {
    baseOffset: batch.baseOffset,
    partitionLeaderEpoch: batch.partitionLeaderEpoch,
    isLogAppendTime: batch.isLogAppendTime,
    isTransactional: batch.isTransactional,
    isControl: batch.isControl,
    lastOffsetDelta: batch.lastOffsetDelta,
    producerId: batch.producerId,
    producerEpoch: batch.producerEpoch,
    baseSequence: batch.baseSequence,
  };
}

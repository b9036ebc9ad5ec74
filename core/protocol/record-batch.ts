import { crc32c } from '@node-rs/crc32';
import type { CompressionType } from './compression.ts';
import { WireError } from './wire-error.ts';

/**
 * A record batch of format v2 as a view over received or stored bytes: nothing is decoded until it is asked for.
 *
 *     offset  field                 type   inside the CRC
 *      0      baseOffset            i64    no
 *      8      batchLength           i32    no   bytes after this field
 *     12      partitionLeaderEpoch  i32    no
 *     16      magic                 i8     no   2
 *     17      crc                   u32    –    CRC-32C of 21..end
 *     21      attributes            i16    yes  0–2 codec, 3 timestamp type, 4 transactional, 5 control, 6 delete horizon
 *     23      lastOffsetDelta       i32    yes
 *     27      baseTimestamp         i64    yes
 *     35      maxTimestamp          i64    yes
 *     43      producerId            i64    yes
 *     51      producerEpoch         i16    yes
 *     53      baseSequence          i32    yes
 *     57      recordCount           i32    yes
 *     61      records                      yes  compressed as one block
 *
 * Since base offset and leader epoch lie outside the CRC, the leader patches them in the received bytes and writes those.
 * Source: Kafka's "Message Format" documentation; KIP-98, KIP-101.
 */
const BATCH_LENGTH_OFFSET = 8;
const PARTITION_LEADER_EPOCH_OFFSET = BATCH_LENGTH_OFFSET + 4;
const MAGIC_OFFSET = PARTITION_LEADER_EPOCH_OFFSET + 4;
const CRC_OFFSET = MAGIC_OFFSET + 1;
const ATTRIBUTES_OFFSET = CRC_OFFSET + 4;
const LAST_OFFSET_DELTA_OFFSET = ATTRIBUTES_OFFSET + 2;
const BASE_TIMESTAMP_OFFSET = LAST_OFFSET_DELTA_OFFSET + 4;
const MAX_TIMESTAMP_OFFSET = BASE_TIMESTAMP_OFFSET + 8;
const PRODUCER_ID_OFFSET = MAX_TIMESTAMP_OFFSET + 8;
const PRODUCER_EPOCH_OFFSET = PRODUCER_ID_OFFSET + 8;
const BASE_SEQUENCE_OFFSET = PRODUCER_EPOCH_OFFSET + 2;
const RECORD_COUNT_OFFSET = BASE_SEQUENCE_OFFSET + 4;
export const RECORDS_OFFSET = RECORD_COUNT_OFFSET + 4;

/** Bytes in front of what `batchLength` counts. */
export const LOG_OVERHEAD_BYTES = BATCH_LENGTH_OFFSET + 4;
/** The size of a batch without records; reading this many bytes is enough for every header field. */
export const BATCH_HEADER_BYTES = RECORDS_OFFSET;
export const MAGIC_V2 = 2;

const CODEC_MASK = 0x07;
const LOG_APPEND_TIME_FLAG = 0x08;
const TRANSACTIONAL_FLAG = 0x10;
const CONTROL_FLAG = 0x20;
const DELETE_HORIZON_FLAG = 0x40;

export const CODECS: readonly CompressionType[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
export const NO_PRODUCER_ID = -1;
export const NO_SEQUENCE = -1;

/** The whole size in bytes of the batch that begins at `position`; only its first 12 bytes need to be there. */
export function batchBytesAt(buffer: Buffer, position: number): number {
  return LOG_OVERHEAD_BYTES + buffer.readInt32BE(position + BATCH_LENGTH_OFFSET);
}

/**
 * i64 that may hold more than 53 bits in hostile input. Saturates at ±2^53: callers compare with offsets and times,
 * and every such value is outside all bounds.
 */
function readInt64(buffer: Buffer, position: number): number {
  return buffer.readInt32BE(position) * 0x1_0000_0000 + buffer.readUInt32BE(position + 4);
}

function writeInt64(buffer: Buffer, value: number, position: number): void {
  const high = Math.floor(value / 0x1_0000_0000);
  buffer.writeInt32BE(high, position);
  buffer.writeUInt32BE(value - high * 0x1_0000_0000, position + 4);
}

export class RecordBatch {
  /** The bytes that hold the batch; shared with whoever made the view. */
  readonly buffer: Buffer;
  /** Where the batch begins in `buffer`. */
  readonly position: number;

  constructor(buffer: Buffer, position = 0) {
    this.buffer = buffer;
    this.position = position;
  }

  /** The whole batch with its header. */
  get bytes(): number {
    return batchBytesAt(this.buffer, this.position);
  }

  get baseOffset(): number {
    return readInt64(this.buffer, this.position);
  }

  set baseOffset(value: number) {
    writeInt64(this.buffer, value, this.position);
  }

  get partitionLeaderEpoch(): number {
    return this.buffer.readInt32BE(this.position + PARTITION_LEADER_EPOCH_OFFSET);
  }

  set partitionLeaderEpoch(value: number) {
    this.buffer.writeInt32BE(value, this.position + PARTITION_LEADER_EPOCH_OFFSET);
  }

  get magic(): number {
    return this.buffer.readInt8(this.position + MAGIC_OFFSET);
  }

  get crc(): number {
    return this.buffer.readUInt32BE(this.position + CRC_OFFSET);
  }

  get attributes(): number {
    return this.buffer.readInt16BE(this.position + ATTRIBUTES_OFFSET);
  }

  /** undefined when the codec number is none of the five. */
  get compression(): CompressionType | undefined {
    return CODECS[this.attributes & CODEC_MASK];
  }

  get isLogAppendTime(): boolean {
    return (this.attributes & LOG_APPEND_TIME_FLAG) !== 0;
  }

  get isTransactional(): boolean {
    return (this.attributes & TRANSACTIONAL_FLAG) !== 0;
  }

  get isControl(): boolean {
    return (this.attributes & CONTROL_FLAG) !== 0;
  }

  get hasDeleteHorizon(): boolean {
    return (this.attributes & DELETE_HORIZON_FLAG) !== 0;
  }

  get lastOffsetDelta(): number {
    return this.buffer.readInt32BE(this.position + LAST_OFFSET_DELTA_OFFSET);
  }

  get lastOffset(): number {
    return this.baseOffset + this.lastOffsetDelta;
  }

  get nextOffset(): number {
    return this.lastOffset + 1;
  }

  /** Milliseconds since the epoch; the delete horizon when `hasDeleteHorizon`. */
  get baseTimestamp(): number {
    return readInt64(this.buffer, this.position + BASE_TIMESTAMP_OFFSET);
  }

  get maxTimestamp(): number {
    return readInt64(this.buffer, this.position + MAX_TIMESTAMP_OFFSET);
  }

  get producerId(): number {
    return readInt64(this.buffer, this.position + PRODUCER_ID_OFFSET);
  }

  get producerEpoch(): number {
    return this.buffer.readInt16BE(this.position + PRODUCER_EPOCH_OFFSET);
  }

  get baseSequence(): number {
    return this.buffer.readInt32BE(this.position + BASE_SEQUENCE_OFFSET);
  }

  /** Wraps from 2^31−1 to 0. */
  get lastSequence(): number {
    const base = this.baseSequence;
    return base === NO_SEQUENCE ? NO_SEQUENCE : (base + this.lastOffsetDelta) % 0x8000_0000;
  }

  get recordCount(): number {
    return this.buffer.readInt32BE(this.position + RECORD_COUNT_OFFSET);
  }

  get hasProducerId(): boolean {
    return this.producerId > NO_PRODUCER_ID;
  }

  /** The records as stored: compressed where the batch is. */
  get recordBytes(): Buffer {
    return this.buffer.subarray(this.position + RECORDS_OFFSET, this.position + this.bytes);
  }

  /** The batch as a Buffer over the same memory. */
  get view(): Buffer {
    return this.buffer.subarray(this.position, this.position + this.bytes);
  }

  computeCrc(): number {
    return crc32c(this.buffer.subarray(this.position + ATTRIBUTES_OFFSET, this.position + this.bytes));
  }

  get isCrcValid(): boolean {
    return this.computeCrc() === this.crc;
  }

  /** Corrects the largest timestamp; writes the CRC anew. */
  setMaxTimestamp(timestampMs: number): void {
    writeInt64(this.buffer, timestampMs, this.position + MAX_TIMESTAMP_OFFSET);
    this.buffer.writeUInt32BE(this.computeCrc(), this.position + CRC_OFFSET);
  }

  /** Sets the timestamp type and, for log append time, the largest timestamp; writes the CRC anew. */
  setLogAppendTime(timestampMs: number): void {
    this.buffer.writeInt16BE(this.attributes | LOG_APPEND_TIME_FLAG, this.position + ATTRIBUTES_OFFSET);
    writeInt64(this.buffer, timestampMs, this.position + MAX_TIMESTAMP_OFFSET);
    this.buffer.writeUInt32BE(this.computeCrc(), this.position + CRC_OFFSET);
  }
}

/** What a batch's header is made from. */
export interface BatchHeader {
  readonly baseOffset: number;
  readonly partitionLeaderEpoch: number;
  readonly compression: CompressionType;
  readonly isLogAppendTime?: boolean;
  readonly isTransactional?: boolean;
  readonly isControl?: boolean;
  readonly hasDeleteHorizon?: boolean;
  readonly lastOffsetDelta: number;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly recordCount: number;
}

/**
 * Writes the header in front of records that already lie at `position + RECORDS_OFFSET` and take `recordBytes`, and seals it with the CRC.
 */
export function writeBatchHeader(
  buffer: Buffer,
  position: number,
  recordBytes: number,
  header: BatchHeader,
): RecordBatch {
  writeInt64(buffer, header.baseOffset, position);
  buffer.writeInt32BE(RECORDS_OFFSET - LOG_OVERHEAD_BYTES + recordBytes, position + BATCH_LENGTH_OFFSET);
  buffer.writeInt32BE(header.partitionLeaderEpoch, position + PARTITION_LEADER_EPOCH_OFFSET);
  buffer.writeInt8(MAGIC_V2, position + MAGIC_OFFSET);
  const attributes =
    CODECS.indexOf(header.compression) |
    (header.isLogAppendTime ? LOG_APPEND_TIME_FLAG : 0) |
    (header.isTransactional ? TRANSACTIONAL_FLAG : 0) |
    (header.isControl ? CONTROL_FLAG : 0) |
    (header.hasDeleteHorizon ? DELETE_HORIZON_FLAG : 0);
  buffer.writeInt16BE(attributes, position + ATTRIBUTES_OFFSET);
  buffer.writeInt32BE(header.lastOffsetDelta, position + LAST_OFFSET_DELTA_OFFSET);
  writeInt64(buffer, header.baseTimestamp, position + BASE_TIMESTAMP_OFFSET);
  writeInt64(buffer, header.maxTimestamp, position + MAX_TIMESTAMP_OFFSET);
  writeInt64(buffer, header.producerId, position + PRODUCER_ID_OFFSET);
  buffer.writeInt16BE(header.producerEpoch, position + PRODUCER_EPOCH_OFFSET);
  buffer.writeInt32BE(header.baseSequence, position + BASE_SEQUENCE_OFFSET);
  buffer.writeInt32BE(header.recordCount, position + RECORD_COUNT_OFFSET);
  const batch = new RecordBatch(buffer, position);
  buffer.writeUInt32BE(batch.computeCrc(), position + CRC_OFFSET);
  return batch;
}

/**
 * The batches that lie back to back in `buffer` from `position`. Stops in front of a batch that is cut off (a fetch answer may end in one);
 * throws WireError on a length that no batch can have.
 */
export function* batchesIn(buffer: Buffer, position = 0, limit = buffer.length): Generator<RecordBatch> {
  let at = position;
  while (limit - at >= BATCH_HEADER_BYTES) {
    const bytes = batchBytesAt(buffer, at);
    if (bytes < BATCH_HEADER_BYTES) throw new WireError(`a batch of ${bytes} bytes at ${at}`);
    if (bytes > limit - at) return;
    yield new RecordBatch(buffer, at);
    at += bytes;
  }
}

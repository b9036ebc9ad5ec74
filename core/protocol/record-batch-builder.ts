import { type CompressionType, compress } from './compression.ts';
import { NO_PRODUCER_ID, NO_SEQUENCE, RECORDS_OFFSET, writeBatchHeader } from './record-batch.ts';
import { varintBytes, varlongBytes, writeVarint, writeVarlong } from './varint.ts';

/**
 * Collects records into one growing buffer, in their final form, and seals them into a batch.
 *
 * Invariant: offsets rise; the buffer holds room for the header, then every record appended so far. A builder makes one batch:
 * what `build()` returns belongs to the caller, and the builder is not used after it. How large a batch may grow is the caller's to say
 * (`bytesMax`); when to seal it is too.
 */
export interface BatchOptions {
  readonly compression?: CompressionType;
  readonly compressionLevel?: number;
  readonly baseOffset?: number;
  readonly partitionLeaderEpoch?: number;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly isTransactional?: boolean;
  readonly isControl?: boolean;
  /** Milliseconds since the epoch: the batch gets log append time, and this as its largest timestamp. */
  readonly logAppendTimeMs?: number;
  /** Milliseconds since the epoch: from then on compaction may drop the batch's tombstones (KIP-534). */
  readonly deleteHorizonMs?: number;
  /** Where `tryAppend` stops, measured before compression and with the header. */
  readonly bytesMax?: number;
  /** The first size of the buffer. */
  readonly bytesInitial?: number;
}

export interface HeaderInput {
  readonly key: string;
  readonly value: Uint8Array | null;
}

const BYTES_INITIAL = 1024;
const NO_HEADERS: readonly HeaderInput[] = [];
const NO_TIMESTAMP = -1;

export class RecordBatchBuilder {
  private readonly options: BatchOptions;
  private readonly baseOffset: number;
  private readonly bytesMax: number;
  private buffer: Buffer;
  private position = RECORDS_OFFSET;
  private baseTimestamp: number | undefined;
  private maxTimestamp = NO_TIMESTAMP;
  private lastOffsetDelta = -1;
  private count = 0;
  private isBuilt = false;

  constructor(options: BatchOptions = {}) {
    this.options = options;
    this.baseOffset = options.baseOffset ?? 0;
    this.bytesMax = options.bytesMax ?? Number.POSITIVE_INFINITY;
    this.baseTimestamp = options.deleteHorizonMs;
    this.buffer = Buffer.allocUnsafe(Math.max(options.bytesInitial ?? BYTES_INITIAL, RECORDS_OFFSET));
  }

  get recordCount(): number {
    return this.count;
  }

  /** The batch's size with its header, before compression. */
  get bytes(): number {
    return this.position;
  }

  /** The largest timestamp appended, −1 when there is none. */
  get timestampMax(): number {
    return this.maxTimestamp;
  }

  /** Appends unless the batch would grow beyond `bytesMax`; the first record always fits. */
  tryAppend(
    timestamp: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly HeaderInput[] = NO_HEADERS,
  ): boolean {
    if (this.count > 0 && this.position + this.recordBytes(timestamp, key, value, headers) > this.bytesMax)
      return false;
    this.append(timestamp, key, value, headers);
    return true;
  }

  append(
    timestamp: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly HeaderInput[] = NO_HEADERS,
  ): void {
    this.write(this.lastOffsetDelta + 1, timestamp, key, value, headers);
  }

  /** For compaction, which leaves gaps: `offset` lies behind all offsets appended so far. */
  appendWithOffset(
    offset: number,
    timestamp: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly HeaderInput[] = NO_HEADERS,
  ): void {
    const offsetDelta = offset - this.baseOffset;
    if (offsetDelta <= this.lastOffsetDelta) throw new RangeError(`offset ${offset} is not behind the last one`);
    this.write(offsetDelta, timestamp, key, value, headers);
  }

  private recordBytes(
    timestamp: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly HeaderInput[],
  ): number {
    const body = this.bodyBytes(this.lastOffsetDelta + 1, timestamp, key, value, headers);
    return varintBytes(body) + body;
  }

  private bodyBytes(
    offsetDelta: number,
    timestamp: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly HeaderInput[],
  ): number {
    const timestampDelta = timestamp - (this.baseTimestamp ?? timestamp);
    let bytes = 1 + varlongBytes(timestampDelta) + varintBytes(offsetDelta) + fieldBytes(key) + fieldBytes(value);
    bytes += varintBytes(headers.length);
    for (const header of headers) {
      const keyBytes = Buffer.byteLength(header.key);
      bytes += varintBytes(keyBytes) + keyBytes + fieldBytes(header.value);
    }
    return bytes;
  }

  private write(
    offsetDelta: number,
    timestamp: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly HeaderInput[],
  ): void {
    if (this.isBuilt) throw new Error('the batch is sealed');
    this.baseTimestamp ??= timestamp;
    const bodyBytes = this.bodyBytes(offsetDelta, timestamp, key, value, headers);
    this.reserve(varintBytes(bodyBytes) + bodyBytes);
    const buffer = this.buffer;
    let at = writeVarint(buffer, this.position, bodyBytes);
    buffer[at++] = 0;
    at = writeVarlong(buffer, at, timestamp - this.baseTimestamp);
    at = writeVarint(buffer, at, offsetDelta);
    at = writeField(buffer, at, key);
    at = writeField(buffer, at, value);
    at = writeVarint(buffer, at, headers.length);
    for (const header of headers) {
      const keyBytes = Buffer.byteLength(header.key);
      at = writeVarint(buffer, at, keyBytes);
      at += buffer.write(header.key, at, keyBytes, 'utf8');
      at = writeField(buffer, at, header.value);
    }
    this.position = at;
    this.lastOffsetDelta = offsetDelta;
    this.count += 1;
    if (timestamp > this.maxTimestamp) this.maxTimestamp = timestamp;
  }

  private reserve(bytes: number): void {
    const needed = this.position + bytes;
    if (needed <= this.buffer.length) return;
    const next = Buffer.allocUnsafe(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(next, 0, 0, this.position);
    this.buffer = next;
  }

  /**
   * Compresses and seals. `lastOffsetDelta` may lie behind the last record: a compacted batch keeps the last offset that it had,
   * even when no record is left. Without records and without it there is no batch to make.
   */
  build(lastOffsetDelta = this.lastOffsetDelta): Buffer {
    if (this.isBuilt) throw new Error('the batch is sealed');
    if (lastOffsetDelta < 0 || lastOffsetDelta < this.lastOffsetDelta) {
      throw new RangeError(`a batch that ends at ${lastOffsetDelta}, its last record at ${this.lastOffsetDelta}`);
    }
    this.isBuilt = true;
    const { options } = this;
    const compression = options.compression ?? 'none';
    let sealed = this.buffer.subarray(0, this.position);
    if (compression !== 'none' && this.count > 0) {
      const compressed = compress(compression, sealed.subarray(RECORDS_OFFSET), options.compressionLevel);
      sealed = Buffer.allocUnsafe(RECORDS_OFFSET + compressed.length);
      compressed.copy(sealed, RECORDS_OFFSET);
    }
    writeBatchHeader(sealed, 0, sealed.length - RECORDS_OFFSET, {
      baseOffset: this.baseOffset,
      partitionLeaderEpoch: options.partitionLeaderEpoch ?? -1,
      compression,
      isLogAppendTime: options.logAppendTimeMs !== undefined,
      isTransactional: options.isTransactional ?? false,
      isControl: options.isControl ?? false,
      hasDeleteHorizon: options.deleteHorizonMs !== undefined,
      lastOffsetDelta,
      baseTimestamp: this.baseTimestamp ?? NO_TIMESTAMP,
      maxTimestamp: options.logAppendTimeMs ?? this.maxTimestamp,
      producerId: options.producerId ?? NO_PRODUCER_ID,
      producerEpoch: options.producerEpoch ?? -1,
      baseSequence: options.baseSequence ?? NO_SEQUENCE,
      recordCount: this.count,
    });
    return sealed;
  }
}

function fieldBytes(value: Uint8Array | null): number {
  return value === null ? 1 : varintBytes(value.length) + value.length;
}

function writeField(buffer: Buffer, position: number, value: Uint8Array | null): number {
  if (value === null) return writeVarint(buffer, position, -1);
  const at = writeVarint(buffer, position, value.length);
  buffer.set(value, at);
  return at + value.length;
}

/** A record to be written, in its convenient form: strings are written as UTF-8. */
export interface RecordInput {
  /** 0 when left out. */
  readonly timestamp?: number;
  readonly key?: Uint8Array | string | null;
  readonly value?: Uint8Array | string | null;
  readonly headers?: readonly HeaderInput[];
}

/** One sealed batch of these records. */
export function buildBatch(options: BatchOptions & { readonly records: readonly RecordInput[] }): Buffer {
  const builder = new RecordBatchBuilder(options);
  for (const record of options.records) {
    builder.append(record.timestamp ?? 0, toBytes(record.key), toBytes(record.value), record.headers);
  }
  return builder.build();
}

function toBytes(value: Uint8Array | string | null | undefined): Uint8Array | null {
  if (value === undefined || value === null) return null;
  return typeof value === 'string' ? Buffer.from(value) : value;
}

import { type CompressionType, compress } from '../../protocol/compression.ts';
import { Reader } from '../../protocol/reader.ts';
import { NO_PRODUCER_ID, NO_SEQUENCE, RECORDS_OFFSET, writeBatchHeader } from '../../protocol/record-batch.ts';
import { varintBytes, varlongBytes, writeVarint, writeVarlong } from '../../protocol/varint.ts';
import type { ClientError } from '../client-error.ts';
import { BatchCallbacks, type Delivery } from './batch-callbacks.ts';
import type { RecordHeader } from './record.ts';

/**
 * A batch under way: records are encoded straight into its memory as they are appended, in front of them room for the header.
 *
 * Invariant: offset deltas are 0, 1, 2… ; once closed nothing is appended; each delivery is told exactly once, in order, by `succeed` or `fail`
 * (`batch-callbacks.ts`).
 * The header is written when the batch is sealed for a request, anew when its sequence has changed since.
 */
const RECORD_ATTRIBUTES_BYTES = 1;

export class ProducerBatch {
  readonly topic: string;
  readonly partition: number;
  /** Monotonic; the delivery timeout runs from here. */
  readonly createdAtMs: number;
  /** What it takes from buffer.memory. */
  readonly reservedBytes: number;
  private readonly buffer: Buffer;
  private position = RECORDS_OFFSET;
  private readonly limit: number;
  recordCount = 0;
  private baseTimestamp = -1;
  private maxTimestamp = -1;
  private readonly callbacks: BatchCallbacks;
  private readonly onCallbackError: (error: unknown) => void;
  private sealed: Buffer | null = null;
  private sealedCompression: CompressionType = 'none';
  private doneListeners: (() => void)[] | null = null;

  isClosed = false;
  isDone = false;
  /** On a connection right now. */
  isOnWire = false;
  attempts = 0;
  retryAtMs = 0;
  /** An earlier attempt may have been appended. */
  outcomeUnknown = false;
  lastError: ClientError | null = null;
  producerId = NO_PRODUCER_ID;
  producerEpoch = -1;
  baseSequence = NO_SEQUENCE;
  /** The sequence was changed after the batch had first been sent. */
  sequenceWasReset = false;

  /** `buffer` belongs to the batch until it is done; appending stops at `limitBytes`, but the first record always fits. */
  constructor(
    topic: string,
    partition: number,
    createdAtMs: number,
    buffer: Buffer,
    limitBytes: number,
    reserved: number,
    onCallbackError: (error: unknown) => void = rethrow,
  ) {
    this.topic = topic;
    this.partition = partition;
    this.createdAtMs = createdAtMs;
    this.buffer = buffer;
    this.limit = Math.min(limitBytes, buffer.length);
    this.reservedBytes = reserved;
    this.onCallbackError = onCallbackError;
    this.callbacks = new BatchCallbacks(onCallbackError);
  }

  get bytes(): number {
    return this.position;
  }

  get isFull(): boolean {
    return this.isClosed || this.position >= this.limit;
  }

  get hasSequence(): boolean {
    return this.baseSequence !== NO_SEQUENCE;
  }

  get memory(): Buffer {
    return this.buffer;
  }

  /** False when there is no room; the batch then takes no more. */
  tryAppend(
    timestamp: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly RecordHeader[] | undefined,
    delivery: Delivery,
  ): boolean {
    if (this.isClosed) return false;
    const count = this.recordCount;
    if (count === 0) this.baseTimestamp = timestamp;
    const timestampDelta = timestamp - this.baseTimestamp;
    const headerList = headers === undefined || headers.length === 0 ? undefined : encodedHeaders(headers);
    let size = RECORD_ATTRIBUTES_BYTES + varlongBytes(timestampDelta) + varintBytes(count);
    size += key === null ? 1 : varintBytes(key.length) + key.length;
    size += value === null ? 1 : varintBytes(value.length) + value.length;
    size += headerList === undefined ? 1 : headerList.length;
    const end = this.position + varintBytes(size) + size;
    if (end > (count === 0 ? this.buffer.length : this.limit)) {
      this.isClosed = true;
      return false;
    }
    const buffer = this.buffer;
    let at = writeVarint(buffer, this.position, size);
    buffer[at++] = 0;
    at = writeVarlong(buffer, at, timestampDelta);
    at = writeVarint(buffer, at, count);
    at = writeBytes(buffer, at, key);
    at = writeBytes(buffer, at, value);
    if (headerList === undefined) buffer[at++] = 0;
    else {
      buffer.set(headerList, at);
      at += headerList.length;
    }
    this.position = at;
    if (timestamp > this.maxTimestamp || count === 0) this.maxTimestamp = timestamp;
    this.recordCount = count + 1;
    this.callbacks.add(delivery, timestamp);
    return true;
  }

  /** The whole batch as it goes on the wire. Closes it. */
  seal(compression: CompressionType, isTransactional = false): Buffer {
    this.isClosed = true;
    this.isOnWire = true;
    const isCompressed = compression !== 'none' && this.sealed === null;
    if (isCompressed) {
      const body = compress(compression, this.buffer.subarray(RECORDS_OFFSET, this.position));
      const sealed = Buffer.allocUnsafe(RECORDS_OFFSET + body.length);
      sealed.set(body, RECORDS_OFFSET);
      this.sealed = sealed;
      this.sealedCompression = compression;
    }
    const bytes = this.sealed ?? this.buffer.subarray(0, this.position);
    writeBatchHeader(bytes, 0, bytes.length - RECORDS_OFFSET, {
      baseOffset: 0,
      partitionLeaderEpoch: -1,
      compression: this.sealedCompression,
      isTransactional,
      lastOffsetDelta: this.recordCount - 1,
      baseTimestamp: this.baseTimestamp,
      maxTimestamp: this.maxTimestamp,
      producerId: this.producerId,
      producerEpoch: this.producerEpoch,
      baseSequence: this.baseSequence,
      recordCount: this.recordCount,
    });
    return bytes;
  }

  setSequence(producerId: number, producerEpoch: number, baseSequence: number): void {
    if (this.hasSequence) this.sequenceWasReset = true;
    this.producerId = producerId;
    this.producerEpoch = producerEpoch;
    this.baseSequence = baseSequence;
  }

  /** Called when the batch is done, whatever the outcome. */
  whenDone(listener: () => void): void {
    if (this.isDone) listener();
    else (this.doneListeners ??= []).push(listener);
  }

  /** `baseOffset` −1 when unknown; `logAppendTimeMs` −1 when the record's own timestamps count. */
  succeed(baseOffset: number, logAppendTimeMs: number): void {
    if (this.isDone) return;
    this.isDone = true;
    this.callbacks.succeed(this.topic, this.partition, baseOffset, logAppendTimeMs);
    this.finish();
  }

  fail(error: ClientError): void {
    if (this.isDone) return;
    this.isDone = true;
    this.callbacks.fail(error);
    this.finish();
  }

  private finish(): void {
    const listeners = this.doneListeners;
    this.doneListeners = null;
    if (listeners !== null) for (const listener of listeners) listener();
  }

  /**
   * The same records in two batches of about half the size each, callbacks and sequences with them. This batch is done without a word.
   * Memory for the halves is made here: it stands in for what this one holds.
   */
  split(): ProducerBatch[] {
    const half = Math.ceil((this.position - RECORDS_OFFSET) / 2) + RECORDS_OFFSET;
    const halves: ProducerBatch[] = [];
    let sequence = this.baseSequence;
    const deliveries = this.callbacks.each();
    for (const record of this.records()) {
      const delivery = deliveries.next().value as Delivery;
      const last = halves.at(-1);
      if (last?.tryAppend(record.timestamp, record.key, record.value, record.headers, delivery)) continue;
      const memory = Buffer.allocUnsafeSlow(Math.max(half, record.bytes + RECORDS_OFFSET + 32));
      const isFirst = halves.length === 0;
      const reserved = isFirst ? this.reservedBytes : 0;
      const next = new ProducerBatch(
        this.topic,
        this.partition,
        this.createdAtMs,
        memory,
        half,
        reserved,
        this.onCallbackError,
      );
      next.attempts = this.attempts;
      next.outcomeUnknown = this.outcomeUnknown;
      next.tryAppend(record.timestamp, record.key, record.value, record.headers, delivery);
      halves.push(next);
    }
    for (const each of halves) {
      each.isClosed = true;
      if (this.hasSequence) {
        each.setSequence(this.producerId, this.producerEpoch, sequence);
        sequence = (sequence + each.recordCount) % 0x8000_0000;
      }
    }
    this.callbacks.clear();
    this.isDone = true;
    // Who waits for this batch waits for its halves.
    let open = halves.length;
    for (const each of halves) each.whenDone(() => --open === 0 && this.finish());
    return halves;
  }

  private *records() {
    const reader = new Reader(this.buffer, RECORDS_OFFSET, this.position);
    const bytesOrNull = () => {
      const length = reader.varint();
      return length < 0 ? null : reader.view(length);
    };
    for (let i = 0; i < this.recordCount; i++) {
      const bytes = reader.varint();
      reader.int8();
      const timestamp = this.baseTimestamp + reader.varlong();
      reader.varint();
      const key = bytesOrNull();
      const value = bytesOrNull();
      const headers: RecordHeader[] = [];
      for (let count = reader.varint(); count > 0; count--) {
        headers.push({ key: reader.text(reader.varint()), value: bytesOrNull() });
      }
      yield { bytes, timestamp, key, value, headers };
    }
  }
}

function rethrow(error: unknown): never {
  throw error;
}

/** The most bytes that a record can take in a batch, its length field included. */
export function recordBytesMax(
  key: Uint8Array | null,
  value: Uint8Array | null,
  headers: readonly RecordHeader[] | undefined,
): number {
  let bytes = 5 + RECORD_ATTRIBUTES_BYTES + 10 + 5 + 5 + 5 + 5 + (key?.length ?? 0) + (value?.length ?? 0);
  if (headers !== undefined) {
    for (const header of headers) bytes += 10 + Buffer.byteLength(header.key) + lengthOf(header.value);
  }
  return bytes;
}

function lengthOf(value: Uint8Array | string | null): number {
  if (value === null) return 0;
  return typeof value === 'string' ? Buffer.byteLength(value) : value.length;
}

function writeBytes(buffer: Buffer, at: number, bytes: Uint8Array | null): number {
  if (bytes === null) {
    buffer[at] = 1; // zigzag of −1
    return at + 1;
  }
  const start = writeVarint(buffer, at, bytes.length);
  buffer.set(bytes, start);
  return start + bytes.length;
}

/** Count and headers as they stand behind a record's value. */
function encodedHeaders(headers: readonly RecordHeader[]): Buffer {
  let bytes = 5;
  for (const header of headers) bytes += 10 + Buffer.byteLength(header.key) + lengthOf(header.value);
  const buffer = Buffer.allocUnsafe(bytes);
  let at = writeVarint(buffer, 0, headers.length);
  for (const header of headers) {
    at = writeBytes(buffer, at, Buffer.from(header.key));
    at = writeBytes(buffer, at, typeof header.value === 'string' ? Buffer.from(header.value) : header.value);
  }
  return buffer.subarray(0, at);
}

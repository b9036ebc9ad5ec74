import type { RecordHeader } from '../../protocol/record.ts';
import type { RecordCursor } from '../../protocol/record-cursor.ts';
import { WireError } from '../../protocol/wire-error.ts';
import { ClientError } from '../client-error.ts';
import type { PartitionState } from './subscription.ts';

/** A batch whose records are being handed out: what each of them needs of the header, read once. */
export interface OpenBatch {
  readonly cursor: RecordCursor;
  readonly recordCount: number;
  readonly baseOffset: number;
  readonly nextOffset: number;
  readonly baseTimestamp: number;
  /** null: each record's own. */
  readonly logAppendTime: number | null;
  readonly partitionLeaderEpoch: number;
}

/**
 * The records of one batch, read one after the other without an object or a Buffer for each:
 *
 *     for (const batch of await consumer.pollBatches(100)) while (batch.next()) bytes += batch.valueBytes;
 *
 * Invariants: what it shows belongs to the record of the last `next` that returned true; records below the position that was asked for are skipped. Keys and values are
 * bytes: no deserializer is called. Views of them stay valid as long as they are held.
 */
export class BatchView {
  readonly topic: string;
  readonly partition: number;
  readonly leaderEpoch: number;
  readonly timestampType: 'CreateTime' | 'LogAppendTime';
  /** Of the whole batch, those below the position included. */
  readonly recordCount: number;
  /** Behind the last record. */
  readonly nextOffset: number;
  private readonly batch: OpenBatch;
  private readonly cursor: RecordCursor;
  private readonly fromOffset: number;
  offset = -1;

  constructor({ topic, partition }: PartitionState, batch: OpenBatch, fromOffset: number) {
    this.topic = topic;
    this.partition = partition;
    this.leaderEpoch = batch.partitionLeaderEpoch;
    this.timestampType = batch.logAppendTime === null ? 'CreateTime' : 'LogAppendTime';
    this.recordCount = batch.recordCount;
    this.nextOffset = batch.nextOffset;
    this.batch = batch;
    this.cursor = batch.cursor;
    this.fromOffset = fromOffset;
  }

  /** Goes to the next record; false at the end. Throws ClientError when the batch is damaged: the consumer's position is behind it. */
  next(): boolean {
    try {
      while (this.cursor.next()) {
        this.offset = this.batch.baseOffset + this.cursor.offsetDelta;
        if (this.offset >= this.fromOffset) return true;
      }
      return false;
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      const message = `${this.topic}-${this.partition} behind offset ${this.offset} cannot be decoded: ${error.message}`;
      throw new ClientError('CORRUPT_MESSAGE', message, { code: 2, cause: error });
    }
  }

  /** Milliseconds since the epoch. */
  get timestamp(): number {
    return this.batch.logAppendTime ?? this.batch.baseTimestamp + this.cursor.timestampDelta;
  }

  get key(): Buffer | null {
    return this.cursor.key;
  }

  get value(): Buffer | null {
    return this.cursor.value;
  }

  /** −1: null. */
  get keyBytes(): number {
    return this.cursor.keyBytes;
  }

  /** −1: null. */
  get valueBytes(): number {
    return this.cursor.valueBytes;
  }

  headers(): readonly RecordHeader[] {
    return this.cursor.headers();
  }
}

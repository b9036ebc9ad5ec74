import { ControlType as Control, type ControlType, decodeControlType } from '../../protocol/control-record.ts';
import { type Record, type RecordHeader, recordDataOf, recordsOf } from '../../protocol/record.ts';
import { batchesIn, type RecordBatch } from '../../protocol/record-batch.ts';
import { RecordCursor } from '../../protocol/record-cursor.ts';
import { WireError } from '../../protocol/wire-error.ts';
import { ClientError } from '../client-error.ts';
import type { Deserializer } from '../producer/serializers.ts';
import { BatchView, type OpenBatch } from './batch-view.ts';
import type { PartitionState } from './subscription.ts';

/** A record as poll returns it. */
export interface ConsumerRecord<K = Buffer, V = Buffer> {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly timestampType: 'CreateTime' | 'LogAppendTime';
  readonly key: K | null;
  readonly value: V | null;
  readonly headers: readonly RecordHeader[];
  /** −1 unknown. */
  readonly leaderEpoch: number;
}

export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

export interface Deserializers<K, V> {
  readonly key: Deserializer<K>;
  readonly value: Deserializer<V>;
}

/**
 * What one fetch brought for one partition, handed out bit by bit: batches are decompressed and decoded only when poll gets to them.
 *
 * Invariants: records below the position that was asked for are skipped (a broker sends whole batches); control batches are never handed out;
 * with `aborted` (read_committed) neither are records of aborted transactions: a transaction's records lie between its first offset and its
 * abort marker. `nextOffset` is where the next fetch begins, also behind what was skipped.
 */
export class FetchedPartition {
  readonly state: PartitionState;
  nextOffset: number;
  /** The epoch of the batch before `nextOffset`, shown or not; −1: nothing was taken yet. */
  lastEpoch = -1;
  private readonly batches: Iterator<RecordBatch>;
  private readonly aborted: AbortedTransaction[] | null;
  private readonly abortedProducers = new Set<number>();
  private readonly checksCrc: boolean;
  private batch: OpenBatch | null = null;
  private failure: ClientError | null = null;

  constructor(
    state: PartitionState,
    fetchOffset: number,
    records: Buffer,
    aborted: readonly AbortedTransaction[] | null,
    checksCrc: boolean,
  ) {
    this.state = state;
    this.nextOffset = fetchOffset;
    this.batches = batchesIn(records);
    this.aborted = aborted === null ? null : [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
    this.checksCrc = checksCrc;
  }

  /** Appends up to `countMax` records to `target`; returns false when there is nothing left. Throws ClientError, again on each call after the first. */
  take<K, V>(target: ConsumerRecord<K, V>[], countMax: number, deserializers: Deserializers<K, V>): boolean {
    if (this.failure !== null) throw this.failure;
    const end = target.length + countMax;
    try {
      while (target.length < end) {
        const batch = this.batch ?? this.openNext();
        if (batch === null) return false;
        const record = this.next(batch, deserializers);
        if (record !== null) target.push(record);
      }
    } catch (error) {
      this.failure = this.asClientError(error);
      throw this.failure;
    }
    return true;
  }

  /** The next batches (the rest of one that was begun) up to `recordsMax` records, at least one; returns false when there is nothing left. Throws ClientError. */
  takeBatches(target: BatchView[], recordsMax: number): boolean {
    if (this.failure !== null) throw this.failure;
    let left = recordsMax;
    try {
      while (left > 0) {
        const batch = this.batch ?? this.openNext();
        if (batch === null) return false;
        target.push(new BatchView(this.state, batch, this.nextOffset));
        left -= batch.recordCount;
        this.batch = null;
        this.nextOffset = batch.nextOffset;
        this.lastEpoch = batch.partitionLeaderEpoch;
      }
    } catch (error) {
      this.failure = this.asClientError(error);
      throw this.failure;
    }
    return true;
  }

  /** The next record of the open batch; null at its end, and for one below the position. */
  private next<K, V>(batch: OpenBatch, deserializers: Deserializers<K, V>): ConsumerRecord<K, V> | null {
    const { cursor, partitionLeaderEpoch } = batch;
    if (!cursor.next()) {
      this.nextOffset = batch.nextOffset;
      this.batch = null;
      return null;
    }
    const offset = batch.baseOffset + cursor.offsetDelta;
    if (offset < this.nextOffset) return null;
    const { topic, partition } = this.state;
    const { key, value } = cursor;
    const record: ConsumerRecord<K, V> = {
      topic,
      partition,
      offset,
      timestamp: batch.logAppendTime ?? batch.baseTimestamp + cursor.timestampDelta,
      timestampType: batch.logAppendTime === null ? 'CreateTime' : 'LogAppendTime',
      key: key === null ? null : this.deserialized(offset, 'key', deserializers.key, key),
      value: value === null ? null : this.deserialized(offset, 'value', deserializers.value, value),
      headers: cursor.headers(),
      leaderEpoch: partitionLeaderEpoch,
    };
    this.nextOffset = offset + 1;
    this.lastEpoch = partitionLeaderEpoch;
    return record;
  }

  private deserialized<T>(offset: number, what: string, deserializer: Deserializer<T>, bytes: Buffer): T {
    try {
      return deserializer(this.state.topic, bytes);
    } catch (cause) {
      const message = `the ${what} of ${this.state.key} at offset ${offset} cannot be read: ${(cause as Error).message}; seek past it to go on`;
      throw new ClientError('DESERIALIZATION', message, { cause });
    }
  }

  /** Opens the next batch that has records for the application. null at the end. */
  private openNext(): OpenBatch | null {
    for (;;) {
      const { value: batch, done } = this.batches.next();
      if (done || batch === undefined) return null;
      if (batch.nextOffset <= this.nextOffset) continue;
      if (this.checksCrc && !batch.isCrcValid) {
        throw new ClientError(
          'CORRUPT_MESSAGE',
          `the batch of ${this.state.key} at offset ${batch.baseOffset} has a wrong CRC`,
          {
            code: 2,
          },
        );
      }
      if (!this.isVisible(batch)) {
        this.nextOffset = batch.nextOffset;
        this.lastEpoch = batch.partitionLeaderEpoch;
        continue;
      }
      this.batch = opened(batch);
      return this.batch;
    }
  }

  private isVisible(batch: RecordBatch): boolean {
    if (this.aborted !== null && batch.hasProducerId) {
      while (this.aborted.length > 0 && this.aborted[0]!.firstOffset <= batch.lastOffset) {
        this.abortedProducers.add(this.aborted.shift()!.producerId);
      }
      if (batch.isControl && controlTypeOf(batch) === Control.ABORT) this.abortedProducers.delete(batch.producerId);
      else if (batch.isTransactional && this.abortedProducers.has(batch.producerId)) return false;
    }
    return !batch.isControl;
  }

  private asClientError(error: unknown): ClientError {
    if (error instanceof ClientError) return error;
    if (!(error instanceof WireError)) throw error;
    const message = `${this.state.key} at offset ${this.nextOffset} cannot be decoded: ${error.message}`;
    return new ClientError('CORRUPT_MESSAGE', message, { code: 2, cause: error });
  }
}

function opened(batch: RecordBatch): OpenBatch {
  return {
    cursor: new RecordCursor(recordDataOf(batch), batch.recordCount),
    recordCount: batch.recordCount,
    baseOffset: batch.baseOffset,
    nextOffset: batch.nextOffset,
    baseTimestamp: batch.baseTimestamp,
    logAppendTime: batch.isLogAppendTime ? batch.maxTimestamp : null,
    partitionLeaderEpoch: batch.partitionLeaderEpoch,
  };
}

function controlTypeOf(batch: RecordBatch): ControlType | number {
  const first = recordsOf(batch).next().value as Record | undefined;
  return first === undefined ? -1 : decodeControlType(first.key);
}

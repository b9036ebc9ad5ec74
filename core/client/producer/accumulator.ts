import { RECORDS_OFFSET } from '../../protocol/record-batch.ts';
import type { Delivery } from './batch-callbacks.ts';
import { PartitionSequences } from './idempotence.ts';
import { ProducerBatch, recordBytesMax } from './producer-batch.ts';
import type { RecordHeader } from './record.ts';

/**
 * The record accumulator: a queue of batches for each partition, within buffer.memory.
 *
 *     append → … [closed] [closed] [open ←]      the sender takes from the front; retries come back to the front
 *
 * Invariants: only the last batch of a queue is open; the bytes reserved by all batches that are not done never exceed `memoryBytesMax`;
 * a batch's memory is used again only after its bytes have left (an answer came) or when it never left.
 * Pure but for the time that it is told.
 */
export class PartitionQueue {
  readonly topic: string;
  readonly partition: number;
  readonly sequences = new PartitionSequences();
  /** Front first. */
  readonly batches: ProducerBatch[] = [];
  /** With one request in flight: no other batch of the partition may leave. */
  isMuted = false;

  constructor(topic: string, partition: number) {
    this.topic = topic;
    this.partition = partition;
  }

  get last(): ProducerBatch | undefined {
    return this.batches[this.batches.length - 1];
  }

  /** Puts a batch back for a retry: to the front, or by its sequence where it has one. */
  requeue(batch: ProducerBatch): void {
    let index = 0;
    if (batch.hasSequence) {
      const { batches } = this;
      while (index < batches.length && batches[index]!.hasSequence && isBefore(batches[index]!, batch)) index++;
    }
    this.batches.splice(index, 0, batch);
  }
}

/** Sequences wrap at 2^31; those of one flight lie within half of that. */
function isBefore(a: ProducerBatch, b: ProducerBatch): boolean {
  const distance = b.baseSequence - a.baseSequence;
  return distance > 0 ? distance < 0x4000_0000 : distance < -0x4000_0000;
}

export interface AccumulatorOptions {
  readonly batchBytes: number;
  readonly lingerMs: number;
  readonly memoryBytesMax: number;
  /** Told of what delivery callbacks threw; left out: it is thrown again. */
  readonly onCallbackError?: (error: unknown) => void;
}

/** `opened`: a new batch was begun, or the one before it is full: the sender should look. */
export type AppendResult = 'appended' | 'opened' | 'no-memory';

const FREE_BUFFERS_MAX = 4_096;

export class Accumulator {
  private readonly options: AccumulatorOptions;
  private readonly freeBuffers: Buffer[] = [];
  private reservedBytes = 0;
  /** Queues that have a batch. */
  readonly active = new Set<PartitionQueue>();
  /** Batches that are not done, oldest first, in queues or on the wire. */
  readonly incomplete = new Set<ProducerBatch>();
  /** While above zero every batch may leave at once: flush, close, or senders that wait for memory. */
  urgency = 0;

  constructor(options: AccumulatorOptions) {
    this.options = options;
  }

  get memoryBytesUsed(): number {
    return this.reservedBytes;
  }

  append(
    queue: PartitionQueue,
    nowMs: () => number,
    timestamp: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly RecordHeader[] | undefined,
    delivery: Delivery,
  ): AppendResult {
    const last = queue.last;
    // A batch that was sent once is closed, so a last batch that is open has never left.
    if (last?.tryAppend(timestamp, key, value, headers, delivery)) return last.isFull ? 'opened' : 'appended';
    const { batchBytes, memoryBytesMax, onCallbackError } = this.options;
    const reserve = Math.max(batchBytes, recordBytesMax(key, value, headers) + RECORDS_OFFSET);
    // One record always fits an empty accumulator: the caller checked it against memoryBytesMax.
    if (this.reservedBytes + reserve > memoryBytesMax && this.reservedBytes > 0) return 'no-memory';
    this.reservedBytes += reserve;
    const memory =
      reserve === batchBytes
        ? (this.freeBuffers.pop() ?? Buffer.allocUnsafeSlow(reserve))
        : Buffer.allocUnsafeSlow(reserve);
    const batch = new ProducerBatch(
      queue.topic,
      queue.partition,
      nowMs(),
      memory,
      batchBytes,
      reserve,
      onCallbackError,
    );
    if (!batch.tryAppend(timestamp, key, value, headers, delivery))
      throw new Error('a new batch has room for one record');
    queue.batches.push(batch);
    this.active.add(queue);
    this.incomplete.add(batch);
    return 'opened';
  }

  /** When the queue's first batch may leave: monotonic milliseconds, 0 = now. */
  readyAtMs(queue: PartitionQueue): number {
    const first = queue.batches[0];
    if (first === undefined || queue.isMuted) return Number.POSITIVE_INFINITY;
    if (first.retryAtMs > 0) return first.retryAtMs;
    if (this.urgency > 0 || queue.batches.length > 1 || first.isFull) return 0;
    return first.createdAtMs + this.options.lingerMs;
  }

  /** Takes the first batch out of its queue; it stays incomplete. */
  take(queue: PartitionQueue): ProducerBatch {
    const batch = queue.batches.shift()!;
    if (queue.batches.length === 0) this.active.delete(queue);
    return batch;
  }

  requeue(queue: PartitionQueue, batch: ProducerBatch): void {
    queue.requeue(batch);
    this.active.add(queue);
  }

  /** Puts a batch's parts in its place. */
  replace(queue: PartitionQueue, batch: ProducerBatch, parts: readonly ProducerBatch[]): void {
    this.incomplete.delete(batch);
    for (const part of [...parts].reverse()) {
      this.incomplete.add(part);
      this.requeue(queue, part);
    }
  }

  /** Takes a batch out of its queue if it is there. */
  remove(queue: PartitionQueue, batch: ProducerBatch): void {
    const index = queue.batches.indexOf(batch);
    if (index < 0) return;
    queue.batches.splice(index, 1);
    if (queue.batches.length === 0) this.active.delete(queue);
  }

  /** The batch is done: gives its memory back. `hasLeft` = nobody else holds its bytes any more. */
  release(batch: ProducerBatch, hasLeft: boolean): void {
    if (!this.incomplete.delete(batch)) return;
    this.reservedBytes -= batch.reservedBytes;
    const isStandard = batch.memory.length === this.options.batchBytes;
    if (hasLeft && isStandard && this.freeBuffers.length < FREE_BUFFERS_MAX) this.freeBuffers.push(batch.memory);
  }
}

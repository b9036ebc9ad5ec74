import type { RecordBatch } from '../protocol/record-batch.ts';

/**
 * What a log remembers of one producer id: its epoch, the last five batches, and the open transaction.
 *
 * Why five: an idempotent producer has at most five requests in flight, so any retry equals one of the last five batches.
 */
const BATCHES_MAX = 5;
const SEQUENCE_MAX = 0x7fff_ffff;
export const NO_PRODUCER_EPOCH = -1;

export interface ProducerBatch {
  readonly baseSequence: number;
  readonly lastSequence: number;
  readonly lastOffset: number;
  /** lastOffset less the first offset. */
  readonly offsetDelta: number;
  readonly timestamp: number;
}

export class ProducerEntry {
  readonly producerId: number;
  producerEpoch: number;
  /** Oldest first. */
  readonly batches: ProducerBatch[] = [];
  coordinatorEpoch = -1;
  /** null = no transaction is open. */
  currentTxnFirstOffset: number | null = null;
  lastTimestamp = -1;

  constructor(producerId: number, producerEpoch: number) {
    this.producerId = producerId;
    this.producerEpoch = producerEpoch;
  }

  get lastSequence(): number {
    return this.batches.at(-1)?.lastSequence ?? -1;
  }

  get lastOffset(): number {
    return this.batches.at(-1)?.lastOffset ?? -1;
  }

  /** An earlier copy of `batch` among the last five. */
  findDuplicate(batch: RecordBatch): ProducerBatch | null {
    if (batch.producerEpoch !== this.producerEpoch) return null;
    const baseSequence = batch.baseSequence;
    const lastSequence = batch.lastSequence;
    for (const known of this.batches) {
      if (known.baseSequence === baseSequence && known.lastSequence === lastSequence) return known;
    }
    return null;
  }

  /** A new epoch forgets the batches of the old one. */
  setEpoch(producerEpoch: number): void {
    if (producerEpoch === this.producerEpoch) return;
    this.producerEpoch = producerEpoch;
    this.batches.length = 0;
  }

  addBatch(batch: ProducerBatch): void {
    if (this.batches.length === BATCHES_MAX) this.batches.shift();
    this.batches.push(batch);
    this.lastTimestamp = batch.timestamp;
  }
}

/** Does `next` follow `last`? Sequences wrap from 2^31−1 to 0. */
export function isInSequence(last: number, next: number): boolean {
  return next === last + 1 || (next === 0 && last === SEQUENCE_MAX);
}

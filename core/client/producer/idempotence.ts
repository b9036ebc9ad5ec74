import type { ProducerBatch } from './producer-batch.ts';

/**
 * Sequence numbers of an idempotent producer (KIP-98, KIP-360): pure bookkeeping, one object a partition.
 *
 *     acked │ in flight, by sequence        │ not numbered yet
 *     ──────┼───────────┬─────────┬─────────┼──────────────────
 *           │ 40…44     │ 45…49   │ 50…59   │ next = 60
 *           └ lastAcked = 39
 *
 * Invariants:
 * - `inFlight` (numbered and not done, on the wire or waiting for a retry) is in the order of sequences, without gaps, at most five.
 * - Until the first batch under an epoch is acked it is alone in flight. (The Java client sends on, and can lose its first batch to a change of leader.)
 * - A batch keeps its sequence through retries. It changes only when a batch before it certainly was not appended (the gap is closed)
 *   or when the epoch is raised (numbers begin at 0 again), and the latter never while a batch of the partition is on the wire.
 * - After a loss of knowledge (a numbered batch given up with unknown outcome) nothing new is numbered until the rest is acked: then either the
 *   sequence turns out whole, or the epoch is raised.
 */
export interface ProducerIdentity {
  readonly producerId: number;
  readonly epoch: number;
}

export const IN_FLIGHT_MAX = 5;
const SEQUENCE_MODULUS = 0x8000_0000;
const EPOCH_MAX = 0x7fff;

export class PartitionSequences {
  private identity: ProducerIdentity = { producerId: -1, epoch: -1 };
  private next = 0;
  private lastAcked = -1;
  private unresolved = false;
  private inFlight: ProducerBatch[] = [];
  /** Set when numbers must begin again under a new epoch. */
  needsRestart = false;

  get inFlightCount(): number {
    return this.inFlight.length;
  }

  get hasBatchOnWire(): boolean {
    return this.inFlight.some((batch) => batch.isOnWire);
  }

  /** Whether the first batch of the queue may go now. */
  mayDrain(batch: ProducerBatch, current: ProducerIdentity): boolean {
    if (this.needsRestart) return false;
    // A retry waits until it is the oldest: this keeps the order when the leader has lost what came before it.
    if (batch.hasSequence) return this.inFlight[0] === batch;
    if (this.unresolved || this.inFlight.length >= IN_FLIGHT_MAX) return false;
    // A leader that knows nothing of a producer takes any sequence: a second batch that it took in place of the first would shut the first one out for ever.
    if (this.lastAcked < 0 && this.inFlight.length > 0) return false;
    // Old and new epoch never mix within a partition's flight.
    return this.inFlight.length === 0 || this.isCurrent(current);
  }

  /** Numbers a batch that is about to be sent for the first time. */
  onDrain(batch: ProducerBatch, current: ProducerIdentity): void {
    if (batch.hasSequence) return;
    if (!this.isCurrent(current)) this.begin(current);
    batch.setSequence(current.producerId, current.epoch, this.next);
    this.next = (this.next + batch.recordCount) % SEQUENCE_MODULUS;
    this.inFlight.push(batch);
  }

  onAcked(batch: ProducerBatch): void {
    this.remove(batch);
    if (!this.belongs(batch)) return;
    this.lastAcked = (batch.baseSequence + batch.recordCount - 1) % SEQUENCE_MODULUS;
    this.resolve();
  }

  /** The batch was certainly not appended and is given up: the ones behind it move up. */
  onFailedCertainly(batch: ProducerBatch): void {
    const index = this.inFlight.indexOf(batch);
    this.remove(batch);
    if (index < 0 || !this.belongs(batch)) return;
    let sequence = batch.baseSequence;
    for (const later of this.inFlight.slice(index)) {
      later.setSequence(later.producerId, later.producerEpoch, sequence);
      sequence = (sequence + later.recordCount) % SEQUENCE_MODULUS;
    }
    this.next = sequence;
    this.resolve();
  }

  /** The batch may have been appended and is given up. */
  onFailedUnknown(batch: ProducerBatch): void {
    this.remove(batch);
    if (!this.belongs(batch)) return;
    this.unresolved = true;
    this.resolve();
  }

  onSplit(batch: ProducerBatch, halves: readonly ProducerBatch[]): void {
    const index = this.inFlight.indexOf(batch);
    if (index >= 0) this.inFlight.splice(index, 1, ...halves);
  }

  /** What to do about OUT_OF_ORDER_SEQUENCE_NUMBER or UNKNOWN_PRODUCER_ID. The batch is retried in any case; sometimes under a new epoch. */
  onOutOfOrder(batch: ProducerBatch): void {
    if (!this.belongs(batch)) return;
    const isNext = batch.baseSequence === (this.lastAcked + 1) % SEQUENCE_MODULUS;
    // Refused only because one before it is being retried, or because its number has changed meanwhile.
    if (!this.unresolved && (batch.sequenceWasReset || !isNext)) {
      batch.sequenceWasReset = false;
      return;
    }
    this.needsRestart = true;
  }

  /** Numbers begin at 0 under the new identity; what is in flight (nothing of it on the wire) is numbered anew. */
  restart(identity: ProducerIdentity): void {
    this.begin(identity);
    for (const batch of this.inFlight) {
      batch.setSequence(identity.producerId, identity.epoch, this.next);
      batch.sequenceWasReset = false;
      this.next = (this.next + batch.recordCount) % SEQUENCE_MODULUS;
    }
  }

  private begin(identity: ProducerIdentity): void {
    this.identity = identity;
    this.next = 0;
    this.lastAcked = -1;
    this.unresolved = false;
    this.needsRestart = false;
  }

  private isCurrent(identity: ProducerIdentity): boolean {
    return this.identity.producerId === identity.producerId && this.identity.epoch === identity.epoch;
  }

  private belongs(batch: ProducerBatch): boolean {
    return batch.producerId === this.identity.producerId && batch.producerEpoch === this.identity.epoch;
  }

  private remove(batch: ProducerBatch): void {
    const index = this.inFlight.indexOf(batch);
    if (index >= 0) this.inFlight.splice(index, 1);
  }

  private resolve(): void {
    if (!this.unresolved || this.inFlight.length > 0) return;
    this.unresolved = false;
    if ((this.lastAcked + 1) % SEQUENCE_MODULUS !== this.next) this.needsRestart = true;
  }
}

/** The same producer under the next epoch, or null when epochs are used up and a new id is needed. */
export function nextEpoch(identity: ProducerIdentity): ProducerIdentity | null {
  return identity.epoch >= EPOCH_MAX ? null : { producerId: identity.producerId, epoch: identity.epoch + 1 };
}

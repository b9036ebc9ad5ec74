import { ErrorCode } from '../../protocol/errors.ts';
import type { Partition } from '../../replica/partition.ts';
import type { ProducerIdAndEpoch } from '../../transactions/transitions.ts';

/**
 * Transactional writes whose transaction is being asked for at its coordinator (KIP-890), by the partition that they are for. The coordinator's yes is as old as its
 * answer: if the transaction ended in the partition since the question, the write would come after its marker and belong to nothing.
 *
 * Invariant: a verification that began before a marker of its producer, or before another leader epoch, is good for nothing any more. Markers are
 * written by the partition's leader, so this broker sees each of them.
 */
export interface Verification {
  readonly partition: Partition;
  readonly producerId: number;
  readonly leaderEpoch: number;
  isVoid: boolean;
}

export class Verifications {
  private readonly underWay = new Map<Partition, Set<Verification>>();

  begin(partition: Partition, producerId: number): Verification {
    const begun = { partition, producerId, leaderEpoch: partition.leaderEpoch, isVoid: false };
    const all = this.underWay.get(partition);
    if (all === undefined) this.underWay.set(partition, new Set([begun]));
    else all.add(begun);
    return begun;
  }

  /** The question is answered, and what followed from the answer is done. */
  end(verification: Verification): void {
    const all = this.underWay.get(verification.partition);
    all?.delete(verification);
    if (all?.size === 0) this.underWay.delete(verification.partition);
  }

  /** A marker of the producer is appended to the partition. */
  markerWritten(partition: Partition, producerId: number): void {
    for (const each of this.underWay.get(partition) ?? []) if (each.producerId === producerId) each.isVoid = true;
  }
}

export function isGood({ partition, leaderEpoch, isVoid }: Verification): boolean {
  return !isVoid && partition.leaderEpoch === leaderEpoch && partition.check(-1) === ErrorCode.NONE;
}

/** The producer's transaction is open in the partition's log: what it writes next belongs to it without a question. */
export function isOpenIn({ log }: Partition, { producerId, producerEpoch }: ProducerIdAndEpoch): boolean {
  const entry = log.producers.entries.get(producerId);
  return entry !== undefined && entry.producerEpoch === producerEpoch && entry.currentTxnFirstOffset !== null;
}

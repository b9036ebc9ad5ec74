import type { TopicPartition } from './transaction.ts';

/** A commit or abort marker as the coordinator asks for it. */
export interface Marker {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly coordinatorEpoch: number;
  readonly isCommit: boolean;
  /** 2: the epoch was raised for it (KIP-890). */
  readonly transactionVersion: number;
}

/** Puts markers into partitions: this broker's own, or through their leaders. */
export interface MarkerWriter {
  /**
   * Resolves when for each partition it is known what became of the marker, with those where it has to be tried again. Partitions that exist no
   * more are done. The order is not promised. Never rejects.
   */
  write(marker: Marker, partitions: readonly TopicPartition[]): Promise<readonly TopicPartition[]>;
}

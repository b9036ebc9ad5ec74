import type { Random } from '../../ports/random.ts';
import { partitionOfKey } from '../murmur2.ts';
import type { ProducerRecord } from './record.ts';

/**
 * Which partition a record goes to, when the record does not say it.
 *
 * The default: the key's murmur2, the same in every client of the topic; without a key the sticky partition (KIP-480, KIP-794): one partition
 * until about batch.size bytes went to it, then another one drawn at random, a partition with a shorter queue more likely.
 */
export interface PartitionerInput {
  readonly record: ProducerRecord;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly partitionCount: number;
  /** Those that have a leader. */
  readonly availablePartitions: readonly number[];
}

/** Returns a partition, 0 ≤ p < partitionCount. */
export type Partitioner = (input: PartitionerInput) => number;

/** Each record to the next partition that has a leader, keys or not. Counts by topic. */
export function roundRobinPartitioner(): Partitioner {
  const counters = new Map<string, number>();
  return ({ record, partitionCount, availablePartitions }) => {
    const counter = counters.get(record.topic) ?? 0;
    counters.set(record.topic, (counter + 1) % 0x7fff_ffff);
    const count = availablePartitions.length;
    return count > 0 ? availablePartitions[counter % count]! : counter % partitionCount;
  };
}

/** The key's partition; the null key like an empty one, so that a test may know where a record goes. */
export const keyHashPartitioner: Partitioner = ({ key, partitionCount }) =>
  partitionOfKey(key ?? new Uint8Array(0), partitionCount);

/** The sticky partition of one topic. */
export class StickyPartition {
  private readonly random: Random;
  private readonly batchBytes: number;
  /** −1: none. */
  current = -1;
  private producedBytes = 0;

  constructor(random: Random, batchBytes: number) {
    this.random = random;
    this.batchBytes = Math.max(1, batchBytes);
  }

  isChosen(partitionCount: number): boolean {
    return this.current >= 0 && this.current < partitionCount;
  }

  /** After an append: counts its bytes, and leaves the partition once it had its share at the end of a batch. */
  appended(bytes: number, batchIsFull: boolean): void {
    this.producedBytes += bytes;
    const enough = this.producedBytes >= this.batchBytes && batchIsFull;
    if (enough || this.producedBytes >= 2 * this.batchBytes) this.current = -1;
  }

  /** Chooses another one. `lengths`: the batches that wait for each available partition; null: all are alike. */
  choose(partitionCount: number, available: readonly number[], lengths: readonly number[] | null): number {
    this.producedBytes = 0;
    const count = available.length;
    if (count === 0) this.current = this.random.integer(partitionCount);
    else if (count === 1 || lengths === null) this.current = available[this.random.integer(count)]!;
    else this.current = available[weightedIndex(this.random, lengths)]!;
    return this.current;
  }
}

/** An index drawn with weight (longest − own + 1): the emptier a queue, the likelier. */
export function weightedIndex(random: Random, lengths: readonly number[]): number {
  const longest = Math.max(...lengths);
  let total = 0;
  for (const length of lengths) total += longest - length + 1;
  let drawn = random.integer(total);
  for (let i = 0; i < lengths.length; i++) {
    drawn -= longest - lengths[i]! + 1;
    if (drawn < 0) return i;
  }
  throw new Error('the weights did not add up');
}

import type { Random } from '../../ports/random.ts';
import type { TopicMetadata } from '../metadata.ts';
import { PartitionQueue } from './accumulator.ts';
import { StickyPartition } from './partitioner.ts';
import type { WaitingSend } from './waiting-sends.ts';

/**
 * A topic as the producer's hot path needs it: its partitions' queues, its sticky partition, and the sends that wait for it to be known.
 * Invariant: `available` (those that have a leader) belongs to `metadata`.
 */
export class ProducerTopic {
  readonly name: string;
  readonly sticky: StickyPartition;
  readonly waiting: WaitingSend[] = [];
  private known: TopicMetadata | null = null;
  private withLeader: readonly number[] = [];
  private readonly queues: PartitionQueue[] = [];

  constructor(name: string, random: Random, batchBytes: number) {
    this.name = name;
    this.sticky = new StickyPartition(random, batchBytes);
  }

  get metadata(): TopicMetadata | null {
    return this.known;
  }

  get available(): readonly number[] {
    return this.withLeader;
  }

  /** Takes what metadata says now; nothing new is no change. */
  update(metadata: TopicMetadata | undefined): void {
    if (metadata === undefined || metadata === this.known) return;
    this.known = metadata;
    this.withLeader = metadata.partitions.filter((each) => each.leader >= 0).map((each) => each.index);
  }

  /** Whether the topic is known, with the partition that a record names. */
  has(partition: number | undefined): boolean {
    return this.known !== null && (partition === undefined || partition < this.known.partitions.length);
  }

  queue(partition: number): PartitionQueue {
    return (this.queues[partition] ??= new PartitionQueue(this.name, partition));
  }

  /** Batches that wait for each available partition. */
  queueLengths(): readonly number[] {
    return this.withLeader.map((partition) => this.queues[partition]?.batches.length ?? 0);
  }
}

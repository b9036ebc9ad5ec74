import type { ProducerConfig } from '../client-config.ts';
import { ClientError } from '../client-error.ts';
import { partitionOfKey } from '../murmur2.ts';
import type { Partitioner } from './partitioner.ts';
import type { ProducerTopic } from './producer-topic.ts';
import type { ProducerRecord } from './record.ts';

/**
 * The partition of a record: the one that it names, else the application's partitioner's, else its key's, else the topic's sticky one.
 * The topic's metadata must be known.
 */
export class PartitionChoice {
  private readonly partitioner: Partitioner | null;
  private readonly ignoresKeys: boolean;
  private readonly isAdaptive: boolean;

  constructor(partitioner: Partitioner | null, config: ProducerConfig) {
    this.partitioner = partitioner;
    this.ignoresKeys = config['partitioner.ignore.keys'];
    this.isAdaptive = config['partitioner.adaptive.partitioning.enable'];
  }

  /** Throws ClientError, and what the partitioner throws. */
  choose(topic: ProducerTopic, record: ProducerRecord, key: Uint8Array | null, value: Uint8Array | null): number {
    if (record.partition !== undefined) return record.partition;
    const partitionCount = topic.metadata!.partitions.length;
    if (this.partitioner !== null) {
      const chosen = this.partitioner({ record, key, value, partitionCount, availablePartitions: topic.available });
      if (Number.isInteger(chosen) && chosen >= 0 && chosen < partitionCount) return chosen;
      const message = `the partitioner chose ${chosen} for ${topic.name}; allowed: an integer from 0 to ${partitionCount - 1}`;
      throw new ClientError('INVALID_PARTITION', message);
    }
    if (key !== null && !this.ignoresKeys) return partitionOfKey(key, partitionCount);
    const { sticky } = topic;
    if (sticky.isChosen(partitionCount)) return sticky.current;
    return sticky.choose(partitionCount, topic.available, this.isAdaptive ? topic.queueLengths() : null);
  }

  /** Whether `choose` asks the sticky partition, which then wants to know what was appended. */
  isSticky(record: ProducerRecord, key: Uint8Array | null): boolean {
    return record.partition === undefined && this.partitioner === null && (key === null || this.ignoresKeys);
  }
}

import type { Log } from '../log/log.ts';
import type { LogConfig } from '../log/log-config.ts';
import { type Leadership, Partition } from './partition.ts';

/**
 * The partitions that this broker holds, by topic: opened, led and removed as the cluster's metadata says.
 *
 * Invariant: for every partition in here its log is open, and no log is open twice. A topic that was deleted and made again under the same name has
 * another id; a partition belongs to one id for good.
 */
export interface PartitionLogs {
  /** Opens or makes the log of a partition, in the log dir with that id if the metadata names one. It is offline when its disk is. */
  open(topic: string, partition: number, topicId: string, config: LogConfig, directoryId: string): Log;
  /** Closes the log and removes its folder. */
  remove(log: Log): void;
}

export interface ReplicaToHold extends Leadership {
  readonly partition: number;
  /** The log dir of this broker's replica; the zero id when none was chosen. */
  readonly directoryId: string;
}

export class ReplicaManager {
  private readonly nodeId: number;
  private readonly logs: PartitionLogs;
  private readonly byTopic = new Map<string, Map<number, Partition>>();

  constructor(nodeId: number, logs: PartitionLogs) {
    this.nodeId = nodeId;
    this.logs = logs;
  }

  partition(topic: string, partition: number): Partition | undefined {
    return this.byTopic.get(topic)?.get(partition);
  }

  partitionsOf(topic: string): IterableIterator<Partition> {
    return (this.byTopic.get(topic) ?? NO_PARTITIONS).values();
  }

  *all(): Generator<Partition> {
    for (const partitions of this.byTopic.values()) yield* partitions.values();
  }

  /** Brings a topic's partitions on this broker to what the metadata says. Returns those that are new here. */
  hold(topic: string, topicId: string, replicas: readonly ReplicaToHold[], config: LogConfig): Partition[] {
    const partitions = this.byTopic.get(topic) ?? new Map<number, Partition>();
    this.byTopic.set(topic, partitions);
    const opened: Partition[] = [];
    for (const replica of replicas) {
      if (!replica.replicas.includes(this.nodeId)) continue;
      const existing = partitions.get(replica.partition);
      if (existing !== undefined) {
        if (existing.leaderEpoch !== replica.leaderEpoch || existing.inSyncReplicas !== replica.inSyncReplicas) {
          existing.changeLeadership(replica);
        }
        continue;
      }
      const log = this.logs.open(topic, replica.partition, topicId, config, replica.directoryId);
      const partition = new Partition(topic, replica.partition, topicId, this.nodeId, log, replica);
      partitions.set(replica.partition, partition);
      opened.push(partition);
    }
    return opened;
  }

  /** The topic's settings changed. */
  reconfigure(topic: string, config: LogConfig): void {
    for (const partition of this.partitionsOf(topic)) partition.log.config = config;
  }

  /** The topic is gone from the metadata. */
  drop(topic: string): void {
    const partitions = this.byTopic.get(topic);
    if (partitions === undefined) return;
    this.byTopic.delete(topic);
    for (const partition of partitions.values()) {
      partition.markDeleted();
      this.logs.remove(partition.log);
    }
  }
}

const NO_PARTITIONS: ReadonlyMap<number, Partition> = new Map();

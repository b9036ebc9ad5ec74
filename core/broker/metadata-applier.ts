import {
  BROKER_RESOURCE,
  type ClusterImage,
  directoryIdOf,
  TOPIC_RESOURCE,
  type TopicImage,
} from '../controller/image.ts';
import { CONSUMER_OFFSETS_TOPIC, SHARE_GROUP_STATE_TOPIC, TRANSACTION_STATE_TOPIC } from '../controller/topic-name.ts';
import type { GroupCoordinator } from '../groups/group-coordinator.ts';
import type { Clock } from '../ports/clock.ts';
import { FilesError } from '../ports/files.ts';
import type { Partition } from '../replica/partition.ts';
import type { ReplicaManager } from '../replica/replica-manager.ts';
import type { ShareCoordinator } from '../shares/share-coordinator.ts';
import type { SharePartitions } from '../shares/share-partitions.ts';
import type { TransactionCoordinator } from '../transactions/transaction-coordinator.ts';
import { coordinatorLog } from './coordinator-log.ts';
import type { Settings } from './settings.ts';
import { shareStateLog } from './shares/share-state-log.ts';

/**
 * Brings this broker to what the metadata says: partitions held and led, settings of logs, groups coordinated.
 *
 * Invariant: after `apply` every topic of the image is held, none that is not in it; topics whose image is the same object with the same settings
 * were left alone, so that a change costs what it changes and a look at each topic.
 */
interface Applied {
  readonly topic: TopicImage;
  readonly partitions: readonly unknown[];
  readonly configKey: string;
}

export class MetadataApplier {
  private readonly image: ClusterImage;
  private readonly nodeId: number;
  private readonly replicas: ReplicaManager;
  private readonly groups: GroupCoordinator;
  private readonly transactions: TransactionCoordinator;
  private readonly shares: ShareCoordinator;
  private readonly sharePartitions: SharePartitions;
  private readonly settings: Settings;
  private readonly clock: Clock;
  private readonly onProblem: (message: string) => void;
  private readonly applied = new Map<string, Applied>();

  constructor(parts: {
    readonly image: ClusterImage;
    readonly nodeId: number;
    readonly replicas: ReplicaManager;
    readonly groups: GroupCoordinator;
    readonly transactions: TransactionCoordinator;
    readonly shares: ShareCoordinator;
    readonly sharePartitions: SharePartitions;
    readonly settings: Settings;
    readonly clock: Clock;
    readonly onProblem: (message: string) => void;
  }) {
    this.image = parts.image;
    this.nodeId = parts.nodeId;
    this.replicas = parts.replicas;
    this.groups = parts.groups;
    this.transactions = parts.transactions;
    this.shares = parts.shares;
    this.sharePartitions = parts.sharePartitions;
    this.settings = parts.settings;
    this.clock = parts.clock;
    this.onProblem = parts.onProblem;
  }

  apply(): void {
    this.groups.metadataChanged();
    for (const [name, { topic }] of this.applied) {
      if (this.image.topics.get(name)?.topicId !== topic.topicId) this.drop(name, topic.topicId);
    }
    const brokerKey = this.brokerConfigKey();
    for (const topic of this.image.topics.values()) this.applyTopic(topic, brokerKey);
  }

  private applyTopic(topic: TopicImage, brokerKey: string): void {
    const before = this.applied.get(topic.name);
    const configKey = brokerKey + textOf(this.image.configsOf(TOPIC_RESOURCE, topic.name));
    const isSame =
      before !== undefined &&
      before.partitions.length === topic.partitions.length &&
      topic.partitions.every((partition, i) => partition === before.partitions[i]);
    if (isSame && before.configKey === configKey) return;
    const config = this.settings.logConfigOf(topic.name);
    this.applied.set(topic.name, { topic, partitions: [...topic.partitions], configKey });
    if (before !== undefined && before.configKey !== configKey) this.replicas.reconfigure(topic.name, config);
    if (isSame) return;
    try {
      const replicas = topic.partitions.map((each) => ({
        partition: each.partition,
        leader: each.leader,
        leaderEpoch: each.leaderEpoch,
        inSyncReplicas: each.inSyncReplicas,
        partitionEpoch: each.partitionEpoch,
        replicas: each.replicas,
        addingReplicas: each.addingReplicas,
        removingReplicas: each.removingReplicas,
        directoryId: directoryIdOf(each, this.nodeId),
      }));
      const held = this.replicas.hold(topic.name, topic.topicId, replicas, config);
      // A coordinator that could not read its partition would take everything for new.
      const opened = held.opened.filter(({ log }) => log.offline === null);
      if (topic.name === CONSUMER_OFFSETS_TOPIC) this.coordinateGroups(opened);
      if (topic.name === TRANSACTION_STATE_TOPIC) this.coordinateTransactions(opened);
      if (topic.name === SHARE_GROUP_STATE_TOPIC) this.coordinateShares(opened);
    } catch (error) {
      if (!(error instanceof FilesError)) throw error;
      this.onProblem(`the topic ${topic.name} cannot be held: ${error.message}`);
    }
  }

  private coordinateTransactions(opened: readonly Partition[]): void {
    for (const partition of opened) {
      if (partition.leader !== this.nodeId) continue;
      this.transactions.elected(
        partition.partition,
        coordinatorLog(partition, this.clock),
        Math.max(0, partition.leaderEpoch),
      );
    }
  }

  private coordinateShares(opened: readonly Partition[]): void {
    for (const partition of opened) {
      if (partition.leader !== this.nodeId) continue;
      this.shares.elected(partition.partition, shareStateLog(partition, this.clock));
    }
  }

  private coordinateGroups(opened: readonly Partition[]): void {
    for (const partition of opened) {
      if (partition.leader === this.nodeId) {
        this.groups.elected(partition.partition, coordinatorLog(partition, this.clock));
      }
    }
  }

  private drop(name: string, topicId: string): void {
    this.applied.delete(name);
    if (name === CONSUMER_OFFSETS_TOPIC) {
      for (const { partition } of this.replicas.partitionsOf(name)) this.groups.resigned(partition);
    }
    if (name === TRANSACTION_STATE_TOPIC) {
      for (const { partition } of this.replicas.partitionsOf(name)) this.transactions.resigned(partition);
    }
    if (name === SHARE_GROUP_STATE_TOPIC) {
      for (const { partition } of this.replicas.partitionsOf(name)) this.shares.resigned(partition);
    }
    this.replicas.drop(name);
    this.sharePartitions.topicDeleted(topicId);
    void this.shares.topicDeleted(topicId);
    this.groups.topicDeleted(name, topicId).catch((error: unknown) => {
      this.onProblem(`the offsets committed for ${name} could not be removed: ${String(error)}`);
    });
  }

  private brokerConfigKey(): string {
    return (
      textOf(this.image.configsOf(BROKER_RESOURCE, String(this.nodeId))) +
      textOf(this.image.configsOf(BROKER_RESOURCE, ''))
    );
  }
}

function textOf(configs: ReadonlyMap<string, string>): string {
  if (configs.size === 0) return '|';
  return `|${JSON.stringify([...configs])}`;
}

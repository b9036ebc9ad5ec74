import {
  BROKER_RESOURCE,
  type ClusterImage,
  directoryIdOf,
  TOPIC_RESOURCE,
  type TopicImage,
} from '../controller/image.ts';
import { CONSUMER_OFFSETS_TOPIC, SHARE_GROUP_STATE_TOPIC, TRANSACTION_STATE_TOPIC } from '../controller/topic-name.ts';
import type { GroupCoordinator } from '../groups/group-coordinator.ts';
import type { LogConfig } from '../log/log-config.ts';
import type { Clock } from '../ports/clock.ts';
import { FilesError } from '../ports/files.ts';
import type { Partition } from '../replica/partition.ts';
import type { ReplicaManager } from '../replica/replica-manager.ts';
import type { ShareCoordinator } from '../shares/share-coordinator.ts';
import type { SharePartitions } from '../shares/share-partitions.ts';
import type { TransactionCoordinator } from '../transactions/transaction-coordinator.ts';
import { PartitionCoordinatorLog } from './coordinator-log.ts';
import type { Settings } from './settings.ts';
import { shareStateLog } from './shares/share-state-log.ts';

/**
 * Brings this broker to what the metadata says: partitions held and led, settings of logs, groups, transactions and share partitions coordinated.
 *
 * Invariants: after `apply` every topic of the image is held as far as this broker has replicas of it, none that is not in it; this broker coordinates exactly the
 * partitions of internal topics that it leads, each in its present leader epoch. Topics whose image is the same object with the same settings
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
  private lastConfig: { readonly configKey: string; readonly config: LogConfig } | null = null;

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
    const config = this.logConfigOf(topic.name, configKey);
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
      this.replicas.hold(topic.name, topic.topicId, replicas, config);
      this.coordinate(topic);
    } catch (error) {
      if (!(error instanceof FilesError)) throw error;
      this.onProblem(`the topic ${topic.name} cannot be held: ${error.message}`);
    }
  }

  /** Most topics have no settings of their own: what holds for one of them holds for all. */
  private logConfigOf(topic: string, configKey: string): LogConfig {
    if (this.lastConfig?.configKey !== configKey) {
      this.lastConfig = { configKey, config: this.settings.logConfigOf(topic) };
    }
    return this.lastConfig.config;
  }

  /** Elects this broker where it leads now, in a new leader epoch too, and ends what it did where it does not. */
  private coordinate(topic: TopicImage): void {
    const coordinator = this.coordinatorOf(topic.name);
    for (const { partition: index } of topic.partitions) {
      const partition = this.replicas.partition(topic.name, index);
      // A coordinator that could not read its partition would take everything for new.
      const isLed = partition?.isLeader === true && partition.log.offline === null;
      this.sharePartitions.leadershipChanged(topic.topicId, index, isLed ? partition.leaderEpoch : null);
      if (isLed) coordinator?.elected(partition);
      else coordinator?.resigned(index);
    }
  }

  private coordinatorOf(topic: string): {
    elected(partition: Partition): void;
    resigned(partition: number): void;
  } | null {
    const { groups, transactions, shares, clock, settings } = this;
    switch (topic) {
      case CONSUMER_OFFSETS_TOPIC:
        return {
          elected: (led) =>
            groups.elected(led.partition, led.leaderEpoch, () => {
              return new PartitionCoordinatorLog(led, clock, settings.number('offsets.commit.timeout.ms'));
            }),
          resigned: (partition) => groups.resigned(partition),
        };
      case TRANSACTION_STATE_TOPIC:
        return {
          elected: (led) =>
            transactions.elected(led.partition, led.leaderEpoch, () => {
              return new PartitionCoordinatorLog(led, clock, settings.number('request.timeout.ms'));
            }),
          resigned: (partition) => transactions.resigned(partition),
        };
      case SHARE_GROUP_STATE_TOPIC:
        return {
          elected: (led) =>
            shares.elected(led.partition, led.leaderEpoch, () => {
              return shareStateLog(led, clock, settings.number('share.coordinator.write.timeout.ms'));
            }),
          resigned: (partition) => shares.resigned(partition),
        };
      default:
        return null;
    }
  }

  private drop(name: string, topicId: string): void {
    this.applied.delete(name);
    const coordinator = this.coordinatorOf(name);
    for (const { partition } of this.replicas.partitionsOf(name)) coordinator?.resigned(partition);
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

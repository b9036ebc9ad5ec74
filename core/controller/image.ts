import { ZERO_UUID } from '../protocol/writer.ts';
import { ClientQuotas } from './client-quotas.ts';
import type { MetadataRecord } from './records/metadata-record.ts';
import { ScramCredentials } from './scram-credentials.ts';

/**
 * The cluster's metadata as the log of records says it is: brokers, topics, partitions, configs, features, producer ids, quotas, SCRAM credentials.
 *
 * Invariant: `replay` alone changes it, and depends on nothing but the image and the record, so that every node that replayed the same
 * records has the same image. Everybody else reads.
 */
export interface BrokerRegistration {
  readonly brokerId: number;
  readonly incarnationId: string;
  readonly brokerEpoch: number;
  readonly endPoints: readonly { readonly name: string; readonly host: string; readonly port: number }[];
  readonly rack: string | null;
  readonly isFenced: boolean;
  readonly logDirs: readonly string[];
}

export interface PartitionImage {
  readonly partition: number;
  readonly replicas: readonly number[];
  readonly inSyncReplicas: readonly number[];
  /** Not in sync any more, but sure to have every committed record (KIP-966); from logs that Kafka wrote. */
  readonly eligibleLeaderReplicas: readonly number[];
  /** −1 = none. */
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
  readonly directories: readonly string[];
  /** Of a reassignment under way: those that are to come, and those that are to go. */
  readonly addingReplicas: readonly number[];
  readonly removingReplicas: readonly number[];
}

export interface TopicImage {
  readonly name: string;
  readonly topicId: string;
  /** By partition number, without gaps. */
  readonly partitions: readonly PartitionImage[];
}

/** The log dir of a broker's replica; the zero id when the broker has not chosen one. */
export function directoryIdOf({ replicas, directories }: PartitionImage, brokerId: number): string {
  return directories[replicas.indexOf(brokerId)] ?? ZERO_UUID;
}

export const NO_LEADER = -1;
const LEADER_UNCHANGED = -2;

export type ResourceType = 2 | 4 | 16 | 32;
export const TOPIC_RESOURCE = 2;
export const BROKER_RESOURCE = 4;
export const CLIENT_METRICS_RESOURCE = 16;
export const GROUP_RESOURCE = 32;

interface MutableTopic extends TopicImage {
  readonly partitions: PartitionImage[];
}

const NO_CONFIGS: ReadonlyMap<string, string> = new Map();

export class ClusterImage {
  readonly clientQuotas = new ClientQuotas();
  readonly scramCredentials = new ScramCredentials();
  private readonly brokersById = new Map<number, BrokerRegistration>();
  private readonly topicsById = new Map<string, MutableTopic>();
  private readonly topicsByName = new Map<string, MutableTopic>();
  private readonly configs = new Map<string, Map<string, string>>();
  private readonly featureLevels = new Map<string, number>();
  private producerIdEnd = 0;
  private metricsChanges = 0;

  get brokers(): ReadonlyMap<number, BrokerRegistration> {
    return this.brokersById;
  }

  /** By name. */
  get topics(): ReadonlyMap<string, TopicImage> {
    return this.topicsByName;
  }

  get features(): ReadonlyMap<string, number> {
    return this.featureLevels;
  }

  /** The first producer id that nobody was given. */
  get nextProducerId(): number {
    return this.producerIdEnd;
  }

  topicById(topicId: string): TopicImage | undefined {
    return this.topicsById.get(topicId);
  }

  /** Brokers that may lead partitions, by id, ascending. */
  liveBrokers(): BrokerRegistration[] {
    return [...this.brokersById.values()].filter((broker) => !broker.isFenced).sort((a, b) => a.brokerId - b.brokerId);
  }

  /** The settings that were given to a resource; those of broker '' hold for all brokers. */
  configsOf(resourceType: ResourceType, resourceName: string): ReadonlyMap<string, string> {
    return this.configs.get(configKey(resourceType, resourceName)) ?? NO_CONFIGS;
  }

  /** Rises when a client metrics subscription changes. */
  get clientMetricsRevision(): number {
    return this.metricsChanges;
  }

  /** Names of the resources of a type that have a setting of their own. */
  configuredNames(resourceType: ResourceType): string[] {
    const prefix = configKey(resourceType, '');
    return [...this.configs.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
  }

  replay(record: MetadataRecord): void {
    switch (record.kind) {
      case 'registerBroker':
        this.brokersById.set(record.brokerId, {
          brokerId: record.brokerId,
          incarnationId: record.incarnationId,
          brokerEpoch: record.brokerEpoch,
          endPoints: record.endPoints,
          rack: record.rack,
          isFenced: record.fenced,
          logDirs: record.logDirs,
        });
        return;
      case 'brokerRegistrationChange': {
        const before = this.brokersById.get(record.brokerId);
        if (before === undefined) throw new Error(`a change of the unknown broker ${record.brokerId}`);
        this.brokersById.set(record.brokerId, {
          ...before,
          isFenced: record.fenced === 0 ? before.isFenced : record.fenced > 0,
          logDirs: record.logDirs.length > 0 ? record.logDirs : before.logDirs,
        });
        return;
      }
      case 'unregisterBroker':
        this.brokersById.delete(record.brokerId);
        return;
      case 'topic': {
        const topic: MutableTopic = { name: record.name, topicId: record.topicId, partitions: [] };
        this.topicsById.set(record.topicId, topic);
        this.topicsByName.set(record.name, topic);
        return;
      }
      case 'partition':
        this.topic(record.topicId).partitions[record.partitionId] = {
          partition: record.partitionId,
          replicas: record.replicas,
          inSyncReplicas: record.isr,
          eligibleLeaderReplicas: record.eligibleLeaderReplicas ?? [],
          leader: record.leader,
          leaderEpoch: record.leaderEpoch,
          partitionEpoch: record.partitionEpoch,
          directories: record.directories,
          addingReplicas: record.addingReplicas,
          removingReplicas: record.removingReplicas,
        };
        return;
      case 'partitionChange': {
        const { partitions } = this.topic(record.topicId);
        const before = partitions[record.partitionId];
        if (before === undefined) throw new Error(`a change of the unknown partition ${record.partitionId}`);
        const isNewLeader = record.leader !== LEADER_UNCHANGED;
        partitions[record.partitionId] = {
          partition: before.partition,
          replicas: record.replicas ?? before.replicas,
          inSyncReplicas: record.isr ?? before.inSyncReplicas,
          eligibleLeaderReplicas: record.eligibleLeaderReplicas ?? before.eligibleLeaderReplicas,
          leader: isNewLeader ? record.leader : before.leader,
          leaderEpoch: isNewLeader ? before.leaderEpoch + 1 : before.leaderEpoch,
          partitionEpoch: before.partitionEpoch + 1,
          directories: record.directories ?? before.directories,
          addingReplicas: record.addingReplicas ?? before.addingReplicas,
          removingReplicas: record.removingReplicas ?? before.removingReplicas,
        };
        return;
      }
      case 'config': {
        const key = configKey(record.resourceType as ResourceType, record.resourceName);
        const configs = this.configs.get(key) ?? new Map<string, string>();
        if (record.resourceType === CLIENT_METRICS_RESOURCE) this.metricsChanges++;
        if (record.value === null) configs.delete(record.name);
        else configs.set(record.name, record.value);
        if (configs.size === 0) this.configs.delete(key);
        else this.configs.set(key, configs);
        return;
      }
      case 'removeTopic': {
        const topic = this.topic(record.topicId);
        this.topicsById.delete(record.topicId);
        // A topic of the same name may have been made since; its id tells them apart.
        if (this.topicsByName.get(topic.name) === topic) this.topicsByName.delete(topic.name);
        this.configs.delete(configKey(TOPIC_RESOURCE, topic.name));
        return;
      }
      case 'featureLevel':
        if (record.featureLevel === 0) this.featureLevels.delete(record.name);
        else this.featureLevels.set(record.name, record.featureLevel);
        return;
      case 'producerIds':
        this.producerIdEnd = record.nextProducerId;
        return;
      case 'clientQuota':
        this.clientQuotas.replay(record);
        return;
      case 'userScramCredential':
        this.scramCredentials.replay(record);
        return;
      case 'removeUserScramCredential':
        this.scramCredentials.remove(record.name, record.mechanism);
        return;
      case 'noOp':
        return;
      default:
        record satisfies never;
    }
  }

  private topic(topicId: string): MutableTopic {
    const topic = this.topicsById.get(topicId);
    if (topic === undefined) throw new Error(`a record of the unknown topic ${topicId}`);
    return topic;
  }
}

function configKey(resourceType: ResourceType, resourceName: string): string {
  return `${resourceType}:${resourceName}`;
}

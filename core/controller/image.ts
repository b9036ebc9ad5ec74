import { ClientQuotas } from './client-quotas.ts';
import { imageRecords } from './image-records.ts';
import { changedPartitionImage, newPartitionImage, type PartitionImage } from './partition-image.ts';
import type { MetadataRecord, NewMetadataRecord } from './records/metadata-record.ts';
import {
  type BrokerRegistration,
  type ControllerRegistration,
  changedBroker,
  registeredBroker,
  registeredController,
} from './registration.ts';
import { ScramCredentials } from './scram-credentials.ts';

/**
 * The cluster's metadata as the log of records says it is: brokers, controllers, topics, partitions, configs, features, producer ids, quotas, SCRAM
 * credentials.
 *
 * Invariant: `replay` alone changes it, and depends on nothing but the image and the record, so that every node that replayed the same
 * records has the same image. Everybody else reads.
 */
export interface TopicImage {
  readonly name: string;
  readonly topicId: string;
  /** By partition number, without gaps. */
  readonly partitions: readonly PartitionImage[];
}

export type { PartitionImage } from './partition-image.ts';
export { directoryIdOf, NO_LEADER } from './partition-image.ts';
export type { BrokerRegistration } from './registration.ts';

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
  private readonly controllersById = new Map<number, ControllerRegistration>();
  private readonly topicsById = new Map<string, MutableTopic>();
  private readonly topicsByName = new Map<string, MutableTopic>();
  private readonly configs = new Map<string, Map<string, string>>();
  private readonly featureLevels = new Map<string, number>();
  private producerIdEnd = 0;
  private metricsChanges = 0;
  private configChanges = 0;

  get brokers(): ReadonlyMap<number, BrokerRegistration> {
    return this.brokersById;
  }

  get controllers(): ReadonlyMap<number, ControllerRegistration> {
    return this.controllersById;
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

  /** It is alive and not about to stop: it may be made a leader, and may come in sync. */
  isActive(brokerId: number): boolean {
    const broker = this.brokersById.get(brokerId);
    return broker !== undefined && !broker.isFenced && !broker.isInControlledShutdown;
  }

  /** Brokers that are not fenced, by id, ascending. */
  liveBrokers(): BrokerRegistration[] {
    return [...this.brokersById.values()].filter((broker) => !broker.isFenced).sort((a, b) => a.brokerId - b.brokerId);
  }

  /** The settings that were given to a resource; those of broker '' hold for all brokers. */
  configsOf(resourceType: ResourceType, resourceName: string): ReadonlyMap<string, string> {
    return this.configs.get(configKey(resourceType, resourceName)) ?? NO_CONFIGS;
  }

  /** Rises when any setting may have changed. */
  get configRevision(): number {
    return this.configChanges;
  }

  /** Rises when a client metrics subscription changes. */
  get clientMetricsRevision(): number {
    return this.metricsChanges;
  }

  /** Every resource that has a setting of its own, with these. */
  *allConfigs(): Iterable<{
    readonly resourceType: number;
    readonly resourceName: string;
    readonly configs: ReadonlyMap<string, string>;
  }> {
    for (const [key, configs] of this.configs) {
      const colon = key.indexOf(':');
      yield { resourceType: Number(key.slice(0, colon)), resourceName: key.slice(colon + 1), configs };
    }
  }

  /** Names of the resources of a type that have a setting of their own. */
  configuredNames(resourceType: ResourceType): string[] {
    const prefix = configKey(resourceType, '');
    return [...this.configs.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
  }

  replay(record: MetadataRecord): void {
    switch (record.kind) {
      case 'registerBroker':
        this.brokersById.set(record.brokerId, registeredBroker(record));
        return;
      case 'brokerRegistrationChange': {
        this.brokersById.set(record.brokerId, changedBroker(this.broker(record.brokerId), record));
        return;
      }
      case 'fenceBroker':
      case 'unfenceBroker':
        this.brokersById.set(record.id, { ...this.broker(record.id), isFenced: record.kind === 'fenceBroker' });
        return;
      case 'registerController':
        this.controllersById.set(record.controllerId, registeredController(record));
        return;
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
        this.topic(record.topicId).partitions[record.partitionId] = newPartitionImage(record);
        return;
      case 'partitionChange': {
        const { partitions } = this.topic(record.topicId);
        const before = partitions[record.partitionId];
        if (before === undefined) throw new Error(`a change of the unknown partition ${record.partitionId}`);
        partitions[record.partitionId] = changedPartitionImage(before, record);
        return;
      }
      case 'config': {
        this.configChanges++;
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
        this.configChanges++;
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

  /** Forgets everything, as before the first record. */
  reset(): void {
    this.brokersById.clear();
    this.controllersById.clear();
    this.topicsById.clear();
    this.topicsByName.clear();
    this.configs.clear();
    this.configChanges++;
    this.featureLevels.clear();
    this.producerIdEnd = 0;
    this.metricsChanges++;
    this.clientQuotas.reset();
    this.scramCredentials.reset();
  }

  /** A snapshot: replayed into an empty image these give an equal one. */
  toRecords(): Iterable<NewMetadataRecord> {
    return imageRecords(this);
  }

  private broker(brokerId: number): BrokerRegistration {
    const broker = this.brokersById.get(brokerId);
    if (broker === undefined) throw new Error(`a change of the unknown broker ${brokerId}`);
    return broker;
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

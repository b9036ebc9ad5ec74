import { ErrorCode } from '../../protocol/errors.ts';
import { Metadata as MetadataApi } from '../../protocol/messages/03-metadata.ts';
import { CreateTopics } from '../../protocol/messages/19-create-topics.ts';
import { DeleteTopics } from '../../protocol/messages/20-delete-topics.ts';
import { CreatePartitions } from '../../protocol/messages/37-create-partitions.ts';
import { ZERO_UUID } from '../../protocol/writer.ts';
import type { AdminConfigInput } from '../client-config.ts';
import { brokerError, ClientError } from '../client-error.ts';
import type { ClientPorts } from '../connections.ts';
import { lookUpOffsets, type OffsetAndTimestamp, type PartitionOffset, type TimeQuery } from '../consumer/offsets.ts';
import { keyOf, type TopicPartition } from '../consumer/topic-partition.ts';
import { Metadata, type TopicMetadata } from '../metadata.ts';
import { AdminCalls, type ClusterDescription } from './admin-calls.ts';
import {
  alterConfigs,
  type ConfigChanges,
  type ConfigEntry,
  type ConfigResource,
  describeConfigs,
  listConfigResources,
  type ResourceType,
} from './configs.ts';
import {
  alterGroupOffsets,
  alterShareGroupOffsets,
  type CommittedOffset,
  deleteGroups,
  describeGroups,
  type GroupDescription,
  type GroupListing,
  listGroupOffsets,
  listGroups,
  listShareGroupOffsets,
  type ShareGroupOffset,
} from './groups.ts';
import { alterQuotas, describeQuotas, type EntityQuotas, type QuotaEntity, type QuotaFilterPart } from './quotas.ts';
import {
  type ActiveProducer,
  abortTransaction,
  describeProducers,
  describeTransaction,
  listTransactions,
  type ProducerToAbort,
  type TransactionDescription,
  type TransactionFilter,
  type TransactionListing,
} from './transactions.ts';

export type { ConfigChange, ConfigChanges, ConfigEntry, ConfigResource } from './configs.ts';
export type { GroupDescription, GroupListing, GroupMemberDescription } from './groups.ts';

/**
 * Managing topics, configs and groups. Every call retries what a retry can cure within default.api.timeout.ms and rejects with ClientError otherwise;
 * calls about several things reject with the first error that any of them had.
 */
export interface NewTopic {
  readonly name: string;
  /** −1 or left out: the broker's default. */
  readonly partitions?: number;
  readonly replicationFactor?: number;
  /** By hand, in place of both: the brokers of each partition. */
  readonly assignments?: readonly (readonly number[])[];
  readonly configs?: Readonly<Record<string, string>>;
}

export class Admin {
  readonly calls: AdminCalls;
  private readonly metadata: Metadata;

  /** Throws ConfigError. */
  constructor(ports: ClientPorts, config: AdminConfigInput) {
    this.calls = new AdminCalls(ports, config);
    this.metadata = new Metadata(ports, this.calls.config, this.calls.connections, false);
  }

  // ── topics ──

  async createTopics(topics: readonly NewTopic[], options: { validateOnly?: boolean } = {}): Promise<void> {
    const body = {
      topics: topics.map((topic) => ({
        name: topic.name,
        numPartitions: topic.assignments === undefined ? (topic.partitions ?? -1) : -1,
        replicationFactor: topic.assignments === undefined ? (topic.replicationFactor ?? -1) : -1,
        assignments: (topic.assignments ?? []).map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds })),
        configs: Object.entries(topic.configs ?? {}).map(([name, value]) => ({ name, value })),
      })),
      timeoutMs: this.calls.config['request.timeout.ms'],
      validateOnly: options.validateOnly ?? false,
    };
    await this.calls.retrying('create topics', async () => {
      const response = await this.calls.atController(CreateTopics, body);
      for (const each of response.topics) this.calls.check(each.errorCode, `topic ${each.name}`, each.errorMessage);
    });
  }

  async deleteTopics(names: readonly string[]): Promise<void> {
    await this.calls.retrying('delete topics', async () => {
      const response = await this.calls.atController(DeleteTopics, {
        topics: names.map((name) => ({ name, topicId: ZERO_UUID })),
        topicNames: names,
        timeoutMs: this.calls.config['request.timeout.ms'],
      });
      for (const each of response.responses) this.calls.check(each.errorCode, `topic ${each.name}`, each.errorMessage);
    });
  }

  /** Raises a topic's partition count to `count`. */
  async createPartitions(topic: string, count: number): Promise<void> {
    await this.calls.retrying('create partitions', async () => {
      const response = await this.calls.atController(CreatePartitions, {
        topics: [{ name: topic, count, assignments: null }],
        timeoutMs: this.calls.config['request.timeout.ms'],
        validateOnly: false,
      });
      for (const each of response.results) this.calls.check(each.errorCode, `topic ${each.name}`, each.errorMessage);
    });
  }

  async listTopics(options: { includeInternal?: boolean } = {}): Promise<readonly string[]> {
    const topics = await this.askMetadata(null);
    return topics
      .filter((topic) => options.includeInternal || !topic.isInternal)
      .map((topic) => topic.name)
      .sort();
  }

  /** In the order asked for; rejects when one does not exist. Without names: all topics. */
  describeTopics(names: readonly string[] | null = null): Promise<readonly TopicMetadata[]> {
    return this.askMetadata(names);
  }

  private async askMetadata(names: readonly string[] | null): Promise<readonly TopicMetadata[]> {
    let found: TopicMetadata[] = [];
    await this.calls.retrying('metadata', async () => {
      const topics = names?.map((name) => ({ name })) ?? null;
      const body = { topics, allowAutoTopicCreation: false };
      const response = await this.calls.atAny(MetadataApi, body);
      this.calls.connections.updateBrokers(response.brokers);
      found = response.topics.map((topic) => {
        const name = topic.name ?? '';
        this.calls.check(topic.errorCode, `topic ${name}`);
        const partitions = topic.partitions
          .map((each) => ({
            index: each.partitionIndex,
            leader: each.leaderId,
            leaderEpoch: each.leaderEpoch,
            replicas: each.replicaNodes,
            isr: each.isrNodes,
            errorCode: each.errorCode,
          }))
          .sort((a, b) => a.index - b.index);
        return { name, topicId: topic.topicId, isInternal: topic.isInternal, partitions };
      });
    });
    if (names !== null) found.sort((a, b) => names.indexOf(a.name) - names.indexOf(b.name));
    return found;
  }

  /** Offsets by time or by the special timestamps (offsets.ts), by `topic-partition`. */
  async listOffsets(
    queries: readonly TimeQuery[],
    isolationLevel: 0 | 1 = 0,
  ): Promise<ReadonlyMap<string, OffsetAndTimestamp>> {
    const all = new Map<string, OffsetAndTimestamp>();
    let left = queries;
    this.metadata.wantOnly(new Set(queries.map((query) => query.topic)));
    await this.calls.retrying('list offsets', async () => {
      if (left.some(({ topic }) => this.metadata.topic(topic) === undefined)) {
        this.metadata.requestUpdate();
        await this.metadata.nextUpdate();
        for (const { topic } of left) {
          if (this.metadata.errorOf(topic) !== ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) continue;
          throw brokerError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `topic ${topic}`).withoutRetry();
        }
      }
      const { found, retry } = await lookUpOffsets(this.calls.connections, this.metadata, left, isolationLevel);
      for (const [key, each] of found) all.set(key, each);
      const again = new Set(retry.map(keyOf));
      left = left.filter((query) => again.has(keyOf(query)));
      if (left.length > 0) throw new ClientError('LEADER_NOT_AVAILABLE', [...again].join(', '), { retriable: true });
    });
    return all;
  }

  // ── configs and cluster ──

  describeConfigs(resources: readonly ConfigResource[]): Promise<ReadonlyMap<string, readonly ConfigEntry[]>> {
    return describeConfigs(this.calls, resources);
  }

  /** Changes single settings and leaves the others as they are. */
  alterConfigs(changes: readonly ConfigChanges[], options: { validateOnly?: boolean } = {}): Promise<void> {
    return alterConfigs(this.calls, changes, options.validateOnly ?? false);
  }

  describeCluster(): Promise<ClusterDescription> {
    return this.calls.retrying('describe cluster', () => this.calls.describeCluster());
  }

  /** Names of the resources of a type that have settings of their own. */
  listConfigResources(type: ResourceType): Promise<readonly string[]> {
    return listConfigResources(this.calls, type);
  }

  // ── quotas ──

  describeQuotas(filter: readonly QuotaFilterPart[], strict: boolean): Promise<readonly EntityQuotas[]> {
    return describeQuotas(this.calls, filter, strict);
  }

  /** Sets quotas; null takes one away. */
  alterQuotas(entity: QuotaEntity, changes: Readonly<Record<string, number | null>>): Promise<void> {
    return alterQuotas(this.calls, entity, changes);
  }

  // ── groups ──

  listGroups(): Promise<readonly GroupListing[]> {
    return listGroups(this.calls);
  }

  /** Classic, consumer and share groups. One that does not exist is described as Dead, without members. */
  describeGroups(groupIds: readonly string[]): Promise<readonly GroupDescription[]> {
    return describeGroups(this.calls, groupIds);
  }

  /** Only groups without members can be deleted. */
  deleteGroups(groupIds: readonly string[]): Promise<void> {
    return deleteGroups(this.calls, groupIds);
  }

  /** The group's committed offsets by `topic-partition`; of these partitions, or of all. */
  listGroupOffsets(
    groupId: string,
    partitions: readonly TopicPartition[] | null = null,
  ): Promise<ReadonlyMap<string, CommittedOffset>> {
    return listGroupOffsets(this.calls, groupId, partitions);
  }

  /** Sets committed offsets. The group must have no members. */
  alterGroupOffsets(groupId: string, offsets: readonly PartitionOffset[]): Promise<void> {
    return alterGroupOffsets(this.calls, groupId, offsets);
  }

  /** Where a share group starts in each partition: everything before it is settled. */
  listShareGroupOffsets(groupId: string): Promise<ReadonlyMap<string, ShareGroupOffset>> {
    return listShareGroupOffsets(this.calls, groupId);
  }

  /** Sets start offsets. The group must have no members. */
  alterShareGroupOffsets(groupId: string, offsets: readonly PartitionOffset[]): Promise<void> {
    return alterShareGroupOffsets(this.calls, groupId, offsets);
  }

  // ── transactions ──

  listTransactions(filter: TransactionFilter = {}): Promise<readonly TransactionListing[]> {
    return listTransactions(this.calls, filter);
  }

  describeTransaction(transactionalId: string): Promise<TransactionDescription> {
    return describeTransaction(this.calls, transactionalId);
  }

  async describeProducers(partition: TopicPartition): Promise<readonly ActiveProducer[]> {
    return describeProducers(this.calls, partition, await this.leaderOf(partition));
  }

  /** Writes the abort marker of a transaction that nobody will end any more. */
  async abortTransaction(partition: TopicPartition, producer: ProducerToAbort): Promise<void> {
    await abortTransaction(this.calls, partition, await this.leaderOf(partition), producer);
  }

  private async leaderOf({ topic, partition }: TopicPartition): Promise<number> {
    const [description] = await this.describeTopics([topic]);
    const found = description!.partitions.find(({ index }) => index === partition);
    if (found === undefined) throw brokerError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `partition ${topic}-${partition}`);
    return found.leader;
  }

  /** Ends all connections; calls under way reject. */
  async close(): Promise<void> {
    this.metadata.close();
    this.calls.close();
  }
}

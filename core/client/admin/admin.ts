import { ErrorCode } from '../../protocol/errors.ts';
import { Metadata as MetadataApi } from '../../protocol/messages/03-metadata.ts';
import { DescribeGroups } from '../../protocol/messages/15-describe-groups.ts';
import { ListGroups } from '../../protocol/messages/16-list-groups.ts';
import { CreateTopics } from '../../protocol/messages/19-create-topics.ts';
import { DeleteTopics } from '../../protocol/messages/20-delete-topics.ts';
import { CreatePartitions } from '../../protocol/messages/37-create-partitions.ts';
import { DeleteGroups } from '../../protocol/messages/42-delete-groups.ts';
import { ZERO_UUID } from '../../protocol/writer.ts';
import type { AdminConfigInput } from '../client-config.ts';
import { brokerError, ClientError, connectionError } from '../client-error.ts';
import type { ClientPorts } from '../connections.ts';
import { decodeAssignment } from '../consumer/consumer-protocol.ts';
import {
  lookUpOffsets,
  type OffsetAndMetadata,
  type OffsetAndTimestamp,
  type PartitionOffset,
  type TimeQuery,
} from '../consumer/offsets.ts';
import { keyOf, type TopicPartition } from '../consumer/topic-partition.ts';
import { anonymousCommitter, commitOffsets, fetchOffsets } from '../group-offsets.ts';
import { Metadata, type TopicMetadata } from '../metadata.ts';
import { AdminCalls, type ClusterDescription } from './admin-calls.ts';
import { alterConfigs, type ConfigChanges, type ConfigEntry, type ConfigResource, describeConfigs } from './configs.ts';

export type { ConfigChanges, ConfigEntry, ConfigResource } from './configs.ts';

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

export interface GroupListing {
  readonly groupId: string;
  readonly protocolType: string;
  readonly state: string;
  readonly type: string;
}

export interface GroupMemberDescription {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly host: string;
  readonly partitions: readonly TopicPartition[];
}

export interface GroupDescription {
  readonly groupId: string;
  readonly state: string;
  readonly protocolType: string;
  readonly assignor: string;
  readonly coordinator: number;
  readonly members: readonly GroupMemberDescription[];
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

  // ── groups ──

  async listGroups(): Promise<readonly GroupListing[]> {
    const { brokers } = await this.describeCluster();
    const groups = new Map<string, GroupListing>();
    for (const { nodeId } of brokers) {
      await this.calls.retrying('list groups', async () => {
        const response = await this.calls.atBroker(nodeId, ListGroups, {});
        this.calls.check(response.errorCode, `groups of broker ${nodeId}`);
        for (const { groupId, protocolType, groupState, groupType } of response.groups) {
          groups.set(groupId, { groupId, protocolType, state: groupState, type: groupType });
        }
      });
    }
    return [...groups.values()].sort((a, b) => (a.groupId < b.groupId ? -1 : 1));
  }

  /** A group that does not exist is described as Dead, without members. */
  async describeGroups(groupIds: readonly string[]): Promise<readonly GroupDescription[]> {
    const described: GroupDescription[] = [];
    for (const groupId of groupIds) {
      await this.calls.atCoordinator('group', groupId, async (link, nodeId) => {
        const response = await this.calls.at(link, DescribeGroups, { groups: [groupId] });
        for (const group of response.groups) {
          const isAbsent = group.errorCode === ErrorCode.GROUP_ID_NOT_FOUND;
          if (!isAbsent) this.calls.check(group.errorCode, `group ${groupId}`, group.errorMessage);
          described.push({
            groupId,
            state: isAbsent ? 'Dead' : group.groupState,
            protocolType: group.protocolType,
            assignor: group.protocolData,
            coordinator: nodeId,
            members: group.members.map((member) => ({
              memberId: member.memberId,
              groupInstanceId: member.groupInstanceId,
              clientId: member.clientId,
              host: member.clientHost,
              partitions: group.protocolType === 'consumer' ? decodeAssignment(member.memberAssignment) : [],
            })),
          });
        }
      });
    }
    return described;
  }

  /** Only groups without members can be deleted. */
  async deleteGroups(groupIds: readonly string[]): Promise<void> {
    for (const groupId of groupIds) {
      await this.calls.atCoordinator('group', groupId, async (link) => {
        const response = await this.calls.at(link, DeleteGroups, { groupsNames: [groupId] });
        for (const each of response.results) this.calls.check(each.errorCode, `group ${each.groupId}`);
      });
    }
  }

  /** The group's committed offsets by `topic-partition`; of these partitions, or of all. */
  async listGroupOffsets(
    groupId: string,
    partitions: readonly TopicPartition[] | null = null,
  ): Promise<ReadonlyMap<string, TopicPartition & Required<OffsetAndMetadata>>> {
    const found = new Map<string, TopicPartition & Required<OffsetAndMetadata>>();
    await this.calls.atCoordinator('group', groupId, async (link) => {
      const { errorCode, offsets } = await fetchOffsets(link, groupId, partitions, false).catch((error) => {
        throw connectionError(error, `offsets of group ${groupId}`);
      });
      this.calls.check(errorCode, `offsets of group ${groupId}`);
      for (const each of offsets) found.set(keyOf(each), each);
    });
    return found;
  }

  /** Sets committed offsets. The group must have no members. */
  async alterGroupOffsets(groupId: string, offsets: readonly PartitionOffset[]): Promise<void> {
    await this.calls.atCoordinator('group', groupId, async (link) => {
      const codes = await commitOffsets(link, anonymousCommitter(groupId), offsets).catch((error) => {
        throw connectionError(error, `offsets of group ${groupId}`);
      });
      for (const [partition, code] of codes) {
        // The coordinator does not know the caller as a member: that is, it has others.
        if (code === ErrorCode.UNKNOWN_MEMBER_ID) throw brokerError(ErrorCode.NON_EMPTY_GROUP, `group ${groupId}`);
        this.calls.check(code, `offset of ${partition}`);
      }
    });
  }

  /** Ends all connections; calls under way reject. */
  async close(): Promise<void> {
    this.metadata.close();
    this.calls.close();
  }
}

import type { Clock, Timer } from '../../ports/clock.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { Metadata as MetadataApi } from '../../protocol/messages/03-metadata.ts';
import { DescribeGroups } from '../../protocol/messages/15-describe-groups.ts';
import { ListGroups } from '../../protocol/messages/16-list-groups.ts';
import { CreateTopics } from '../../protocol/messages/19-create-topics.ts';
import { DeleteTopics } from '../../protocol/messages/20-delete-topics.ts';
import { DescribeConfigs } from '../../protocol/messages/32-describe-configs.ts';
import { CreatePartitions } from '../../protocol/messages/37-create-partitions.ts';
import { DeleteGroups } from '../../protocol/messages/42-delete-groups.ts';
import { DescribeCluster } from '../../protocol/messages/60-describe-cluster.ts';
import type { Api, Fields, RequestInput, ResponseOf } from '../../protocol/schema.ts';
import { ZERO_UUID } from '../../protocol/writer.ts';
import { backoffMs } from '../backoff.ts';
import { type AdminConfig, type AdminConfigInput, parseAdminConfig } from '../client-config.ts';
import { brokerError, ClientError, connectionError } from '../client-error.ts';
import { type ClientPorts, Connections, type Link } from '../connections.ts';
import { decodeAssignment } from '../consumer/consumer-protocol.ts';
import {
  lookUpOffsets,
  type OffsetAndMetadata,
  type OffsetAndTimestamp,
  type PartitionOffset,
  type TimeQuery,
} from '../consumer/offsets.ts';
import { keyOf, type TopicPartition } from '../consumer/topic-partition.ts';
import { findGroupCoordinator } from '../find-coordinator.ts';
import { anonymousCommitter, commitOffsets, fetchOffsets } from '../group-offsets.ts';
import { type BrokerMetadata, Metadata, type TopicMetadata } from '../metadata.ts';

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

export interface ConfigEntry {
  readonly name: string;
  readonly value: string | null;
  readonly readOnly: boolean;
  readonly isSensitive: boolean;
  /** Kafka's config source: 1 topic, 2 broker, 3 all brokers, 4 static, 5 default. */
  readonly source: number;
}

export interface ConfigResource {
  readonly type: 'topic' | 'broker';
  readonly name: string;
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

export interface ClusterDescription {
  readonly clusterId: string;
  readonly controllerId: number;
  readonly brokers: readonly BrokerMetadata[];
}

const TOPIC_RESOURCE = 2;
const BROKER_RESOURCE = 4;

export class Admin {
  readonly config: AdminConfig;
  private readonly clock: Clock;
  private readonly ports: ClientPorts;
  private readonly connections: Connections;
  private readonly metadata: Metadata;
  private readonly coordinators = new Map<string, { link: Link; nodeId: number }>();
  private closed = false;
  private timers = new Map<Timer, () => void>();

  /** Throws ConfigError. */
  constructor(ports: ClientPorts, config: AdminConfigInput) {
    this.ports = ports;
    this.clock = ports.clock;
    this.config = parseAdminConfig(config);
    this.connections = new Connections(ports, this.config);
    this.metadata = new Metadata(ports, this.config, this.connections, false);
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
      timeoutMs: this.config['request.timeout.ms'],
      validateOnly: options.validateOnly ?? false,
    };
    await this.retrying('create topics', async () => {
      const response = await this.atController(CreateTopics, body);
      for (const each of response.topics) this.check(each.errorCode, `topic ${each.name}`, each.errorMessage);
    });
  }

  async deleteTopics(names: readonly string[]): Promise<void> {
    await this.retrying('delete topics', async () => {
      const response = await this.atController(DeleteTopics, {
        topics: names.map((name) => ({ name, topicId: ZERO_UUID })),
        topicNames: names,
        timeoutMs: this.config['request.timeout.ms'],
      });
      for (const each of response.responses) this.check(each.errorCode, `topic ${each.name}`, each.errorMessage);
    });
  }

  /** Raises a topic's partition count to `count`. */
  async createPartitions(topic: string, count: number): Promise<void> {
    await this.retrying('create partitions', async () => {
      const response = await this.atController(CreatePartitions, {
        topics: [{ name: topic, count, assignments: null }],
        timeoutMs: this.config['request.timeout.ms'],
        validateOnly: false,
      });
      for (const each of response.results) this.check(each.errorCode, `topic ${each.name}`, each.errorMessage);
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
    await this.retrying('metadata', async () => {
      const topics = names?.map((name) => ({ name })) ?? null;
      const body = { topics, allowAutoTopicCreation: false };
      const response = await this.call(this.connections.any(), MetadataApi, body);
      this.connections.updateBrokers(response.brokers);
      found = response.topics.map((topic) => {
        const name = topic.name ?? '';
        this.check(topic.errorCode, `topic ${name}`);
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
    await this.retrying('list offsets', async () => {
      if (left.some(({ topic }) => this.metadata.topic(topic) === undefined)) {
        this.metadata.requestUpdate();
        await this.metadata.nextUpdate();
        for (const { topic } of left) {
          if (this.metadata.errorOf(topic) !== ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) continue;
          throw brokerError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `topic ${topic}`).withoutRetry();
        }
      }
      const { found, retry } = await lookUpOffsets(this.connections, this.metadata, left, isolationLevel);
      for (const [key, each] of found) all.set(key, each);
      const again = new Set(retry.map(keyOf));
      left = left.filter((query) => again.has(keyOf(query)));
      if (left.length > 0) throw new ClientError('LEADER_NOT_AVAILABLE', [...again].join(', '), { retriable: true });
    });
    return all;
  }

  // ── configs and cluster ──

  async describeConfigs(resources: readonly ConfigResource[]): Promise<ReadonlyMap<string, readonly ConfigEntry[]>> {
    const described = new Map<string, readonly ConfigEntry[]>();
    for (const resource of resources) {
      const resourceType = resource.type === 'topic' ? TOPIC_RESOURCE : BROKER_RESOURCE;
      await this.retrying('describe configs', async () => {
        if (resource.type === 'broker' && this.connections.nodeIds().length === 0) await this.describeCluster();
        const link = resource.type === 'broker' ? this.connections.link(Number(resource.name)) : this.connections.any();
        if (link === null) throw new ClientError('BROKER_NOT_AVAILABLE', `there is no broker ${resource.name}`);
        const response = await this.call(link, DescribeConfigs, {
          resources: [{ resourceType, resourceName: resource.name, configurationKeys: null }],
        });
        for (const result of response.results) {
          this.check(result.errorCode, `${resource.type} ${resource.name}`, result.errorMessage);
          const entries = result.configs.map(({ name, value, readOnly, isSensitive, configSource }) => ({
            name,
            value,
            readOnly,
            isSensitive,
            source: configSource,
          }));
          described.set(`${resource.type}:${resource.name}`, entries);
        }
      });
    }
    return described;
  }

  async describeCluster(): Promise<ClusterDescription> {
    let description: ClusterDescription | null = null;
    await this.retrying('describe cluster', async () => {
      const response = await this.call(this.connections.any(), DescribeCluster, {
        includeClusterAuthorizedOperations: false,
      });
      this.check(response.errorCode, 'cluster', response.errorMessage);
      const brokers = response.brokers.map(({ brokerId, host, port, rack }) => ({
        nodeId: brokerId,
        host,
        port,
        rack,
      }));
      this.connections.updateBrokers(brokers);
      description = { clusterId: response.clusterId, controllerId: response.controllerId, brokers };
    });
    return description!;
  }

  // ── groups ──

  async listGroups(): Promise<readonly GroupListing[]> {
    const { brokers } = await this.describeCluster();
    const groups = new Map<string, GroupListing>();
    for (const { nodeId } of brokers) {
      await this.retrying('list groups', async () => {
        const response = await this.call(this.connections.link(nodeId)!, ListGroups, {});
        this.check(response.errorCode, `groups of broker ${nodeId}`);
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
      await this.atCoordinator(groupId, async (link, nodeId) => {
        const response = await this.call(link, DescribeGroups, { groups: [groupId] });
        for (const group of response.groups) {
          const isAbsent = group.errorCode === ErrorCode.GROUP_ID_NOT_FOUND;
          if (!isAbsent) this.check(group.errorCode, `group ${groupId}`, group.errorMessage);
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
      await this.atCoordinator(groupId, async (link) => {
        const response = await this.call(link, DeleteGroups, { groupsNames: [groupId] });
        for (const each of response.results) this.check(each.errorCode, `group ${each.groupId}`);
      });
    }
  }

  /** The group's committed offsets by `topic-partition`; of these partitions, or of all. */
  async listGroupOffsets(
    groupId: string,
    partitions: readonly TopicPartition[] | null = null,
  ): Promise<ReadonlyMap<string, TopicPartition & Required<OffsetAndMetadata>>> {
    const found = new Map<string, TopicPartition & Required<OffsetAndMetadata>>();
    await this.atCoordinator(groupId, async (link) => {
      const { errorCode, offsets } = await fetchOffsets(link, groupId, partitions, false).catch((error) => {
        throw connectionError(error, `offsets of group ${groupId}`);
      });
      this.check(errorCode, `offsets of group ${groupId}`);
      for (const each of offsets) found.set(keyOf(each), each);
    });
    return found;
  }

  /** Sets committed offsets. The group must have no members. */
  async alterGroupOffsets(groupId: string, offsets: readonly PartitionOffset[]): Promise<void> {
    await this.atCoordinator(groupId, async (link) => {
      const codes = await commitOffsets(link, anonymousCommitter(groupId), offsets).catch((error) => {
        throw connectionError(error, `offsets of group ${groupId}`);
      });
      for (const [partition, code] of codes) {
        // The coordinator does not know the caller as a member: that is, it has others.
        if (code === ErrorCode.UNKNOWN_MEMBER_ID) throw brokerError(ErrorCode.NON_EMPTY_GROUP, `group ${groupId}`);
        this.check(code, `offset of ${partition}`);
      }
    });
  }

  /** Ends all connections; calls under way reject. */
  async close(): Promise<void> {
    this.closed = true;
    this.metadata.close();
    this.connections.close();
    for (const [timer, end] of this.timers) {
      timer.cancel();
      end();
    }
    this.timers.clear();
  }

  // ── how calls are made ──

  private check(code: number, context: string, detail: string | null = null): void {
    if (code === ErrorCode.NONE) return;
    const error = brokerError(code, context, code === ErrorCode.REQUEST_TIMED_OUT ? 'unknown' : 'failed', detail);
    // A topic that is not there is what the caller asked about, not something to wait for.
    if (code === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) throw error.withoutRetry();
    if (error.retriable || code !== ErrorCode.NOT_CONTROLLER) throw error;
    throw new ClientError(error.kind, error.message, { code, retriable: true });
  }

  private async call<Req extends Fields, Res extends Fields>(
    link: Link,
    api: Api<Req, Res>,
    body: RequestInput<Api<Req, Res>>,
  ): Promise<ResponseOf<Api<Req, Res>>> {
    try {
      return await link.request(api, body);
    } catch (error) {
      throw connectionError(error, api.name);
    }
  }

  /** Topic changes go to the controller; under KRaft any broker passes them on. */
  private async atController<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    body: RequestInput<Api<Req, Res>>,
  ) {
    const { controllerId } = await this.describeCluster();
    return this.call(this.connections.link(controllerId) ?? this.connections.any(), api, body);
  }

  private async atCoordinator(groupId: string, action: (link: Link, nodeId: number) => Promise<void>): Promise<void> {
    await this.retrying(`group ${groupId}`, async () => {
      let coordinator = this.coordinators.get(groupId);
      if (coordinator === undefined) {
        const found = await findGroupCoordinator(this.connections, groupId).catch((error) => {
          throw connectionError(error, `coordinator of group ${groupId}`);
        });
        this.check(found.errorCode, `coordinator of group ${groupId}`, found.detail);
        coordinator = { link: this.connections.linkTo(found.broker, 'coordinator'), nodeId: found.broker.nodeId };
        this.coordinators.set(groupId, coordinator);
      }
      try {
        await action(coordinator.link, coordinator.nodeId);
      } catch (error) {
        this.coordinators.delete(groupId);
        throw error;
      }
    });
  }

  private async retrying(what: string, attempt: () => Promise<void>): Promise<void> {
    const deadlineMs = this.clock.monotonic() + this.config['default.api.timeout.ms'];
    for (let failures = 1; ; failures++) {
      if (this.closed) throw new ClientError('CLOSED', 'the admin was closed');
      try {
        return await attempt();
      } catch (error) {
        if (this.closed) throw new ClientError('CLOSED', 'the admin was closed');
        if (!(error instanceof ClientError) || !error.retriable) throw error;
        const { 'retry.backoff.ms': base, 'retry.backoff.max.ms': max } = this.config;
        const delayMs = backoffMs(this.ports.random, base, max, failures);
        if (this.clock.monotonic() + delayMs >= deadlineMs) {
          const message = `${what}: not within default.api.timeout.ms; last: ${error.message}`;
          throw new ClientError('TIMEOUT', message, { retriable: true, outcome: error.outcome, cause: error });
        }
        await this.pause(delayMs);
      }
    }
  }

  private pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.clock.setTimer(delayMs, () => {
        this.timers.delete(timer);
        resolve();
      });
      this.timers.set(timer, resolve);
    });
  }
}

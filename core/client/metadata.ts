import type { Clock, Timer } from '../ports/clock.ts';
import { ErrorCode, errorOf } from '../protocol/errors.ts';
import { Metadata as MetadataApi } from '../protocol/messages/03-metadata.ts';
import type { ResponseOf } from '../protocol/schema.ts';
import { ZERO_UUID } from '../protocol/writer.ts';
import { backoffMs } from '../rpc/backoff.ts';
import type { CommonConfig } from './client-config.ts';
import { ClientError, connectionError } from './client-error.ts';
import type { ClientPorts, Connections } from './connections.ts';

export interface PartitionMetadata {
  readonly index: number;
  /** −1 when there is none. */
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly errorCode: number;
}

export interface TopicMetadata {
  readonly name: string;
  readonly topicId: string;
  readonly isInternal: boolean;
  /** By index. */
  readonly partitions: readonly PartitionMetadata[];
}

export interface BrokerMetadata {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
}

/**
 * What the client knows of the cluster: brokers, and the topics that it wants to know of.
 *
 * Invariant: at most one request is under way; while something is stale (`requestUpdate`, a wanted topic without an answer, age above
 * metadata.max.age.ms at `refreshIfOld`) attempts go on with backoff until one succeeds. An answer with an older leader epoch of the same topic does not
 * replace a newer one. No timer runs while nothing is stale.
 */
export class Metadata {
  private readonly clock: Clock;
  private readonly ports: ClientPorts;
  private readonly config: CommonConfig;
  private readonly connections: Connections;
  private readonly autoCreate: boolean;
  private wanted: Set<string> | 'all' = new Set();
  private readonly topics = new Map<string, TopicMetadata>();
  private readonly names = new Map<string, string>();
  private readonly errors = new Map<string, number>();
  private readonly listeners = new Set<() => void>();
  private brokerList: readonly BrokerMetadata[] = [];
  private updating = false;
  private stale = false;
  private failures = 0;
  private attemptedAtMs = Number.NEGATIVE_INFINITY;
  private updatedAtMs = Number.NEGATIVE_INFINITY;
  private timer: Timer | null = null;
  private closed = false;
  clusterId: string | null = null;
  controllerId = -1;
  /** Why the last attempt failed; null after a success. */
  lastError: ClientError | null = null;

  constructor(ports: ClientPorts, config: CommonConfig, connections: Connections, autoCreate: boolean) {
    this.ports = ports;
    this.clock = ports.clock;
    this.config = config;
    this.connections = connections;
    this.autoCreate = autoCreate;
  }

  get brokers(): readonly BrokerMetadata[] {
    return this.brokerList;
  }

  topic(name: string): TopicMetadata | undefined {
    return this.topics.get(name);
  }

  topicNames(): readonly string[] {
    return [...this.topics.keys()];
  }

  topicNameOf(topicId: string): string | undefined {
    return this.names.get(topicId);
  }

  /** The last answer's error about a topic, 0 when there was none. */
  errorOf(topic: string): number {
    return this.errors.get(topic) ?? 0;
  }

  partition(topic: string, index: number): PartitionMetadata | undefined {
    return this.topics.get(topic)?.partitions[index];
  }

  get hasAnswer(): boolean {
    return this.updatedAtMs !== Number.NEGATIVE_INFINITY;
  }

  /** An answer named the partition's leader, and where that is reached (KIP-951). True when it is news; older news is ignored. */
  learnLeader(
    topic: string,
    index: number,
    { leaderId, leaderEpoch }: { readonly leaderId: number; readonly leaderEpoch: number },
    brokers: readonly BrokerMetadata[],
  ): boolean {
    const known = this.topics.get(topic);
    const partition = known?.partitions[index];
    if (known === undefined || partition === undefined) return false;
    if (leaderId < 0 || leaderEpoch <= partition.leaderEpoch) return false;
    const isReachable = [...this.brokerList, ...brokers].some(({ nodeId }) => nodeId === leaderId);
    if (!isReachable) return false;
    this.connections.addBrokers(brokers);
    const named = new Set(brokers.map(({ nodeId }) => nodeId));
    this.brokerList = [...this.brokerList.filter(({ nodeId }) => !named.has(nodeId)), ...brokers];
    const partitions = [...known.partitions];
    partitions[index] = { ...partition, leader: leaderId, leaderEpoch, errorCode: ErrorCode.NONE };
    this.topics.set(topic, { ...known, partitions });
    return true;
  }

  /** Adds a topic to those that are asked for. */
  want(topic: string): void {
    if (this.wanted === 'all' || this.wanted.has(topic)) return;
    this.wanted.add(topic);
    this.requestUpdate();
  }

  /** Replaces what is asked for. */
  wantOnly(topics: Iterable<string> | 'all'): void {
    const next = topics === 'all' ? 'all' : new Set(topics);
    const previous = this.wanted;
    this.wanted = next;
    if (next === 'all' ? previous !== 'all' : [...next].some((name) => !this.topics.has(name))) this.requestUpdate();
  }

  /** Something showed that the picture is stale. Cheap to call often. */
  requestUpdate(): void {
    if (this.closed) return;
    this.stale = true;
    this.pump();
  }

  refreshIfOld(): void {
    if (this.hasAnswer && this.clock.monotonic() - this.updatedAtMs >= this.config['metadata.max.age.ms']) {
      this.requestUpdate();
    }
  }

  /** Called after every attempt, whether it brought an answer or not. Returns how to stop it. */
  onUpdate(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** The next attempt's end. */
  nextUpdate(): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.onUpdate(() => {
        stop();
        resolve();
      });
    });
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
    this.timer = null;
    this.notify();
    this.listeners.clear();
  }

  private pump(): void {
    if (this.updating || this.timer !== null || !this.stale || this.closed) return;
    const { 'retry.backoff.ms': base, 'retry.backoff.max.ms': max } = this.config;
    const pauseMs = backoffMs(this.ports.random, base, max, this.failures);
    const waitMs = this.attemptedAtMs + pauseMs - this.clock.monotonic();
    if (waitMs > 0 && this.attemptedAtMs !== Number.NEGATIVE_INFINITY) {
      this.timer = this.clock.setTimer(waitMs, () => {
        this.timer = null;
        void this.update();
      });
    } else {
      void this.update();
    }
  }

  /** Never rejects. */
  private async update(): Promise<void> {
    this.updating = true;
    this.stale = false;
    this.attemptedAtMs = this.clock.monotonic();
    const wanted = this.wanted;
    try {
      const response = await this.connections.any().request(MetadataApi, {
        topics: wanted === 'all' ? null : [...wanted].map((name) => ({ name })),
        allowAutoTopicCreation: this.autoCreate,
      });
      if (this.closed) return;
      const complete = this.apply(response, wanted);
      this.lastError = null;
      this.failures = complete ? 0 : this.failures + 1;
      if (!complete) this.stale = true;
    } catch (error) {
      if (this.closed) return;
      this.lastError = connectionError(error, 'metadata');
      this.failures++;
      this.stale = true;
    } finally {
      this.updating = false;
    }
    this.notify();
    this.pump();
  }

  private notify(): void {
    for (const listener of [...this.listeners]) listener();
  }

  /** False when a topic's answer is such that asking again may bring more. */
  private apply(response: ResponseOf<typeof MetadataApi>, wanted: Set<string> | 'all'): boolean {
    if (response.errorCode !== 0) throw new ClientError(errorOf(response.errorCode).name, 'metadata');
    this.updatedAtMs = this.clock.monotonic();
    this.clusterId = response.clusterId;
    this.controllerId = response.controllerId;
    this.brokerList = response.brokers;
    this.connections.updateBrokers(response.brokers);
    let complete = response.brokers.length > 0;
    const seen = new Set<string>();
    for (const topic of response.topics) {
      if (topic.name === null) continue;
      seen.add(topic.name);
      this.errors.set(topic.name, topic.errorCode);
      if (topic.errorCode !== ErrorCode.NONE) {
        if (errorOf(topic.errorCode).retriable) complete = false;
        if (topic.errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) this.forget(topic.name);
        continue;
      }
      this.topics.set(topic.name, this.merged(topic.name, topic));
      if (topic.topicId !== ZERO_UUID) this.names.set(topic.topicId, topic.name);
      if (topic.partitions.some((partition) => partition.leaderId < 0)) complete = false;
    }
    for (const name of [...this.topics.keys()]) {
      if (!seen.has(name) && (wanted === 'all' || !wanted.has(name))) this.forget(name);
    }
    return complete;
  }

  private forget(name: string): void {
    const topic = this.topics.get(name);
    if (topic === undefined) return;
    this.topics.delete(name);
    this.names.delete(topic.topicId);
  }

  private merged(name: string, topic: ResponseOf<typeof MetadataApi>['topics'][number]): TopicMetadata {
    const previous = this.topics.get(name);
    if (previous !== undefined && previous.topicId !== topic.topicId) this.names.delete(previous.topicId);
    const partitions: PartitionMetadata[] = [];
    for (const each of [...topic.partitions].sort((a, b) => a.partitionIndex - b.partitionIndex)) {
      const known = previous?.topicId === topic.topicId ? previous.partitions[each.partitionIndex] : undefined;
      const isOlder = known !== undefined && each.leaderEpoch >= 0 && each.leaderEpoch < known.leaderEpoch;
      partitions[each.partitionIndex] = isOlder
        ? known
        : {
            index: each.partitionIndex,
            leader: each.leaderId,
            leaderEpoch: each.leaderEpoch,
            replicas: each.replicaNodes,
            isr: each.isrNodes,
            errorCode: each.errorCode,
          };
    }
    return { name, topicId: topic.topicId, isInternal: topic.isInternal, partitions };
  }
}

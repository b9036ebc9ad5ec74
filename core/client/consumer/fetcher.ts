import type { Clock } from '../../ports/clock.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { Fetch } from '../../protocol/messages/01-fetch.ts';
import type { ResponseOf } from '../../protocol/schema.ts';
import { ZERO_UUID } from '../../protocol/writer.ts';
import { backoffMs } from '../../rpc/backoff.ts';
import type { ConsumerConfig } from '../client-config.ts';
import { brokerError, ClientError } from '../client-error.ts';
import type { ClientPorts, Connections } from '../connections.ts';
import type { Metadata } from '../metadata.ts';
import type { BatchView } from './batch-view.ts';
import { type ConsumerRecord, type Deserializers, FetchedPartition } from './fetched-partition.ts';
import type { PartitionState, Subscription } from './subscription.ts';

/**
 * Fetches ahead: one request a broker under way, for those of its partitions whose last answer has been used up.
 *
 * Invariants: at most one answer a partition is held, so memory is bounded by fetch.max.bytes a broker; an answer counts only if the partition is still
 * assigned, by the same state, at the offset that was asked for; `position` moves only when records are handed out (or skipped).
 * No fetch session: epoch −1 in every request.
 *
 * Each fetch names the epoch of the record before it (KIP-320, by way of KIP-595): a leader whose log has not got that record says where the logs part, in the same
 * look at its log in which it would have read, so there is no moment between validation and fetch.
 */
const NO_SESSION = { sessionId: 0, sessionEpoch: -1 };

type PartitionAnswer = ResponseOf<typeof Fetch>['responses'][number]['partitions'][number];

export class Fetcher<K, V> {
  private readonly clock: Clock;
  private readonly ports: ClientPorts;
  private readonly config: ConsumerConfig;
  private readonly connections: Connections;
  private readonly metadata: Metadata;
  private readonly subscription: Subscription;
  private readonly deserializers: Deserializers<K, V>;
  /** Called when something came in, or a broker may be asked again. */
  private readonly onProgress: () => void;
  private readonly busyNodes = new Set<number>();
  private readonly throttledUntilMs = new Map<number, number>();
  private readonly fetched = new Map<string, FetchedPartition>();
  private failure: ClientError | null = null;
  private failures = 0;
  bytesFetched = 0;

  constructor(
    ports: ClientPorts,
    config: ConsumerConfig,
    connections: Connections,
    metadata: Metadata,
    subscription: Subscription,
    deserializers: Deserializers<K, V>,
    onProgress: () => void,
  ) {
    this.ports = ports;
    this.clock = ports.clock;
    this.config = config;
    this.connections = connections;
    this.metadata = metadata;
    this.subscription = subscription;
    this.deserializers = deserializers;
    this.onProgress = onProgress;
  }

  /** Up to max.poll.records, in the order of arrival. Throws ClientError for what only the application can decide. */
  collect(): ConsumerRecord<K, V>[] {
    return this.gather<ConsumerRecord<K, V>>(
      (fetched, records, countMax) => fetched.take(records, countMax, this.deserializers),
      (records) => records.length,
    );
  }

  /** The same as views of batches: as many as begin within max.poll.records. */
  collectBatches(): BatchView[] {
    return this.gather<BatchView>(
      (fetched, batches, countMax) => fetched.takeBatches(batches, countMax),
      (batches) => batches.reduce((sum, { recordCount }) => sum + recordCount, 0),
    );
  }

  /** `take` says whether the partition has more; `countOf` counts records. */
  private gather<T>(
    take: (fetched: FetchedPartition, target: T[], countMax: number) => boolean,
    countOf: (target: readonly T[]) => number,
  ): T[] {
    const target: T[] = [];
    const countMax = this.config['max.poll.records'];
    for (const [key, fetched] of this.fetched) {
      const { state } = fetched;
      if (!this.isUsable(fetched)) {
        this.fetched.delete(key);
        continue;
      }
      if (state.isPaused || state.isRevoking) continue;
      try {
        if (!take(fetched, target, countMax - countOf(target))) this.fetched.delete(key);
      } catch (error) {
        // What was read before the bad record goes out first; the error comes again at the next poll.
        if (target.length === 0) throw error;
        this.advance(fetched);
        return target;
      }
      this.advance(fetched);
      if (countOf(target) >= countMax) return target;
    }
    if (target.length === 0 && this.failure !== null) {
      const failure = this.failure;
      this.failure = null;
      throw failure;
    }
    return target;
  }

  private advance(fetched: FetchedPartition): void {
    fetched.state.position = fetched.nextOffset;
    if (fetched.lastEpoch >= 0) fetched.state.positionEpoch = fetched.lastEpoch;
  }

  private isUsable(fetched: FetchedPartition): boolean {
    return this.subscription.isCurrent(fetched.state) && fetched.state.position === fetched.nextOffset;
  }

  /** Asks every broker that is not being asked. Returns in how many ms to call again, should nothing happen before. */
  sendFetches(): number {
    const nowMs = this.clock.monotonic();
    const byNode = new Map<number, PartitionState[]>();
    let againMs = Number.POSITIVE_INFINITY;
    for (const state of this.subscription.each()) {
      if (state.position === null || state.isPaused || state.isRevoking) continue;
      const held = this.fetched.get(state.key);
      if (held !== undefined) {
        if (this.isUsable(held)) continue;
        this.fetched.delete(state.key);
      }
      if (state.retryAtMs > nowMs) {
        againMs = Math.min(againMs, state.retryAtMs - nowMs);
        continue;
      }
      const nodeId = this.nodeFor(state, nowMs);
      if (nodeId < 0) {
        this.metadata.requestUpdate();
        continue;
      }
      const throttledMs = (this.throttledUntilMs.get(nodeId) ?? 0) - nowMs;
      if (throttledMs > 0) againMs = Math.min(againMs, throttledMs);
      else if (!this.busyNodes.has(nodeId)) {
        const group = byNode.get(nodeId);
        if (group === undefined) byNode.set(nodeId, [state]);
        else group.push(state);
      }
    }
    for (const [nodeId, states] of byNode) void this.fetch(nodeId, states);
    return againMs;
  }

  private nodeFor(state: PartitionState, nowMs: number): number {
    const preferred = state.preferredReplica;
    if (preferred !== null) {
      if (preferred.untilMs > nowMs && this.connections.link(preferred.nodeId) !== null) return preferred.nodeId;
      state.preferredReplica = null;
    }
    const leader = this.metadata.partition(state.topic, state.partition)?.leader ?? -1;
    return leader >= 0 && this.connections.link(leader) !== null ? leader : -1;
  }

  /** Never rejects. */
  private async fetch(nodeId: number, states: readonly PartitionState[]): Promise<void> {
    this.busyNodes.add(nodeId);
    const asked = new Map(states.map((state) => [state.key, { state, offset: state.position! }]));
    const topics = new Map<string, PartitionState[]>();
    for (const state of states) topics.set(state.topic, [...(topics.get(state.topic) ?? []), state]);
    let hasIds = true;
    const requested = [...topics].map(([topic, group]) => {
      const topicId = this.metadata.topic(topic)?.topicId ?? ZERO_UUID;
      if (topicId === ZERO_UUID) hasIds = false;
      return { topic, topicId, partitions: group.map((state) => this.partitionRequest(state)) };
    });
    try {
      const response = await this.connections.link(nodeId)!.request(
        Fetch,
        {
          ...NO_SESSION,
          maxWaitMs: this.config['fetch.max.wait.ms'],
          minBytes: this.config['fetch.min.bytes'],
          maxBytes: this.config['fetch.max.bytes'],
          isolationLevel: this.config['isolation.level'] === 'read_committed' ? 1 : 0,
          topics: requested,
          forgottenTopicsData: [],
          rackId: this.config['client.rack'],
        },
        hasIds ? {} : { versionMax: 12 },
      );
      this.failures = 0;
      if (response.throttleTimeMs > 0) {
        this.throttledUntilMs.set(nodeId, this.clock.monotonic() + response.throttleTimeMs);
      }
      if (response.errorCode !== ErrorCode.NONE) this.delay(states);
      for (const each of response.responses) {
        const name = each.topic !== '' ? each.topic : requested.find((topic) => topic.topicId === each.topicId)?.topic;
        for (const answer of each.partitions) {
          const question = asked.get(`${name}-${answer.partitionIndex}`);
          if (question === undefined) continue;
          const { topic, partition } = question.state;
          const isNews = this.metadata.learnLeader(topic, partition, answer.currentLeader, response.nodeEndpoints);
          this.accept(question.state, question.offset, answer, isNews);
        }
      }
    } catch {
      // Not reached, or broken: reading again repeats nothing.
      this.failures++;
      this.metadata.requestUpdate();
      for (const state of states) state.preferredReplica = null;
      this.delay(states);
    }
    this.busyNodes.delete(nodeId);
    this.onProgress();
  }

  private partitionRequest(state: PartitionState) {
    const leaderEpoch = this.metadata.partition(state.topic, state.partition)?.leaderEpoch ?? -1;
    return {
      partition: state.partition,
      currentLeaderEpoch: leaderEpoch,
      fetchOffset: state.position!,
      lastFetchedEpoch: state.positionEpoch,
      partitionMaxBytes: this.config['max.partition.fetch.bytes'],
    };
  }

  private delay(states: readonly PartitionState[]): void {
    const { 'retry.backoff.ms': base, 'retry.backoff.max.ms': max } = this.config;
    const untilMs = this.clock.monotonic() + backoffMs(this.ports.random, base, max, Math.max(1, this.failures));
    for (const state of states) state.retryAtMs = untilMs;
  }

  /** `hasNewLeader`: the answer named one that was not known yet. */
  private accept(state: PartitionState, offset: number, answer: PartitionAnswer, hasNewLeader: boolean): void {
    if (!this.subscription.isCurrent(state) || state.position !== offset) return;
    if (answer.errorCode !== ErrorCode.NONE) return this.onError(state, offset, answer.errorCode, hasNewLeader);
    if (answer.divergingEpoch.endOffset >= 0) return this.onTruncation(state, offset, answer.divergingEpoch);
    state.highWatermark =
      this.config['isolation.level'] === 'read_committed' ? answer.lastStableOffset : answer.highWatermark;
    state.logStartOffset = answer.logStartOffset;
    if (answer.preferredReadReplica >= 0) {
      const untilMs = this.clock.monotonic() + this.config['metadata.max.age.ms'];
      state.preferredReplica = { nodeId: answer.preferredReadReplica, untilMs };
      if (this.connections.link(answer.preferredReadReplica) === null) {
        // The leader would name it again at once.
        this.metadata.requestUpdate();
        this.delay([state]);
      }
      return;
    }
    const { records } = answer;
    if (records === null || records.length === 0) return;
    this.bytesFetched += records.length;
    const aborted = this.config['isolation.level'] === 'read_committed' ? (answer.abortedTransactions ?? []) : null;
    const fetched = new FetchedPartition(state, offset, records, aborted, this.config['check.crcs']);
    this.fetched.set(state.key, fetched);
  }

  private onError(state: PartitionState, offset: number, code: number, hasNewLeader: boolean): void {
    switch (code) {
      case ErrorCode.NOT_LEADER_OR_FOLLOWER:
      case ErrorCode.REPLICA_NOT_AVAILABLE:
      case ErrorCode.KAFKA_STORAGE_ERROR:
      case ErrorCode.FENCED_LEADER_EPOCH:
      case ErrorCode.UNKNOWN_LEADER_EPOCH:
      case ErrorCode.OFFSET_NOT_AVAILABLE:
      case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
      case ErrorCode.UNKNOWN_TOPIC_ID:
      case ErrorCode.INCONSISTENT_TOPIC_ID:
      case ErrorCode.LEADER_NOT_AVAILABLE:
        state.preferredReplica = null;
        this.metadata.requestUpdate();
        return hasNewLeader ? undefined : this.delay([state]);
      case ErrorCode.OFFSET_OUT_OF_RANGE:
        return this.onOutOfRange(state, offset);
      case ErrorCode.UNKNOWN_SERVER_ERROR:
        return this.delay([state]);
      default:
        this.failure = brokerError(code, `fetch of ${state.key} at offset ${offset}`);
        this.delay([state]);
    }
  }

  /** The log lost what was read: it goes on where the logs part, unless only the application can decide. */
  private onTruncation(
    state: PartitionState,
    offset: number,
    diverging: { readonly epoch: number; readonly endOffset: number },
  ): void {
    const { epoch, endOffset } = diverging;
    if (this.config['auto.offset.reset'] !== 'none') {
      state.seek(Math.min(offset, endOffset));
      state.positionEpoch = epoch;
      return;
    }
    const message = `the log of ${state.key} was truncated to offset ${endOffset} below the position ${offset}, and auto.offset.reset is none`;
    this.failure = new ClientError('LOG_TRUNCATION', message);
    this.delay([state]);
  }

  private onOutOfRange(state: PartitionState, offset: number): void {
    if (state.preferredReplica !== null) {
      state.preferredReplica = null; // the follower may be behind: ask the leader
      return;
    }
    const policy = this.config['auto.offset.reset'];
    if (policy !== 'none') return state.requestReset(policy);
    const message = `offset ${offset} of ${state.key} is outside the log, and auto.offset.reset is none`;
    this.failure = new ClientError('OFFSET_OUT_OF_RANGE', message, { code: ErrorCode.OFFSET_OUT_OF_RANGE });
    this.delay([state]);
  }
}

import type { Clock, Timer } from '../../ports/clock.ts';
import { errorOf } from '../../protocol/errors.ts';
import { type ConsumerConfig, type ConsumerConfigInput, parseConsumerConfig } from '../client-config.ts';
import { ClientError } from '../client-error.ts';
import { type ClientPorts, Connections } from '../connections.ts';
import { Metadata, type PartitionMetadata } from '../metadata.ts';
import { bytesDeserializer, type Deserializer } from '../producer/serializers.ts';
import type { Assignor } from './assignors/assignor.ts';
import { ASSIGNORS } from './assignors/assignors.ts';
import type { AssignorName } from './assignors/names.ts';
import type { BatchView } from './batch-view.ts';
import { type CommitCallback, Commits } from './commits.ts';
import { GroupCoordinator } from './coordinator.ts';
import { CoordinatorLink } from './coordinator-link.ts';
import { closedError, illegalState, timedOut } from './errors.ts';
import type { ConsumerRecord } from './fetched-partition.ts';
import { Fetcher } from './fetcher.ts';
import { LogOffsets } from './log-offsets.ts';
import { MemberOffsets } from './member-offsets.ts';
import type { OffsetAndMetadata, OffsetAndTimestamp, PartitionOffset, TimeQuery } from './offsets.ts';
import { Positions } from './positions.ts';
import { Rebalancer } from './rebalancer.ts';
import { Retries } from './retries.ts';
import { Signal } from './signal.ts';
import { SubscribedTopics } from './subscribed-topics.ts';
import { type PartitionState, type RebalanceListener, Subscription } from './subscription.ts';
import { EARLIEST_TIMESTAMP, LATEST_TIMESTAMP } from './timestamps.ts';
import { placeOf, type TopicPartition } from './topic-partition.ts';

/**
 * The consumer. Everything that the application must notice happens inside `poll`: rebalance listeners, auto commit, errors; between polls only
 * heartbeats and fetches that are under way go on.
 *
 *     poll: membership ─→ auto commit ─→ positions (committed, or auto.offset.reset) ─→ records at hand, else fetch and wait
 *
 * Invariants: one poll at a time; a record is handed out once per position; the position is behind the last record that was handed out, so what auto commit
 * stores is what earlier polls returned; after `close` no timer and no connection is left.
 */
export interface ConsumerOptions<K, V> {
  readonly keyDeserializer?: Deserializer<K>;
  readonly valueDeserializer?: Deserializer<V>;
  /** In place of those that partition.assignment.strategy names. */
  readonly assignors?: readonly Assignor[];
  /** Told of auto commits that failed for good; the consumer goes on. */
  readonly onCommitError?: (error: ClientError) => void;
}

export type { CommitCallback } from './commits.ts';

const CLOSE_TIMEOUT_MS = 30_000;

/** What a consumer with a group.id has besides. */
interface Group {
  readonly coordinator: GroupCoordinator;
  readonly offsets: MemberOffsets;
  readonly commits: Commits;
  readonly rebalancer: Rebalancer;
}

export class Consumer<K = Buffer, V = Buffer> {
  readonly config: ConsumerConfig;
  private readonly clock: Clock;
  private readonly connections: Connections;
  private readonly metadata: Metadata;
  private readonly subscription = new Subscription();
  private readonly topics: SubscribedTopics;
  private readonly signal: Signal;
  private readonly retries: Retries;
  private readonly logOffsets: LogOffsets;
  private readonly fetcher: Fetcher<K, V>;
  private readonly group: Group | null;
  private readonly positions: Positions;
  private isWokenUp = false;
  private pollInProgress: Promise<unknown> | null = null;
  private state: 'open' | 'closing' | 'closed' = 'open';
  private readonly isOpen = () => this.state === 'open';

  /** Throws ConfigError. */
  constructor(ports: ClientPorts, config: ConsumerConfigInput, options: ConsumerOptions<K, V> = {}) {
    this.clock = ports.clock;
    this.config = parseConsumerConfig(config);
    this.connections = new Connections(ports, this.config);
    this.metadata = new Metadata(ports, this.config, this.connections, this.config['allow.auto.create.topics']);
    this.topics = new SubscribedTopics(this.metadata, this.subscription, this.config['exclude.internal.topics']);
    this.signal = new Signal(ports.clock);
    this.retries = new Retries(ports, this.config, this.signal);
    this.logOffsets = new LogOffsets(
      this.connections,
      this.metadata,
      this.config['isolation.level'] === 'read_committed' ? 1 : 0,
      this.retries,
      this.config['default.api.timeout.ms'],
    );
    this.fetcher = new Fetcher(
      ports,
      this.config,
      this.connections,
      this.metadata,
      this.subscription,
      {
        key: options.keyDeserializer ?? (bytesDeserializer as unknown as Deserializer<K>),
        value: options.valueDeserializer ?? (bytesDeserializer as unknown as Deserializer<V>),
      },
      () => this.signal.ring(),
    );
    this.group = this.config['group.id'] === null ? null : this.groupOf(this.config['group.id'], ports, options);
    const { config: parsed, subscription, logOffsets, signal } = this;
    this.positions = new Positions(ports, parsed, subscription, logOffsets, this.group?.offsets ?? null, signal);
    this.metadata.onUpdate(() => {
      this.signal.ring();
      this.group?.rebalancer.onMetadata();
    });
  }

  private groupOf(groupId: string, ports: ClientPorts, options: ConsumerOptions<K, V>): Group {
    const { config, connections, subscription, topics, signal } = this;
    const names = config['partition.assignment.strategy'] as readonly AssignorName[];
    const assignors = options.assignors ?? names.map((name) => ASSIGNORS[name]);
    const link = new CoordinatorLink(connections, groupId);
    const coordinator = new GroupCoordinator(ports, config, link, assignors, {
      topics: () => topics.names(),
      owned: () => this.assignment(),
      partitionCounts: (wanted) => topics.partitionCounts(wanted),
      onChange: () => signal.ring(),
    });
    const offsets = new MemberOffsets(link, coordinator);
    const onCommitError = options.onCommitError ?? (() => {});
    const commits = new Commits(ports.clock, config, offsets, subscription, this.retries, onCommitError);
    const rebalancer = new Rebalancer(coordinator, assignors, subscription, topics, commits, signal);
    return { coordinator, offsets, commits, rebalancer };
  }

  /** Joins the group for these topics, or for those whose whole name the pattern matches, now and later. */
  subscribe(topics: readonly string[] | RegExp, listener: RebalanceListener = {}): void {
    this.checkOpen();
    const { coordinator } = this.grouped();
    if (this.subscription.mode.kind === 'manual')
      throw illegalState('partitions were assigned by hand: unsubscribe first');
    this.subscription.listener = listener;
    if (topics instanceof RegExp) {
      this.subscription.mode = { kind: 'pattern', pattern: topics };
      this.metadata.wantOnly('all');
    } else {
      if (topics.some((topic) => topic === '')) throw illegalState('a topic without a name');
      this.subscription.mode = { kind: 'topics', topics: new Set(topics) };
      this.metadata.wantOnly(topics);
    }
    coordinator.requestRejoin();
    this.signal.ring();
  }

  /** Takes partitions without a group. Replaces what was assigned before. */
  assign(partitions: readonly TopicPartition[]): void {
    this.checkOpen();
    if (this.subscription.isAutomatic) throw illegalState('topics were subscribed to: unsubscribe first');
    this.subscription.mode = { kind: 'manual' };
    this.subscription.assign(partitions);
    this.metadata.wantOnly(partitions.map((each) => each.topic));
    this.signal.ring();
  }

  /** Gives up subscription or assignment, and leaves the group. */
  async unsubscribe(): Promise<void> {
    this.checkOpen();
    const { mode } = this.subscription;
    if (this.subscription.isAutomatic) await this.group?.rebalancer.giveUpOwned();
    this.subscription.assign([]);
    this.subscription.mode = { kind: 'none' };
    if (mode.kind !== 'manual') await this.group?.rebalancer.leave('the consumer unsubscribed from all topics');
  }

  assignment(): readonly TopicPartition[] {
    return this.subscription.assigned.map(placeOf);
  }

  /** The topics subscribed to. */
  subscriptionTopics(): readonly string[] {
    return this.topics.names();
  }

  /** For commits that a transactional producer makes in this member's name, and for people: the membership of the last assignment, also when it has been lost since. */
  groupMetadata(): { groupId: string; generation: number; memberId: string; groupInstanceId: string | null } {
    return this.grouped().coordinator.groupMetadata;
  }

  /**
   * Records, at most max.poll.records, as soon as there are any; an empty list after `timeoutMs`, or after `wakeup`.
   * Must come again within max.poll.interval.ms, or the member loses its partitions. Rejects with ClientError.
   */
  poll(timeoutMs: number): Promise<ConsumerRecord<K, V>[]> {
    return this.polled(timeoutMs, () => this.fetcher.collect());
  }

  /**
   * The same without an object a record: views of batches, as many as begin within max.poll.records. Keys and values are bytes there: no deserializer is called.
   * The position is behind all of them; who stops within a batch seeks.
   */
  pollBatches(timeoutMs: number): Promise<BatchView[]> {
    return this.polled(timeoutMs, () => this.fetcher.collectBatches());
  }

  private async polled<T>(timeoutMs: number, collect: () => T[]): Promise<T[]> {
    this.checkOpen();
    if (this.pollInProgress !== null) throw illegalState('one poll at a time');
    if (this.subscription.mode.kind === 'none') throw illegalState('neither subscribed nor assigned');
    this.group?.coordinator.polling(true);
    const polling = this.pollUntil(this.clock.monotonic() + timeoutMs, collect);
    this.pollInProgress = polling.then(ignore, ignore);
    try {
      return await polling;
    } finally {
      this.pollInProgress = null;
      this.isWokenUp = false;
      this.group?.coordinator.polling(false);
    }
  }

  /** Ends the poll that is under way, or the next one, early and empty. */
  wakeup(): void {
    this.isWokenUp = true;
    this.signal.ring();
  }

  private async pollUntil<T>(deadlineMs: number, collect: () => T[]): Promise<T[]> {
    const { group, positions, fetcher, signal } = this;
    for (;;) {
      signal.clear();
      this.metadata.refreshIfOld();
      if (group !== null && this.subscription.isAutomatic) await group.rebalancer.advance(this.isOpen);
      if (this.state !== 'open') return [];
      group?.commits.autoCommit();
      positions.update();
      const records = collect();
      const againMs = fetcher.sendFetches();
      if (records.length > 0) return records;
      const leftMs = deadlineMs - this.clock.monotonic();
      if (leftMs <= 0 || this.isWokenUp) return [];
      const commitMs = group?.commits.autoCommitWaitMs() ?? Number.POSITIVE_INFINITY;
      await signal.wait(Math.min(leftMs, againMs, positions.waitMs(), commitMs));
      if (this.state !== 'open') return [];
    }
  }

  // ── positions ──

  /** Sets the next offset to be read. */
  seek(partition: TopicPartition, offset: number): void {
    if (!(Number.isSafeInteger(offset) && offset >= 0))
      throw illegalState(`offset ${offset}; allowed: an integer from 0`);
    this.stateOf(partition).seek(offset);
    this.signal.ring();
  }

  /** Without arguments: all assigned partitions. The offset is looked up by the next poll. */
  seekToBeginning(partitions: readonly TopicPartition[] = this.assignment()): void {
    for (const each of partitions) this.stateOf(each).requestReset('earliest');
    this.signal.ring();
  }

  seekToEnd(partitions: readonly TopicPartition[] = this.assignment()): void {
    for (const each of partitions) this.stateOf(each).requestReset('latest');
    this.signal.ring();
  }

  /** The offset of the next record that poll returns; found out first when it is not known. */
  async position(partition: TopicPartition, timeoutMs = this.config['default.api.timeout.ms']): Promise<number> {
    const state = this.stateOf(partition);
    const deadlineMs = this.clock.monotonic() + timeoutMs;
    while (state.position === null) {
      this.positions.update();
      const leftMs = deadlineMs - this.clock.monotonic();
      if (leftMs <= 0) throw timedOut(`position of ${state.key}`);
      await this.signal.wait(Math.min(leftMs, this.positions.waitMs()), true);
      this.checkOpen();
    }
    return state.position;
  }

  /** Returns nothing from these partitions until `resume`; a rebalance forgets it. */
  pause(partitions: readonly TopicPartition[]): void {
    for (const each of partitions) this.stateOf(each).isPaused = true;
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const each of partitions) this.stateOf(each).isPaused = false;
    this.signal.ring();
  }

  paused(): readonly TopicPartition[] {
    return this.subscription.assigned.filter((state) => state.isPaused).map(placeOf);
  }

  /** Records between the position and the end of the log, as of the last fetch; null when unknown. */
  currentLag(partition: TopicPartition): number | null {
    const { position, highWatermark } = this.stateOf(partition);
    return position === null || highWatermark < 0 ? null : Math.max(0, highWatermark - position);
  }

  private stateOf({ topic, partition }: TopicPartition): PartitionState {
    const state = this.subscription.get(topic, partition);
    if (state === undefined) throw illegalState(`${topic}-${partition} is not assigned to this consumer`);
    return state;
  }

  // ── offsets of the log ──

  /** For each partition the first offset at or after its time; null where there is none. */
  async offsetsForTimes(queries: readonly TimeQuery[]): Promise<ReadonlyMap<string, OffsetAndTimestamp | null>> {
    this.checkOpen();
    return this.logOffsets.forTimes(queries);
  }

  async beginningOffsets(partitions: readonly TopicPartition[]): Promise<ReadonlyMap<string, number>> {
    this.checkOpen();
    return this.logOffsets.at(partitions, EARLIEST_TIMESTAMP);
  }

  /** With read_committed: the last stable offsets. */
  async endOffsets(partitions: readonly TopicPartition[]): Promise<ReadonlyMap<string, number>> {
    this.checkOpen();
    return this.logOffsets.at(partitions, LATEST_TIMESTAMP);
  }

  /** The partitions of a topic. Rejects with ClientError when it does not exist. */
  async partitionsFor(topic: string): Promise<readonly PartitionMetadata[]> {
    this.checkOpen();
    this.metadata.want(topic);
    await this.retries.run(`topic ${topic}`, this.config['default.api.timeout.ms'], async () => {
      if (this.metadata.topic(topic) !== undefined) return;
      const code = this.metadata.errorOf(topic);
      if (code === 0) await this.metadata.nextUpdate();
      if (this.metadata.topic(topic) === undefined) {
        throw new ClientError(errorOf(this.metadata.errorOf(topic)).name, `topic ${topic}`, { retriable: true });
      }
    });
    return this.metadata.topic(topic)!.partitions;
  }

  // ── commits ──

  /** The committed offsets of the group, those that there are. */
  async committed(partitions: readonly TopicPartition[]): Promise<ReadonlyMap<string, Required<OffsetAndMetadata>>> {
    return this.grouped().commits.committed(partitions);
  }

  /** Commits, retrying until it is certain. Without offsets: the positions of all assigned partitions. */
  async commitSync(
    offsets?: readonly PartitionOffset[],
    timeoutMs = this.config['default.api.timeout.ms'],
  ): Promise<void> {
    const { commits } = this.grouped();
    this.checkOpen('closing');
    return commits.commitSync(offsets, timeoutMs);
  }

  /** Commits once, without a retry: a later commit may have overtaken it. The callback is called once, with an error or null. */
  commitAsync(offsets?: readonly PartitionOffset[] | null, callback?: CommitCallback): void {
    const { commits } = this.grouped();
    this.checkOpen();
    commits.commitAsync(offsets ?? undefined, callback);
  }

  // ── the end ──

  /** Commits (auto commit), gives up the partitions, leaves the group, and ends all connections. Never rejects; idempotent. */
  async close(options: { timeoutMs?: number } = {}): Promise<void> {
    if (this.state !== 'open') return;
    this.state = 'closing';
    const deadlineMs = this.clock.monotonic() + (options.timeoutMs ?? CLOSE_TIMEOUT_MS);
    this.signal.ring();
    await this.pollInProgress;
    await this.within(this.goodbye(deadlineMs), deadlineMs - this.clock.monotonic());
    this.state = 'closed';
    this.group?.coordinator.close();
    this.metadata.close();
    this.connections.close();
    this.signal.close();
  }

  private async goodbye(deadlineMs: number): Promise<void> {
    const { group } = this;
    if (group === null) return;
    if (!group.coordinator.isLost) await group.commits.autoCommitSync(deadlineMs - this.clock.monotonic());
    await group.commits.settled;
    if (!this.subscription.isAutomatic) return;
    await group.rebalancer.giveUpOwned().catch(ignore);
    await group.rebalancer.leave('the consumer is being closed');
  }

  private async within(task: Promise<void>, timeoutMs: number): Promise<void> {
    let timer: Timer | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = this.clock.setTimer(Math.max(0, timeoutMs), resolve);
    });
    await Promise.race([task.catch(ignore), timeout]);
    timer?.cancel();
  }

  private grouped(): Group {
    if (this.group === null) throw illegalState('this needs a group.id');
    return this.group;
  }

  private checkOpen(also?: 'closing'): void {
    if (this.state !== 'open' && this.state !== also) throw closedError();
  }
}

function ignore(): void {}

import type { Clock, Timer } from '../../ports/clock.ts';
import { errorOf } from '../../protocol/errors.ts';
import { backoffMs } from '../backoff.ts';
import { type ConsumerConfig, type ConsumerConfigInput, parseConsumerConfig } from '../client-config.ts';
import { ClientError } from '../client-error.ts';
import { type ClientPorts, Connections } from '../connections.ts';
import { Metadata, type PartitionMetadata } from '../metadata.ts';
import { bytesDeserializer, type Deserializer } from '../producer/serializers.ts';
import type { Assignor } from './assignors/assignor.ts';
import { ASSIGNORS } from './assignors/assignors.ts';
import type { AssignorName } from './assignors/names.ts';
import { GroupCoordinator, type Joined } from './coordinator.ts';
import type { ConsumerRecord } from './fetched-partition.ts';
import { Fetcher } from './fetcher.ts';
import {
  lookUpOffsets,
  type OffsetAndMetadata,
  type OffsetAndTimestamp,
  type PartitionOffset,
  type TimeQuery,
} from './offsets.ts';
import { type PartitionState, type RebalanceListener, Subscription } from './subscription.ts';
import { EARLIEST_TIMESTAMP, LATEST_TIMESTAMP } from './timestamps.ts';
import { keyOf, type TopicPartition } from './topic-partition.ts';

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

export type CommitCallback = (error: ClientError | null, offsets: readonly PartitionOffset[]) => void;

const CLOSE_TIMEOUT_MS = 30_000;

export class Consumer<K = Buffer, V = Buffer> {
  readonly config: ConsumerConfig;
  private readonly clock: Clock;
  private readonly ports: ClientPorts;
  private readonly connections: Connections;
  private readonly metadata: Metadata;
  private readonly subscription = new Subscription();
  private readonly fetcher: Fetcher<K, V>;
  private readonly coordinator: GroupCoordinator | null;
  private readonly assignors: readonly Assignor[];
  private readonly isolationLevel: 0 | 1;
  private readonly onCommitError: (error: ClientError) => void;
  /** Resolves waits inside poll when something changed. */
  private wakers = new Set<() => void>();
  private changed = false;
  private wokenUp = false;
  private pollInProgress: Promise<unknown> | null = null;
  private state: 'open' | 'closing' | 'closed' = 'open';
  /** The part of a join that needs the application has run; the rest goes on in the background. */
  private isPrepared = false;
  /** What the last join came to, until the poll has seen it. */
  private joinDone: { readonly joined: Joined | null } | null = null;
  private positionTask: Promise<void> | null = null;
  private positionFailure: ClientError | null = null;
  private positionRetryAtMs = 0;
  private positionFailures = 0;
  private nextAutoCommitMs = 0;
  private asyncCommits: Promise<void> = Promise.resolve();
  private seenTopics = '';

  /** Throws ConfigError. */
  constructor(ports: ClientPorts, config: ConsumerConfigInput, options: ConsumerOptions<K, V> = {}) {
    this.ports = ports;
    this.clock = ports.clock;
    this.config = parseConsumerConfig(config);
    this.isolationLevel = this.config['isolation.level'] === 'read_committed' ? 1 : 0;
    this.onCommitError = options.onCommitError ?? (() => {});
    this.connections = new Connections(ports, this.config);
    this.metadata = new Metadata(ports, this.config, this.connections, this.config['allow.auto.create.topics']);
    this.metadata.onUpdate(() => this.onMetadata());
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
      () => this.signal(),
    );
    const names = this.config['partition.assignment.strategy'] as readonly AssignorName[];
    this.assignors = options.assignors ?? names.map((name) => ASSIGNORS[name]);
    this.coordinator =
      this.config['group.id'] === null
        ? null
        : new GroupCoordinator(ports, this.config, this.connections, this.assignors, {
            topics: () => this.subscribedTopics(),
            owned: () => this.assignment(),
            partitionCounts: (topics) => this.partitionCounts(topics),
            onChange: () => this.signal(),
          });
    this.nextAutoCommitMs = this.clock.monotonic() + this.config['auto.commit.interval.ms'];
  }

  /** Joins the group for these topics, or for those whose whole name the pattern matches, now and later. */
  subscribe(topics: readonly string[] | RegExp, listener: RebalanceListener = {}): void {
    this.checkOpen();
    const coordinator = this.group();
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
    this.signal();
  }

  /** Takes partitions without a group. Replaces what was assigned before. */
  assign(partitions: readonly TopicPartition[]): void {
    this.checkOpen();
    if (this.subscription.isAutomatic) throw illegalState('topics were subscribed to: unsubscribe first');
    this.subscription.mode = { kind: 'manual' };
    this.subscription.assign(partitions);
    this.metadata.wantOnly(partitions.map((each) => each.topic));
    this.signal();
  }

  /** Gives up subscription or assignment, and leaves the group. */
  async unsubscribe(): Promise<void> {
    this.checkOpen();
    const { mode } = this.subscription;
    if (this.subscription.isAutomatic) await this.giveUpOwned();
    this.subscription.assign([]);
    this.subscription.mode = { kind: 'none' };
    this.isPrepared = false;
    if (mode.kind !== 'manual') await this.coordinator?.leaveForGood('the consumer unsubscribed from all topics');
  }

  assignment(): readonly TopicPartition[] {
    return this.subscription.assigned.map(({ topic, partition }) => ({ topic, partition }));
  }

  /** The topics subscribed to. */
  subscriptionTopics(): readonly string[] {
    return this.subscribedTopics();
  }

  /** For commits that a transactional producer makes in this member's name, and for people: the membership of the last assignment, also when it has been lost since. */
  groupMetadata(): { groupId: string; generation: number; memberId: string; groupInstanceId: string | null } {
    return this.group().groupMetadata;
  }

  /**
   * Records, at most max.poll.records, as soon as there are any; an empty list after `timeoutMs`, or after `wakeup`.
   * Must come again within max.poll.interval.ms, or the member loses its partitions. Rejects with ClientError.
   */
  async poll(timeoutMs: number): Promise<ConsumerRecord<K, V>[]> {
    this.checkOpen();
    if (this.pollInProgress !== null) throw illegalState('one poll at a time');
    if (this.subscription.mode.kind === 'none') throw illegalState('neither subscribed nor assigned');
    this.coordinator?.polling(true);
    const polling = this.pollUntil(this.clock.monotonic() + timeoutMs);
    this.pollInProgress = polling.then(ignore, ignore);
    try {
      return await polling;
    } finally {
      this.pollInProgress = null;
      this.wokenUp = false;
      this.coordinator?.polling(false);
    }
  }

  /** Ends the poll that is under way, or the next one, early and empty. */
  wakeup(): void {
    this.wokenUp = true;
    this.signal();
  }

  private async pollUntil(deadlineMs: number): Promise<ConsumerRecord<K, V>[]> {
    for (;;) {
      this.changed = false;
      this.metadata.refreshIfOld();
      if (this.coordinator !== null && this.subscription.isAutomatic) await this.membership(this.coordinator);
      if (this.state !== 'open') return [];
      this.autoCommit();
      this.updatePositions();
      const records = this.fetcher.collect();
      const againMs = this.fetcher.sendFetches();
      if (records.length > 0) return records;
      const leftMs = deadlineMs - this.clock.monotonic();
      if (leftMs <= 0 || this.wokenUp) return [];
      await this.wait(Math.min(leftMs, againMs, this.positionWaitMs(), this.autoCommitWaitMs()));
      if (this.state !== 'open') return [];
    }
  }

  /**
   * Brings the membership as far as it gets without waiting for the network: what a cooperative member keeps is read on while the group rebalances.
   * Listeners are called here and only here.
   */
  private async membership(coordinator: GroupCoordinator): Promise<void> {
    for (;;) {
      if (coordinator.isLost) await this.loseOwned(coordinator);
      if (coordinator.fatal !== null) {
        const { fatal } = coordinator;
        coordinator.fatal = null;
        throw fatal;
      }
      if (this.joinDone !== null) {
        const { joined } = this.joinDone;
        this.joinDone = null;
        if (joined !== null) {
          this.isPrepared = false;
          await this.completeJoin(coordinator, joined);
        }
        continue;
      }
      if (!coordinator.rejoinNeeded || coordinator.isJoining) return;
      if (this.subscription.mode.kind === 'pattern' && !this.metadata.hasAnswer) return;
      if (!this.isPrepared) {
        await this.prepareJoin(coordinator);
        this.isPrepared = true;
        if (this.state !== 'open') return;
      }
      void coordinator.join().then((joined) => {
        this.joinDone = { joined };
        this.signal();
      });
      return;
    }
  }

  /** Before JoinGroup: commits and gives up what the protocol asks for. */
  private async prepareJoin(coordinator: GroupCoordinator): Promise<void> {
    const owned = this.subscription.assigned;
    if (owned.length === 0) return;
    const topics = new Set(this.subscribedTopics());
    const revoked = this.isCooperative ? owned.filter((state) => !topics.has(state.topic)) : owned;
    if (this.config['enable.auto.commit'] && coordinator.isMember) await this.autoCommitSync();
    if (revoked.length > 0) await this.revoke(revoked);
  }

  private get isCooperative(): boolean {
    return this.assignors.every((assignor) => assignor.rebalanceProtocols.includes('cooperative'));
  }

  /** After SyncGroup: takes the assignment. */
  private async completeJoin(coordinator: GroupCoordinator, joined: Joined): Promise<void> {
    const mayHave = this.subscription.mode.kind === 'topics' ? this.subscription.mode.topics : null;
    const assigned = joined.partitions.filter((each) => mayHave === null || mayHave.has(each.topic));
    if (this.subscription.mode.kind === 'topics') this.metadata.wantOnly(this.wantedTopics(coordinator));
    this.seenTopics = this.subscribedTopics().join();
    const next = new Set(assigned.map(keyOf));
    const owned = this.subscription.assigned;
    const before = new Set(owned.map((state) => state.key));
    const revoked = owned.filter((state) => !next.has(state.key));
    const added = assigned.filter((each) => !before.has(keyOf(each)));
    this.nextAutoCommitMs = this.clock.monotonic() + this.config['auto.commit.interval.ms'];
    if (this.isCooperative && revoked.length > 0) {
      await this.revoke(revoked);
      // The new owners get them in the round that this one asks for.
      coordinator.requestRejoin();
    }
    this.subscription.assign(assigned);
    await this.subscription.listener.onPartitionsAssigned?.(this.isCooperative ? added : assigned);
  }

  /** The leader also watches the topics of other members. */
  private wantedTopics(coordinator: GroupCoordinator): string[] {
    return [...new Set([...this.subscribedTopics(), ...(coordinator.leaderSnapshot?.keys() ?? [])])];
  }

  private async revoke(states: readonly PartitionState[]): Promise<void> {
    for (const state of states) state.isRevoking = true;
    const partitions = states.map(({ topic, partition }) => ({ topic, partition }));
    try {
      await this.subscription.listener.onPartitionsRevoked?.(partitions);
    } finally {
      const gone = new Set(states);
      this.subscription.assign(this.subscription.assigned.filter((state) => !gone.has(state)));
    }
  }

  private async loseOwned(coordinator: GroupCoordinator): Promise<void> {
    coordinator.isLost = false;
    this.isPrepared = false;
    const partitions = this.assignment();
    this.subscription.assign([]);
    if (partitions.length === 0) return;
    const { listener } = this.subscription;
    if (listener.onPartitionsLost !== undefined) await listener.onPartitionsLost(partitions);
    else await listener.onPartitionsRevoked?.(partitions);
  }

  private async giveUpOwned(): Promise<void> {
    const { coordinator } = this;
    if (coordinator?.isLost) return this.loseOwned(coordinator);
    if (this.subscription.assigned.length > 0) await this.revoke(this.subscription.assigned);
  }

  private subscribedTopics(): string[] {
    const existing = this.metadata.topicNames().map((name) => this.metadata.topic(name)!);
    return this.subscription.topics(existing, this.config['exclude.internal.topics']);
  }

  /** New partitions and new topics that a pattern matches call for a rebalance. */
  private onMetadata(): void {
    this.signal();
    const { coordinator } = this;
    if (coordinator === null || !this.subscription.isAutomatic || !coordinator.isMember || coordinator.isJoining)
      return;
    if (this.subscription.mode.kind === 'pattern' && this.subscribedTopics().join() !== this.seenTopics)
      coordinator.requestRejoin();
    const snapshot = coordinator.leaderSnapshot;
    if (snapshot === null) return;
    const topics = new Set([...snapshot.keys(), ...this.subscribedTopics()]);
    for (const topic of topics) {
      const count = this.metadata.topic(topic)?.partitions.length;
      if (count !== snapshot.get(topic) && (count !== undefined || this.metadata.errorOf(topic) !== 0))
        coordinator.requestRejoin();
    }
  }

  private async partitionCounts(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const unknown = topics.some((topic) => this.metadata.topic(topic) === undefined);
    if (this.subscription.mode.kind !== 'pattern') this.metadata.wantOnly([...this.subscribedTopics(), ...topics]);
    if (unknown) {
      this.metadata.requestUpdate();
      await this.metadata.nextUpdate();
    }
    const counts = new Map<string, number>();
    for (const topic of topics) {
      const known = this.metadata.topic(topic);
      if (known !== undefined) counts.set(topic, known.partitions.length);
    }
    return counts;
  }

  // ── positions ──

  /** Starts looking up what has no position, if that is not under way. Throws what an earlier look-up found. */
  private updatePositions(): void {
    if (this.positionFailure !== null) {
      const failure = this.positionFailure;
      this.positionFailure = null;
      throw failure;
    }
    if (this.positionTask !== null || this.positionRetryAtMs > this.clock.monotonic()) return;
    const missing = [...this.subscription.each()].filter((state) => state.position === null && !state.isRevoking);
    if (missing.length === 0) return;
    this.positionTask = this.findPositions(missing).then(
      () => this.positionsDone(true),
      (error) => {
        if (error instanceof ClientError && error.retriable) return this.positionsDone(false);
        this.positionFailure =
          error instanceof ClientError ? error : new ClientError('UNKNOWN', String(error), { cause: error });
        this.positionsDone(false);
      },
    );
  }

  private positionsDone(complete: boolean): void {
    this.positionTask = null;
    this.positionFailures = complete ? 0 : this.positionFailures + 1;
    const { 'retry.backoff.ms': base, 'retry.backoff.max.ms': max } = this.config;
    const delayMs = complete ? 0 : backoffMs(this.ports.random, base, max, this.positionFailures);
    this.positionRetryAtMs = this.clock.monotonic() + delayMs;
    this.signal();
  }

  private positionWaitMs(): number {
    if (this.positionTask !== null || this.positionRetryAtMs === 0) return Number.POSITIVE_INFINITY;
    const leftMs = this.positionRetryAtMs - this.clock.monotonic();
    return leftMs > 0 ? leftMs : Number.POSITIVE_INFINITY;
  }

  private async findPositions(states: readonly PartitionState[]): Promise<void> {
    const fresh = states.filter((state) => state.reset === null);
    const policy = this.config['auto.offset.reset'];
    if (fresh.length > 0) {
      const committed = this.coordinator === null ? [] : await this.coordinator.fetchCommitted(fresh);
      const byKey = new Map(committed.map((each) => [keyOf(each), each]));
      const without: string[] = [];
      for (const state of fresh) {
        if (!this.isWaiting(state)) continue;
        const found = byKey.get(state.key);
        if (found !== undefined) {
          state.seek(found.offset);
          state.positionEpoch = found.leaderEpoch;
        } else if (policy === 'none') without.push(state.key);
        else state.requestReset(policy);
      }
      if (without.length > 0) {
        const message = `no committed offset for ${without.sort().join(', ')}, and auto.offset.reset is none`;
        throw new ClientError('NO_OFFSET_FOR_PARTITION', message);
      }
    }
    const queries = states
      .filter((state) => state.reset !== null && this.isWaiting(state))
      .map((state) => ({ state, strategy: state.reset! }));
    if (queries.length === 0) return;
    const { found, retry } = await lookUpOffsets(
      this.connections,
      this.metadata,
      queries.map(({ state, strategy }) => ({ ...place(state), timestamp: timestampOf(strategy) })),
      this.isolationLevel,
    );
    for (const { state, strategy } of queries) {
      const offset = found.get(state.key)?.offset;
      if (offset !== undefined && state.reset === strategy && this.isWaiting(state)) state.seek(offset);
    }
    if (retry.length > 0) throw new ClientError('LEADER_NOT_AVAILABLE', 'offsets', { retriable: true });
  }

  private isWaiting(state: PartitionState): boolean {
    return state.position === null && this.subscription.isCurrent(state);
  }

  /** Sets the next offset to be read. */
  seek(partition: TopicPartition, offset: number): void {
    if (!(Number.isSafeInteger(offset) && offset >= 0))
      throw illegalState(`offset ${offset}; allowed: an integer from 0`);
    this.stateOf(partition).seek(offset);
    this.signal();
  }

  /** Without arguments: all assigned partitions. The offset is looked up by the next poll. */
  seekToBeginning(partitions: readonly TopicPartition[] = this.assignment()): void {
    for (const each of partitions) this.stateOf(each).requestReset('earliest');
    this.signal();
  }

  seekToEnd(partitions: readonly TopicPartition[] = this.assignment()): void {
    for (const each of partitions) this.stateOf(each).requestReset('latest');
    this.signal();
  }

  /** The offset of the next record that poll returns; found out first when it is not known. */
  async position(partition: TopicPartition, timeoutMs = this.config['default.api.timeout.ms']): Promise<number> {
    const state = this.stateOf(partition);
    const deadlineMs = this.clock.monotonic() + timeoutMs;
    while (state.position === null) {
      this.updatePositions();
      const leftMs = deadlineMs - this.clock.monotonic();
      if (leftMs <= 0) throw timedOut(`position of ${state.key}`);
      await this.wait(Math.min(leftMs, this.positionWaitMs()), true);
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
    this.signal();
  }

  paused(): readonly TopicPartition[] {
    return this.subscription.assigned.filter((state) => state.isPaused).map(place);
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
    const found = await this.lookUp(queries, 'offsets for times');
    return new Map([...found].map(([key, each]) => [key, each.offset < 0 ? null : each]));
  }

  beginningOffsets(partitions: readonly TopicPartition[]): Promise<ReadonlyMap<string, number>> {
    return this.ends(partitions, EARLIEST_TIMESTAMP);
  }

  /** With read_committed: the last stable offsets. */
  endOffsets(partitions: readonly TopicPartition[]): Promise<ReadonlyMap<string, number>> {
    return this.ends(partitions, LATEST_TIMESTAMP);
  }

  private async ends(partitions: readonly TopicPartition[], timestamp: number): Promise<ReadonlyMap<string, number>> {
    const found = await this.lookUp(
      partitions.map(({ topic, partition }) => ({ topic, partition, timestamp })),
      'offsets',
    );
    return new Map([...found].map(([key, { offset }]) => [key, offset]));
  }

  private async lookUp(queries: readonly TimeQuery[], what: string): Promise<ReadonlyMap<string, OffsetAndTimestamp>> {
    this.checkOpen();
    const all = new Map<string, OffsetAndTimestamp>();
    let left = queries;
    for (const { topic } of queries) this.metadata.want(topic);
    await this.retrying(what, this.config['default.api.timeout.ms'], async () => {
      const { found, retry } = await lookUpOffsets(this.connections, this.metadata, left, this.isolationLevel);
      for (const [key, each] of found) all.set(key, each);
      const again = new Set(retry.map(keyOf));
      left = left.filter((query) => again.has(keyOf(query)));
      if (left.length > 0) throw new ClientError('LEADER_NOT_AVAILABLE', what, { retriable: true });
    });
    return all;
  }

  /** The partitions of a topic. Rejects with ClientError when it does not exist. */
  async partitionsFor(topic: string): Promise<readonly PartitionMetadata[]> {
    this.checkOpen();
    this.metadata.want(topic);
    await this.retrying(`topic ${topic}`, this.config['default.api.timeout.ms'], async () => {
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
    const coordinator = this.group();
    const result = new Map<string, Required<OffsetAndMetadata>>();
    await this.retrying('committed offsets', this.config['default.api.timeout.ms'], async () => {
      for (const each of await coordinator.fetchCommitted(partitions)) result.set(keyOf(each), each);
    });
    return result;
  }

  /** Commits, retrying until it is certain. Without offsets: the positions of all assigned partitions. */
  async commitSync(
    offsets?: readonly PartitionOffset[],
    timeoutMs = this.config['default.api.timeout.ms'],
  ): Promise<void> {
    const coordinator = this.group();
    this.checkOpen('closing');
    const committed = offsets ?? this.positions();
    await this.asyncCommits; // in the order of the calls
    if (committed.length === 0) return;
    await this.retrying('offset commit', timeoutMs, () => coordinator.commit(committed, this.subscription.isAutomatic));
  }

  /** Commits once, without a retry: a later commit may have overtaken it. The callback is called once, with an error or null. */
  commitAsync(offsets?: readonly PartitionOffset[] | null, callback?: CommitCallback): void {
    const coordinator = this.group();
    this.checkOpen();
    const committed = offsets ?? this.positions();
    const attempt =
      committed.length === 0 ? Promise.resolve() : coordinator.commit(committed, this.subscription.isAutomatic);
    this.track(
      attempt.then(
        () => callback?.(null, committed),
        (error) => callback?.(error as ClientError, committed),
      ),
    );
  }

  /** What the application throws in a commit callback is its own; it must not become an unhandled rejection. */
  private track(commit: Promise<unknown>): void {
    const before = this.asyncCommits;
    this.asyncCommits = commit.then(ignore, ignore).then(() => before);
  }

  /** The positions behind what was handed out. */
  private positions(): PartitionOffset[] {
    const offsets: PartitionOffset[] = [];
    for (const state of this.subscription.each()) {
      if (state.position === null) continue;
      offsets.push({ ...place(state), offset: state.position, leaderEpoch: state.positionEpoch });
    }
    return offsets;
  }

  private autoCommit(): void {
    if (!this.config['enable.auto.commit'] || this.coordinator === null) return;
    if (this.clock.monotonic() < this.nextAutoCommitMs) return;
    this.nextAutoCommitMs = this.clock.monotonic() + this.config['auto.commit.interval.ms'];
    const offsets = this.positions();
    if (offsets.length === 0) return;
    this.track(
      this.coordinator.commit(offsets, this.subscription.isAutomatic).catch((error) => {
        if (error instanceof ClientError && error.retriable) {
          const soonMs = this.clock.monotonic() + this.config['retry.backoff.ms'];
          this.nextAutoCommitMs = Math.min(this.nextAutoCommitMs, soonMs);
        } else this.onCommitError(error as ClientError);
      }),
    );
  }

  private autoCommitWaitMs(): number {
    if (!this.config['enable.auto.commit']) return Number.POSITIVE_INFINITY;
    return Math.max(1, this.nextAutoCommitMs - this.clock.monotonic());
  }

  /** Before partitions are given up. Never rejects. */
  private async autoCommitSync(timeoutMs = this.config['default.api.timeout.ms']): Promise<void> {
    try {
      await this.commitSync(undefined, Math.min(timeoutMs, this.config['max.poll.interval.ms']));
    } catch (error) {
      this.onCommitError(error as ClientError);
    }
  }

  // ── the end ──

  /** Commits (auto commit), gives up the partitions, leaves the group, and ends all connections. Never rejects; idempotent. */
  async close(options: { timeoutMs?: number } = {}): Promise<void> {
    if (this.state !== 'open') return;
    this.state = 'closing';
    const deadlineMs = this.clock.monotonic() + (options.timeoutMs ?? CLOSE_TIMEOUT_MS);
    this.signal();
    await this.pollInProgress;
    const goodbye = async () => {
      const isOwner = this.coordinator !== null && !this.coordinator.isLost;
      if (this.config['enable.auto.commit'] && isOwner) await this.autoCommitSync(deadlineMs - this.clock.monotonic());
      await this.asyncCommits;
      if (this.subscription.isAutomatic) {
        await this.giveUpOwned().catch(ignore);
        await this.coordinator?.leaveForGood('the consumer is being closed');
      }
    };
    await this.within(goodbye(), deadlineMs - this.clock.monotonic());
    this.state = 'closed';
    this.coordinator?.close();
    this.metadata.close();
    this.connections.close();
    this.signal();
  }

  private async within(task: Promise<void>, timeoutMs: number): Promise<void> {
    let timer: Timer | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = this.clock.setTimer(Math.max(0, timeoutMs), resolve);
    });
    await Promise.race([task.catch(ignore), timeout]);
    timer?.cancel();
  }

  // ── waiting ──

  private signal(): void {
    this.changed = true;
    for (const wake of this.wakers) wake();
  }

  /** Until something changes, at most `timeoutMs`. With `always` also when something changed since the poll looked last. */
  private wait(timeoutMs: number, always = false): Promise<void> {
    if (this.changed && !always) return Promise.resolve();
    return new Promise((resolve) => {
      let timer: Timer | null = null;
      const wake = () => {
        timer?.cancel();
        this.wakers.delete(wake);
        resolve();
      };
      this.wakers.add(wake);
      if (timeoutMs !== Number.POSITIVE_INFINITY) timer = this.clock.setTimer(Math.max(0, timeoutMs), wake);
    });
  }

  /** Tries until it works, fails for good, or the time is over. */
  private async retrying(what: string, timeoutMs: number, attempt: () => Promise<void>): Promise<void> {
    const deadlineMs = this.clock.monotonic() + timeoutMs;
    for (let failures = 1; ; failures++) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof ClientError) || !error.retriable) throw error;
        const leftMs = deadlineMs - this.clock.monotonic();
        const { 'retry.backoff.ms': base, 'retry.backoff.max.ms': max } = this.config;
        const delayMs = backoffMs(this.ports.random, base, max, failures);
        if (delayMs >= leftMs) throw timedOut(what, error);
        await this.sleep(delayMs);
        if (this.state === 'closed') throw closedError();
      }
    }
  }

  private async sleep(delayMs: number): Promise<void> {
    const untilMs = this.clock.monotonic() + delayMs;
    while (this.state !== 'closed') {
      const leftMs = untilMs - this.clock.monotonic();
      if (leftMs <= 0) return;
      await this.wait(leftMs, true);
    }
  }

  private group(): GroupCoordinator {
    if (this.coordinator === null) throw illegalState('this needs a group.id');
    return this.coordinator;
  }

  private checkOpen(also?: 'closing'): void {
    if (this.state !== 'open' && this.state !== also) throw closedError();
  }
}

function place({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition };
}

function timestampOf(strategy: 'earliest' | 'latest'): number {
  return strategy === 'earliest' ? EARLIEST_TIMESTAMP : LATEST_TIMESTAMP;
}

function ignore(): void {}

function illegalState(message: string): ClientError {
  return new ClientError('ILLEGAL_STATE', message);
}

function closedError(): ClientError {
  return new ClientError('CLOSED', 'the consumer was closed');
}

function timedOut(what: string, cause?: ClientError): ClientError {
  const because = cause === undefined ? '' : `; last: ${cause.message}`;
  const outcome = cause?.outcome ?? 'failed';
  return new ClientError('TIMEOUT', `${what}: not within the time limit${because}`, {
    retriable: true,
    outcome,
    cause,
  });
}

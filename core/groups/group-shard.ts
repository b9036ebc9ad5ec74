import type { Clock, Timer } from '../ports/clock.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { type Effects, failedJoin, failedSync, type Now, type RebalanceLimits } from './classic-effects.ts';
import { ClassicGroup } from './classic-group.ts';
import { nextDeadline, startRebalance, tick } from './classic-rebalance.ts';
import { ConsumerGroup } from './consumer-group.ts';
import { decodeConsumerGroupRecord } from './consumer-group-records.ts';
import { ConsumerGroups } from './consumer-groups.ts';
import type { ConsumerGroupLimits } from './consumer-heartbeat.ts';
import type { Append, CoordinatorLog, TransactionalProducer } from './coordinator-log.ts';
import type { GroupConfigLookup } from './group-config.ts';
import { downgraded, upgraded } from './group-migration.ts';
import type { Room } from './kept-groups.ts';
import { OffsetStore } from './offset-store.ts';
import {
  type CommittedOffset,
  type CoordinatorRecord,
  decodeGroupRecord,
  groupRecord,
  offsetRecord,
} from './records.ts';
import { decodeShareGroupRecord } from './share-group-records.ts';
import { ShareGroups } from './share-groups.ts';
import type { ShareGroupLimits } from './share-heartbeat.ts';
import type { ShareStateKeeper } from './share-state-keeper.ts';
import type { TopicsView } from './topic-partitions.ts';

export type GroupKind = 'classic' | 'consumer' | 'share';

/** What a shard is told, beside its log. */
export interface GroupShardParts {
  readonly clock: Clock;
  readonly classic: RebalanceLimits;
  readonly consumer: ConsumerGroupLimits;
  readonly share: ShareGroupLimits;
  readonly configOf: GroupConfigLookup;
  readonly topics: TopicsView;
  readonly shareStates: ShareStateKeeper;
}

interface StoredOffset {
  readonly topic: string;
  readonly partition: number;
  readonly value: CommittedOffset | null;
}

export interface OffsetCommitment {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string;
  readonly expireTimestampMs: number | null;
}

/**
 * The groups of one partition of `__consumer_offsets`: their state in memory, and the shell that carries out what the pure functions of
 * `classic-rebalance.ts` say: answers at once, records through the log, deadlines by the clock.
 *
 * Invariant: an offset is visible only after the record that holds it is committed; what the log refuses changes nothing; after `close` nothing that is still
 * under way has an effect; a group id is a classic group's, or a consumer group's (`consumers`), or a share group's (`shares`).
 */
export class GroupShard {
  readonly groups = new Map<string, ClassicGroup>();
  readonly consumers: ConsumerGroups;
  readonly shares: ShareGroups;
  readonly offsets = new OffsetStore();
  private readonly log: CoordinatorLog;
  private readonly clock: Clock;
  private readonly limits: RebalanceLimits;
  private readonly parts: GroupShardParts;
  private readonly timers = new Map<string, { readonly at: number; readonly timer: Timer }>();
  private closed = false;

  constructor(log: CoordinatorLog, parts: GroupShardParts) {
    const { clock, topics, configOf } = parts;
    this.log = log;
    this.clock = clock;
    this.limits = parts.classic;
    this.parts = parts;
    const append = (records: readonly CoordinatorRecord[]): Append => log.append(records);
    this.consumers = new ConsumerGroups({
      clock,
      topics,
      limitsOf: (groupId) => this.consumerLimitsOf(groupId),
      append,
      downgrade: (group, leaving) => this.downgrade(group, leaving),
    });
    this.shares = new ShareGroups({
      clock,
      topics,
      limits: parts.share,
      configOf,
      keeper: parts.shareStates,
      append,
    });
  }

  /** What is set for the group goes before what is set for all. */
  private consumerLimitsOf(groupId: string): ConsumerGroupLimits {
    const { consumerSessionTimeoutMs, consumerHeartbeatIntervalMs, consumerAssignmentIntervalMs } =
      this.parts.configOf(groupId);
    return {
      ...this.parts.consumer,
      sessionTimeoutMs: consumerSessionTimeoutMs,
      heartbeatIntervalMs: consumerHeartbeatIntervalMs,
      assignmentIntervalMs: consumerAssignmentIntervalMs,
    };
  }

  /** Null: there is no such group. One that only has offsets is a classic one. */
  kindOf(groupId: string): GroupKind | null {
    if (this.consumers.groups.has(groupId)) return 'consumer';
    if (this.shares.groups.has(groupId)) return 'share';
    return this.groups.has(groupId) || this.offsets.has(groupId) ? 'classic' : null;
  }

  now(): Now {
    return { mono: this.clock.monotonic(), wall: this.clock.now() };
  }

  /** Builds the state from the log. */
  load(): void {
    const now = this.now();
    const visit = (key: Buffer, value: Buffer | null, producerId: number | null): void => {
      const record = decodeGroupRecord(key, value);
      switch (record.type) {
        case 'offset':
          if (producerId === null) this.offsets.apply(record.groupId, record.topic, record.partition, record.value);
          else if (record.value !== null) this.offsets.addPending(producerId, { ...record, value: record.value });
          break;
        case 'group':
          if (record.value === null) this.groups.delete(record.groupId);
          else this.groups.set(record.groupId, ClassicGroup.restore(record.groupId, record.value, now.mono, now.wall));
          break;
        case 'unknown':
          this.restoreOther(key, value);
          break;
      }
    };
    this.log.readAll(visit, (producerId, isCommit) => this.endTransaction(producerId, isCommit));
    // Who only commits has offsets and no metadata record; it is a group all the same.
    for (const groupId of this.offsets.groupIds()) this.groupOfOffsets(groupId);
    for (const group of this.groups.values()) this.arm(group);
    this.consumers.restored();
    this.shares.restored();
  }

  private restoreOther(key: Buffer, value: Buffer | null): void {
    const ofConsumers = decodeConsumerGroupRecord(key, value);
    if (ofConsumers !== null) return this.consumers.restore(ofConsumers);
    const ofShares = decodeShareGroupRecord(key, value);
    if (ofShares !== null) this.shares.restore(ofShares);
  }

  /** Offsets make a classic group, unless a group of another kind has the id. */
  private groupOfOffsets(groupId: string): void {
    const kind = this.kindOf(groupId);
    if (kind === null || kind === 'classic') this.getOrCreate(groupId);
  }

  /** The shard moves away or the broker stops: nothing fires any more, and whoever is parked is told to look for the coordinator. */
  close(): void {
    this.closed = true;
    this.consumers.close();
    this.shares.close();
    for (const { timer } of this.timers.values()) timer.cancel();
    this.timers.clear();
    for (const group of this.groups.values()) {
      for (const member of group.members.values()) {
        member.awaitingJoin?.(failedJoin(ErrorCode.NOT_COORDINATOR, member.memberId));
        member.awaitingSync?.(failedSync(ErrorCode.NOT_COORDINATOR));
        member.awaitingJoin = null;
        member.awaitingSync = null;
      }
    }
  }

  getOrCreate(groupId: string): ClassicGroup {
    let group = this.groups.get(groupId);
    if (group === undefined) {
      group = new ClassicGroup(groupId, this.clock.now());
      this.groups.set(groupId, group);
    }
    return group;
  }

  /** Does what a transition decided. */
  carryOut(group: ClassicGroup, { replies, store }: Effects): void {
    for (const reply of replies) reply();
    if (store !== null) {
      const { answer } = this.log.append([groupRecord(group.groupId, group.stored(store.assignments))]);
      void answer.then((errorCode) => {
        if (!this.closed) this.carryOut(group, store.done(errorCode, this.now()));
      });
    }
    this.arm(group);
  }

  /** Sets the group's timer to its next deadline. */
  arm(group: ClassicGroup): void {
    const armed = this.timers.get(group.groupId);
    const deadline = this.closed || this.groups.get(group.groupId) !== group ? null : nextDeadline(group);
    // A timer that fires early looks again: heartbeats move deadlines away all the time and leave the timer alone.
    if (armed !== undefined && deadline !== null && armed.at <= deadline) return;
    armed?.timer.cancel();
    this.timers.delete(group.groupId);
    if (deadline === null) return;
    const timer = this.clock.setTimer(Math.max(0, deadline - this.clock.monotonic()), () => {
      this.timers.delete(group.groupId);
      if (this.groups.get(group.groupId) === group) this.carryOut(group, tick(group, this.limits, this.now()));
    });
    this.timers.set(group.groupId, { at: deadline, timer });
  }

  /** Stores offsets, then makes them visible. */
  commitOffsets(groupId: string, commits: readonly OffsetCommitment[]): Promise<number> {
    const values = this.valuesOf(commits);
    return this.storeOffsets(
      groupId,
      values,
      values.map(({ topic, partition, value }) => offsetRecord(groupId, topic, partition, value)),
    );
  }

  private storeOffsets(
    groupId: string,
    values: readonly StoredOffset[],
    records: readonly CoordinatorRecord[],
    taken: () => void = () => {},
  ): Promise<number> {
    const append = this.log.append(records);
    if (append.refused !== ErrorCode.NONE) return append.answer;
    taken();
    const ordered = values.map((each) => ({ ...each, order: this.offsets.nextOrder() }));
    return whenCommitted(append, () => {
      for (const { topic, partition, value, order } of ordered) {
        this.offsets.apply(groupId, topic, partition, value, order);
      }
      // It may have been ended meanwhile.
      if (this.offsets.has(groupId)) this.groupOfOffsets(groupId);
    });
  }

  private valuesOf(commits: readonly OffsetCommitment[]) {
    const commitTimestampMs = this.clock.now();
    return commits.map(({ topic, partition, offset, leaderEpoch, metadata, expireTimestampMs }) => ({
      topic,
      partition,
      value: { offset, leaderEpoch, metadata, commitTimestampMs, expireTimestampMs },
    }));
  }

  /** Stores offsets inside a transaction: they show when its commit marker stands in this partition. Readers that want stable offsets wait from now on. */
  commitTransactionalOffsets(
    groupId: string,
    commits: readonly OffsetCommitment[],
    producer: TransactionalProducer,
  ): Promise<number> {
    const values = this.valuesOf(commits);
    const append = this.log.append(
      values.map(({ topic, partition, value }) => offsetRecord(groupId, topic, partition, value)),
      producer,
    );
    if (append.refused === ErrorCode.NONE) {
      for (const each of values) this.offsets.addPending(producer.producerId, { groupId, ...each });
    }
    return append.answer;
  }

  /** A marker stands in the log. */
  endTransaction(producerId: number, isCommit: boolean): void {
    for (const groupId of this.offsets.endTransaction(producerId, isCommit)) this.groupOfOffsets(groupId);
  }

  /** Writes tombstones for these offsets, then forgets them. */
  removeOffsets(
    groupId: string,
    gone: readonly { readonly topic: string; readonly partition: number }[],
  ): Promise<number> {
    if (gone.length === 0) return Promise.resolve(ErrorCode.NONE);
    const values = gone.map(({ topic, partition }) => ({ topic, partition, value: null }));
    return this.storeOffsets(groupId, values, this.tombstonesOf(groupId, gone));
  }

  private tombstonesOf(groupId: string, gone: readonly { readonly topic: string; readonly partition: number }[]) {
    return gone.map(({ topic, partition }) => offsetRecord(groupId, topic, partition, null));
  }

  /** Ends an empty group and its offsets. */
  deleteGroup(groupId: string): Promise<number> {
    const refuse = (errorCode: number): Promise<number> => Promise.resolve(errorCode);
    if (this.consumers.groups.has(groupId)) return this.deleteConsumerGroup(groupId);
    if (this.shares.groups.has(groupId)) return this.shares.deleteGroup(groupId);
    const group = this.groups.get(groupId);
    if (group === undefined && !this.offsets.has(groupId)) return refuse(ErrorCode.GROUP_ID_NOT_FOUND);
    if (group !== undefined && group.state === 'Dead') return refuse(ErrorCode.GROUP_ID_NOT_FOUND);
    if (group !== undefined && group.state !== 'Empty') return refuse(ErrorCode.NON_EMPTY_GROUP);
    return this.deleteWithOffsets(groupId, [groupRecord(groupId, null)], () => {
      if (group === undefined) return;
      group.transition('Dead', this.clock.now());
      if (this.groups.get(groupId) === group) this.groups.delete(groupId);
      this.arm(group);
    });
  }

  private deleteConsumerGroup(groupId: string): Promise<number> {
    const { errorCode, records } = this.consumers.toRelease(groupId);
    if (errorCode !== ErrorCode.NONE) return Promise.resolve(errorCode);
    return this.deleteWithOffsets(groupId, records, () => this.consumers.removed(groupId));
  }

  /** The group is gone when the log has taken that: whoever comes with its id then makes another group, whose records come after. */
  private deleteWithOffsets(groupId: string, records: readonly CoordinatorRecord[], taken: () => void) {
    const gone = [...this.offsets.offsetsOf(groupId)].map((each) => ({ ...each, value: null }));
    const tombstones = [...this.tombstonesOf(groupId, gone), ...records];
    return this.storeOffsets(groupId, gone, tombstones, () => {
      this.offsets.dropPending(groupId);
      taken();
    });
  }

  /**
   * Ends an empty consumer group, so that a classic group may have its id; its offsets stay. NONE, NON_EMPTY_GROUP, or why that cannot be stored.
   * What is appended after this call comes after the records that end it.
   */
  releaseConsumerGroup(groupId: string): number {
    const { errorCode, records } = this.consumers.toRelease(groupId);
    if (errorCode !== ErrorCode.NONE || records.length === 0) return errorCode;
    const { refused } = this.log.append(records);
    if (refused === ErrorCode.NONE) this.consumers.removed(groupId);
    return refused;
  }

  /** Whether a consumer group may have the id: no classic group has it, or an empty one. */
  isFreeForConsumers(groupId: string): boolean {
    if (this.shares.groups.has(groupId)) return false;
    const group = this.groups.get(groupId);
    return group === undefined || (group.state === 'Empty' && group.pendingMembers.size === 0);
  }

  /** The empty classic group makes room for a consumer group; its offsets stay. Null: there is none. */
  releaseClassicGroup(groupId: string): Room | null {
    const group = this.groups.get(groupId);
    if (group === undefined) return null;
    return {
      records: [groupRecord(groupId, null)],
      taken: () => {
        this.groups.delete(groupId);
        this.arm(group);
      },
    };
  }

  /** A classic group of consumers becomes a consumer group, as it is, since a member of that protocol wants to join. GROUP_ID_NOT_FOUND: it may or can not. */
  upgrade(groupId: string): number {
    const { consumer: limits, topics } = this.parts;
    const group = this.groups.get(groupId);
    const isAllowed = limits.migrationPolicy === 'upgrade' || limits.migrationPolicy === 'bidirectional';
    if (group === undefined || group.members.size === 0 || group.members.size >= limits.sizeMax || !isAllowed)
      return ErrorCode.GROUP_ID_NOT_FOUND;
    const records = upgraded(group, new ConsumerGroup(groupId), topics, this.clock.now());
    if (records === null) return ErrorCode.GROUP_ID_NOT_FOUND;
    const taken = (): void => {
      for (const member of group.members.values()) {
        const { awaitingJoin, awaitingSync, memberId } = member;
        member.awaitingJoin = null;
        member.awaitingSync = null;
        awaitingJoin?.(failedJoin(ErrorCode.REBALANCE_IN_PROGRESS, memberId));
        awaitingSync?.(failedSync(ErrorCode.REBALANCE_IN_PROGRESS));
      }
      group.transition('Dead', this.clock.now());
      this.groups.delete(groupId);
      this.arm(group);
    };
    return this.consumers.adopt(groupId, records, { records: [groupRecord(groupId, null)], taken }).refused;
  }

  /** A consumer group that only classic members stay in becomes a classic group; they join it anew. Null: it does not. */
  private downgrade(consumers: ConsumerGroup, leaving: readonly string[]): Append | null {
    const { consumer: limits, topics } = this.parts;
    const { groupId } = consumers;
    if (limits.migrationPolicy !== 'downgrade' && limits.migrationPolicy !== 'bidirectional') return null;
    const now = this.now();
    const stored = downgraded(consumers, leaving, topics, now.wall);
    if (stored === null || stored.members.length > this.limits.sizeMax) return null;
    const append = this.log.append([...this.consumers.recordsToRemove(consumers), groupRecord(groupId, stored)]);
    if (append.refused !== ErrorCode.NONE) return append;
    this.consumers.removed(groupId);
    const group = ClassicGroup.restore(groupId, stored, now.mono, now.wall);
    for (const member of group.members.values()) {
      member.protocols = consumers.members.get(member.memberId)!.classic!.protocols;
    }
    this.groups.set(groupId, group);
    this.carryOut(group, startRebalance(group, this.limits, now));
    return append;
  }

  /** Of a consumer group, offsets count from their commits; those of topics that are subscribed to stay. */
  private async expireConsumerGroup(groupId: string, wallNow: number, retentionMs: number): Promise<void> {
    const group = this.consumers.groups.get(groupId)!;
    const subscribed = group.subscribedTopics();
    const expired = [...this.offsets.expired(groupId, undefined, wallNow, retentionMs)];
    const gone = expired.filter(({ topic }) => !subscribed.has(topic));
    if ((await this.removeOffsets(groupId, gone)) !== ErrorCode.NONE) return;
    if (group.members.size > 0 || this.offsets.has(groupId) || this.offsets.hasPending(groupId)) return;
    await this.deleteConsumerGroup(groupId);
  }

  /** Removes offsets past their retention, and groups that have neither members nor offsets. */
  async expire(retentionMs: number): Promise<void> {
    const wallNow = this.clock.now();
    for (const groupId of [...this.consumers.groups.keys()]) {
      if (this.consumers.groups.has(groupId)) await this.expireConsumerGroup(groupId, wallNow, retentionMs);
    }
    for (const groupId of new Set([...this.groups.keys(), ...this.offsets.groupIds()])) {
      if (this.consumers.groups.has(groupId)) continue;
      const group = this.groups.get(groupId);
      const gone = [...this.offsets.expired(groupId, group, wallNow, retentionMs)];
      if ((await this.removeOffsets(groupId, gone)) !== ErrorCode.NONE) continue;
      const idle =
        group !== undefined &&
        this.groups.get(groupId) === group &&
        group.state === 'Empty' &&
        group.members.size === 0 &&
        group.pendingMembers.size === 0;
      const isUnused = !this.offsets.has(groupId) && !this.offsets.hasPending(groupId);
      if (idle && isUnused) await this.deleteGroup(groupId);
    }
  }
}

/** What is to happen once the records are committed happens before whoever waits for them goes on. */
function whenCommitted({ committed, answer }: Append, act: () => void): Promise<number> {
  void committed.then((errorCode) => {
    if (errorCode === ErrorCode.NONE) act();
  });
  return answer;
}

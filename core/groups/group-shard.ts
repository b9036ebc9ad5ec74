import type { Clock, Timer } from '../ports/clock.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { ClassicGroup } from './classic-group.ts';
import { type Effects, type Now, nextDeadline, type RebalanceLimits, tick } from './classic-rebalance.ts';
import { OffsetStore } from './offset-store.ts';
import { type CoordinatorRecord, decodeGroupRecord, groupRecord, offsetRecord } from './records.ts';

/** A partition of an internal topic as its coordinator sees it. */
export interface CoordinatorLog {
  /** Appends the records as one batch; resolves, in the order of the calls, with NONE once they are committed, or with a Kafka error code. */
  append(records: readonly CoordinatorRecord[], transaction?: TransactionalProducer): Promise<number>;
  /** All records from the log's start to its end, oldest first. `producerId` is null for those outside a transaction. */
  readAll(
    visit: (key: Buffer, value: Buffer | null, producerId: number | null) => void,
    onMarker?: (producerId: number, isCommit: boolean) => void,
  ): void;
}

/** In whose transaction records are written. */
export interface TransactionalProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
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
 * Invariant: an offset is visible only after the record that holds it is committed; records of one shard are committed in the order of their decisions.
 */
export class GroupShard {
  readonly groups = new Map<string, ClassicGroup>();
  readonly offsets = new OffsetStore();
  private readonly log: CoordinatorLog;
  private readonly clock: Clock;
  private readonly limits: RebalanceLimits;
  private readonly timers = new Map<string, { readonly at: number; readonly timer: Timer }>();
  private closed = false;

  constructor(log: CoordinatorLog, clock: Clock, limits: RebalanceLimits) {
    this.log = log;
    this.clock = clock;
    this.limits = limits;
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
          break;
      }
    };
    this.log.readAll(visit, (producerId, isCommit) => this.endTransaction(producerId, isCommit));
    // Who only commits has offsets and no metadata record; it is a group all the same.
    for (const groupId of this.offsets.groupIds()) this.getOrCreate(groupId);
    for (const group of this.groups.values()) this.arm(group);
  }

  /** The shard moves away or the broker stops: nothing fires any more, and whoever is parked is told to look for the coordinator. */
  close(): void {
    this.closed = true;
    for (const { timer } of this.timers.values()) timer.cancel();
    this.timers.clear();
    for (const group of this.groups.values()) {
      for (const member of group.members.values()) {
        member.awaitingJoin?.({
          errorCode: ErrorCode.NOT_COORDINATOR,
          generationId: -1,
          protocolType: null,
          protocolName: null,
          leader: '',
          skipAssignment: false,
          memberId: member.memberId,
          members: [],
        });
        member.awaitingSync?.({
          errorCode: ErrorCode.NOT_COORDINATOR,
          protocolType: null,
          protocolName: null,
          assignment: Buffer.alloc(0),
        });
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
      void this.log.append([groupRecord(group.groupId, group.stored(store.assignments))]).then((errorCode) => {
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
  async commitOffsets(groupId: string, commits: readonly OffsetCommitment[]): Promise<number> {
    if (commits.length === 0) return ErrorCode.NONE;
    const values = this.valuesOf(commits);
    const errorCode = await this.log.append(
      values.map(({ topic, partition, value }) => offsetRecord(groupId, topic, partition, value)),
    );
    if (errorCode === ErrorCode.NONE) {
      for (const { topic, partition, value } of values) this.offsets.apply(groupId, topic, partition, value);
    }
    return errorCode;
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
  async commitTransactionalOffsets(
    groupId: string,
    commits: readonly OffsetCommitment[],
    producer: TransactionalProducer,
  ): Promise<number> {
    if (commits.length === 0) return ErrorCode.NONE;
    const values = this.valuesOf(commits);
    const { producerId } = producer;
    const pending = values.map((each) => this.offsets.addPending(producerId, { groupId, ...each }));
    const errorCode = await this.log.append(
      values.map(({ topic, partition, value }) => offsetRecord(groupId, topic, partition, value)),
      producer,
    );
    if (errorCode !== ErrorCode.NONE) this.offsets.removePending(producerId, pending);
    return errorCode;
  }

  /** A marker stands in the log. */
  endTransaction(producerId: number, isCommit: boolean): void {
    for (const groupId of this.offsets.endTransaction(producerId, isCommit)) this.getOrCreate(groupId);
  }

  /** Writes tombstones for these offsets, then forgets them. */
  async removeOffsets(
    groupId: string,
    gone: readonly { readonly topic: string; readonly partition: number }[],
  ): Promise<number> {
    if (gone.length === 0) return ErrorCode.NONE;
    const errorCode = await this.log.append(
      gone.map(({ topic, partition }) => offsetRecord(groupId, topic, partition, null)),
    );
    if (errorCode === ErrorCode.NONE) {
      for (const { topic, partition } of gone) this.offsets.apply(groupId, topic, partition, null);
    }
    return errorCode;
  }

  /** Ends an empty group and its offsets. */
  async deleteGroup(groupId: string): Promise<number> {
    const group = this.groups.get(groupId);
    if (group === undefined && !this.offsets.has(groupId)) return ErrorCode.GROUP_ID_NOT_FOUND;
    if (group !== undefined && group.state === 'Dead') return ErrorCode.GROUP_ID_NOT_FOUND;
    if (group !== undefined && group.state !== 'Empty') return ErrorCode.NON_EMPTY_GROUP;
    group?.transition('Dead', this.clock.now());
    const gone = [...this.offsets.offsetsOf(groupId)];
    const errorCode = await this.log.append([
      ...gone.map(({ topic, partition }) => offsetRecord(groupId, topic, partition, null)),
      groupRecord(groupId, null),
    ]);
    if (errorCode !== ErrorCode.NONE) {
      group?.transition('Empty', this.clock.now());
      return errorCode;
    }
    for (const { topic, partition } of gone) this.offsets.apply(groupId, topic, partition, null);
    this.offsets.dropPending(groupId);
    if (group !== undefined && this.groups.get(groupId) === group) this.groups.delete(groupId);
    return ErrorCode.NONE;
  }

  /** Removes offsets past their retention, and groups that have neither members nor offsets. */
  async expire(retentionMs: number): Promise<void> {
    const wallNow = this.clock.now();
    for (const groupId of new Set([...this.groups.keys(), ...this.offsets.groupIds()])) {
      const group = this.groups.get(groupId);
      const gone = [...this.offsets.expired(groupId, group, wallNow, retentionMs)];
      if ((await this.removeOffsets(groupId, gone)) !== ErrorCode.NONE) continue;
      const idle =
        group !== undefined && group.state === 'Empty' && group.members.size === 0 && group.pendingMembers.size === 0;
      const isUnused = !this.offsets.has(groupId) && !this.offsets.hasPending(groupId);
      if (idle && isUnused && (gone.length > 0 || group.stateTimestampMs + retentionMs <= wallNow)) {
        await this.deleteGroup(groupId);
      }
    }
  }
}

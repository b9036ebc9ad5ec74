import type { Clock, Timer } from '../ports/clock.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { ConsumerGroup, JOIN_EPOCH, LEFT_FOR_A_WHILE_EPOCH } from './consumer-group.ts';
import { type ConsumerGroupRecord, encodeConsumerGroupRecord } from './consumer-group-records.ts';
import {
  type ConsumerGroupEnvironment,
  type ConsumerGroupLimits,
  type ConsumerHeartbeat,
  deleteRecordsOf,
  type HeartbeatAnswer,
  type HeartbeatRefusal,
  heartbeat,
  leaveGroup,
  removeMembers,
} from './consumer-heartbeat.ts';
import type { CoordinatorRecord } from './records.ts';
import type { TopicsView } from './topic-partitions.ts';

/** What the consumer groups of a shard stand on. */
export interface ConsumerGroupsParts {
  readonly clock: Clock;
  readonly limits: ConsumerGroupLimits;
  readonly topics: TopicsView;
  /** Appends as one batch; resolves in the order of the calls with NONE once committed, or with a Kafka error code. */
  append(records: readonly CoordinatorRecord[]): Promise<number>;
  /** All records of consumer groups that are in the log, oldest first. */
  readAll(visit: (record: ConsumerGroupRecord) => void): void;
}

interface Deadlines {
  /** By member: when it is taken for dead unless it is heard from. */
  readonly sessions: Map<string, number>;
  /** By member: until when it has to give up partitions, and the epoch that it is to leave. */
  readonly revocations: Map<string, { readonly at: number; readonly memberEpoch: number }>;
}

/**
 * The consumer groups of one partition of `__consumer_offsets`: carries out what the pure functions of `consumer-heartbeat.ts` say.
 *
 * Invariant: records are replayed in the order that they are appended in, at once, so that the next request is decided on them; nobody is told before
 * they are committed. If that fails, the group is built again from what the log holds.
 */
export class ConsumerGroups {
  readonly groups = new Map<string, ConsumerGroup>();
  private readonly parts: ConsumerGroupsParts;
  private readonly deadlines = new Map<string, Deadlines>();
  private readonly timers = new Map<string, { readonly at: number; readonly timer: Timer }>();
  /** At which metadata the group last looked at its topics. */
  private readonly looked = new Map<string, number>();
  private metadataVersion = 1;
  private closed = false;

  constructor(parts: ConsumerGroupsParts) {
    this.parts = parts;
  }

  /** While the log is read. */
  restore(record: ConsumerGroupRecord): void {
    const { groupId } = record;
    if (record.type === 'consumerGroup' && record.value === null) {
      this.groups.delete(groupId);
      return;
    }
    const isTombstone = record.type === 'partitionMetadata' ? !record.isPresent : record.value === null;
    let group = this.groups.get(groupId);
    if (group === undefined) {
      if (isTombstone) return;
      this.groups.set(groupId, (group = new ConsumerGroup(groupId)));
    }
    group.replay(record);
  }

  /** After the log was read: members get a whole session to be heard from. */
  restored(): void {
    for (const group of this.groups.values()) this.startDeadlines(group);
  }

  close(): void {
    this.closed = true;
    for (const { timer } of this.timers.values()) timer.cancel();
    this.timers.clear();
  }

  metadataChanged(): void {
    this.metadataVersion++;
  }

  /** `makeRoom` is called once the request is accepted; what it returns is stored in the same batch, before the group's records. */
  async heartbeat(
    groupId: string,
    request: ConsumerHeartbeat,
    makeRoom: () => readonly CoordinatorRecord[] = () => [],
  ): Promise<HeartbeatAnswer | HeartbeatRefusal> {
    const group = this.groups.get(groupId) ?? new ConsumerGroup(groupId);
    const env = this.environment(groupId);
    const outcome = request.memberEpoch < JOIN_EPOCH ? leaveGroup(group, request, env) : heartbeat(group, request, env);
    if (outcome.kind === 'refused') return outcome.refusal;
    this.groups.set(groupId, group);
    if (request.memberEpoch >= JOIN_EPOCH) this.looked.set(groupId, env.metadataVersion);
    const committed = this.store(group, outcome.records, makeRoom());
    if (request.memberEpoch >= JOIN_EPOCH) this.heard(group, outcome.answer.memberId);
    const errorCode = await committed;
    if (errorCode === ErrorCode.NONE) return outcome.answer;
    return { errorCode, errorMessage: 'The change of the group could not be stored.' };
  }

  private environment(groupId: string): ConsumerGroupEnvironment {
    const { limits, topics, clock } = this.parts;
    const { metadataVersion } = this;
    const isMetadataStale = this.looked.get(groupId) !== metadataVersion;
    return { limits, topics, metadataVersion, isMetadataStale, wallNowMs: clock.now() };
  }

  private async store(
    group: ConsumerGroup,
    records: readonly ConsumerGroupRecord[],
    alongside: readonly CoordinatorRecord[] = [],
  ): Promise<number> {
    if (records.length === 0 && alongside.length === 0) return ErrorCode.NONE;
    for (const record of records) group.replay(record);
    this.followRevocations(group);
    const errorCode = await this.parts.append([...alongside, ...records.map(encodeConsumerGroupRecord)]);
    if (errorCode !== ErrorCode.NONE && !this.closed) this.rebuild(group.groupId);
    return errorCode;
  }

  private rebuild(groupId: string): void {
    this.groups.delete(groupId);
    this.looked.delete(groupId);
    this.parts.readAll((record) => {
      if (record.groupId === groupId) this.restore(record);
    });
    const group = this.groups.get(groupId);
    if (group === undefined) this.forget(groupId);
    else this.startDeadlines(group);
  }

  private forget(groupId: string): void {
    this.groups.delete(groupId);
    this.deadlines.delete(groupId);
    this.looked.delete(groupId);
    this.timers.get(groupId)?.timer.cancel();
    this.timers.delete(groupId);
  }

  /** NONE, or why the group's members keep it from being removed; then the records that remove it, and it is gone from memory. */
  release(groupId: string): { readonly errorCode: number; readonly records: readonly CoordinatorRecord[] } {
    const group = this.groups.get(groupId);
    if (group === undefined) return { errorCode: ErrorCode.NONE, records: [] };
    if (group.members.size > 0) return { errorCode: ErrorCode.NON_EMPTY_GROUP, records: [] };
    this.forget(groupId);
    return { errorCode: ErrorCode.NONE, records: deleteRecordsOf(group).map(encodeConsumerGroupRecord) };
  }

  private deadlinesOf(groupId: string): Deadlines {
    let deadlines = this.deadlines.get(groupId);
    if (deadlines === undefined) {
      deadlines = { sessions: new Map(), revocations: new Map() };
      this.deadlines.set(groupId, deadlines);
    }
    return deadlines;
  }

  private startDeadlines(group: ConsumerGroup): void {
    this.deadlines.delete(group.groupId);
    for (const memberId of group.members.keys()) this.heard(group, memberId);
    this.followRevocations(group);
    this.arm(group);
  }

  private heard(group: ConsumerGroup, memberId: string): void {
    const { clock, limits } = this.parts;
    this.deadlinesOf(group.groupId).sessions.set(memberId, clock.monotonic() + limits.sessionTimeoutMs);
    this.arm(group);
  }

  private followRevocations(group: ConsumerGroup): void {
    const { sessions, revocations } = this.deadlinesOf(group.groupId);
    for (const memberId of [...sessions.keys()]) if (!group.members.has(memberId)) sessions.delete(memberId);
    for (const memberId of [...revocations.keys()]) if (!group.members.has(memberId)) revocations.delete(memberId);
    for (const { memberId, memberEpoch, state, rebalanceTimeoutMs } of group.members.values()) {
      const isRevoking = state === 'UnrevokedPartitions' && memberEpoch !== LEFT_FOR_A_WHILE_EPOCH;
      if (!isRevoking) revocations.delete(memberId);
      else if (revocations.get(memberId)?.memberEpoch !== memberEpoch) {
        const at = this.parts.clock.monotonic() + Math.max(0, rebalanceTimeoutMs);
        revocations.set(memberId, { at, memberEpoch });
      }
    }
  }

  private arm(group: ConsumerGroup): void {
    const { groupId } = group;
    const armed = this.timers.get(groupId);
    const { sessions, revocations } = this.deadlinesOf(groupId);
    let next = Number.POSITIVE_INFINITY;
    for (const at of sessions.values()) next = Math.min(next, at);
    for (const { at } of revocations.values()) next = Math.min(next, at);
    // A timer that fires early looks again: heartbeats move deadlines away all the time and leave the timer alone.
    if (this.closed || (armed !== undefined && armed.at <= next)) return;
    armed?.timer.cancel();
    this.timers.delete(groupId);
    if (next === Number.POSITIVE_INFINITY) return;
    const timer = this.parts.clock.setTimer(Math.max(0, next - this.parts.clock.monotonic()), () => {
      this.timers.delete(groupId);
      this.tick(groupId);
    });
    this.timers.set(groupId, { at: next, timer });
  }

  /** Members whose time is up are removed. */
  private tick(groupId: string): void {
    const group = this.groups.get(groupId);
    if (group === undefined || this.closed) return;
    const now = this.parts.clock.monotonic();
    const { sessions, revocations } = this.deadlinesOf(groupId);
    const late = [...group.members.keys()].filter(
      (memberId) => (sessions.get(memberId) ?? now) <= now || (revocations.get(memberId)?.at ?? now + 1) <= now,
    );
    if (late.length > 0) void this.store(group, removeMembers(group, late, this.environment(groupId)));
    this.arm(group);
  }
}

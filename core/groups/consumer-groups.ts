import type { Clock, Timer } from '../ports/clock.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { failedSync } from './classic-effects.ts';
import type { SyncResult } from './classic-group.ts';
import {
  type ClassicJoin,
  type ClassicJoinOutcome,
  classicAssignment,
  classicMember,
  hasToRejoin,
  joinAsClassic,
} from './classic-members.ts';
import type { LeavingMember, SyncEvent } from './classic-rebalance.ts';
import { ConsumerGroup, JOIN_EPOCH, LEAVE_EPOCH, LEFT_FOR_A_WHILE_EPOCH } from './consumer-group.ts';
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
import { metadataHashOf } from './target-assignment.ts';
import type { TopicsView } from './topic-partitions.ts';

/** What the consumer groups of a shard stand on. */
export interface ConsumerGroupsParts {
  readonly clock: Clock;
  limitsOf(groupId: string): ConsumerGroupLimits;
  readonly topics: TopicsView;
  /** Appends as one batch; resolves in the order of the calls with NONE once committed, or with a Kafka error code. */
  append(records: readonly CoordinatorRecord[]): Promise<number>;
  /** All records of consumer groups that are in the log, oldest first. */
  readAll(visit: (record: ConsumerGroupRecord) => void): void;
  /** Members are about to go. If only classic ones stay the group may become a classic one instead; null: it goes on as it is. */
  downgrade(group: ConsumerGroup, leaving: readonly string[]): Promise<number> | null;
}

interface Deadlines {
  /** By member: when it is taken for dead unless it is heard from. */
  readonly sessions: Map<string, number>;
  /** By member: until when it has to give up partitions, and the epoch that it is to leave. */
  readonly revocations: Map<string, { readonly at: number; readonly memberEpoch: number }>;
  /** By classic member: until when it has to join again, or to sync. */
  readonly classicSteps: Map<string, number>;
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
    const downgrade = request.memberEpoch === LEAVE_EPOCH ? this.parts.downgrade(group, [request.memberId]) : null;
    const committed = downgrade ?? this.store(group, outcome.records, makeRoom());
    if (request.memberEpoch >= JOIN_EPOCH) this.heard(group, outcome.answer.memberId);
    const errorCode = await committed;
    if (errorCode === ErrorCode.NONE) return outcome.answer;
    return { errorCode, errorMessage: 'The change of the group could not be stored.' };
  }

  private environment(groupId: string): ConsumerGroupEnvironment {
    const { limitsOf, topics, clock } = this.parts;
    const limits = limitsOf(groupId);
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
      deadlines = { sessions: new Map(), revocations: new Map(), classicSteps: new Map() };
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
    const { clock, limitsOf } = this.parts;
    const { classic } = group.members.get(memberId) ?? {};
    const sessionTimeoutMs = classic?.sessionTimeoutMs ?? limitsOf(group.groupId).sessionTimeoutMs;
    this.deadlinesOf(group.groupId).sessions.set(memberId, clock.monotonic() + sessionTimeoutMs);
    this.arm(group);
  }

  private followRevocations(group: ConsumerGroup): void {
    const deadlines = this.deadlinesOf(group.groupId);
    for (const each of [deadlines.sessions, deadlines.revocations, deadlines.classicSteps]) {
      for (const memberId of [...each.keys()]) if (!group.members.has(memberId)) each.delete(memberId);
    }
    const { revocations } = deadlines;
    for (const { memberId, memberEpoch, state, rebalanceTimeoutMs, classic } of group.members.values()) {
      const isRevoking = classic === null && state === 'UnrevokedPartitions' && memberEpoch !== LEFT_FOR_A_WHILE_EPOCH;
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
    const { sessions, revocations, classicSteps } = this.deadlinesOf(groupId);
    let next = Number.POSITIVE_INFINITY;
    for (const at of [...sessions.values(), ...classicSteps.values()]) next = Math.min(next, at);
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

  private remove(group: ConsumerGroup, memberIds: readonly string[]): void {
    if (this.parts.downgrade(group, memberIds) !== null) return;
    void this.store(group, removeMembers(group, memberIds, this.environment(group.groupId)));
  }

  /** A group that was a classic one: these records make it. */
  adopt(groupId: string, records: readonly ConsumerGroupRecord[], alongside: readonly CoordinatorRecord[]): void {
    const group = new ConsumerGroup(groupId);
    this.groups.set(groupId, group);
    void this.store(group, records, alongside);
    this.startDeadlines(group);
  }

  /** The group becomes a classic one: what removes it here, and it is gone from memory. */
  giveUp(group: ConsumerGroup): readonly CoordinatorRecord[] {
    this.forget(group.groupId);
    return deleteRecordsOf(group).map(encodeConsumerGroupRecord);
  }

  /** A member of the classic protocol joins the group, or joins again. */
  async joinAsClassic(groupId: string, event: ClassicJoin): Promise<ClassicJoinOutcome> {
    const group = this.groups.get(groupId)!;
    const env = this.environment(groupId);
    const outcome = joinAsClassic(group, event, env);
    if (outcome.kind === 'refused') return outcome;
    this.looked.set(groupId, env.metadataVersion);
    const committed = this.store(group, outcome.records);
    this.awaitStep(group, outcome.memberId, true);
    this.heard(group, outcome.memberId);
    const errorCode = await committed;
    return errorCode === ErrorCode.NONE ? outcome : { kind: 'refused', errorCode, memberId: outcome.memberId };
  }

  private awaitStep(group: ConsumerGroup, memberId: string, isNewStep: boolean): void {
    const { classicSteps } = this.deadlinesOf(group.groupId);
    if (!isNewStep && classicSteps.has(memberId)) return;
    const timeoutMs = Math.max(0, group.members.get(memberId)?.rebalanceTimeoutMs ?? 0);
    classicSteps.set(memberId, this.parts.clock.monotonic() + timeoutMs);
  }

  syncAsClassic(groupId: string, event: Omit<SyncEvent, 'reply' | 'assignments'>): SyncResult {
    const group = this.groups.get(groupId)!;
    const { errorCode, member } = classicMember(group, event.memberId, event.groupInstanceId, event.generationId);
    if (member === null) return failedSync(errorCode);
    const { protocolType, protocolName } = event;
    const isOther = protocolName !== null && protocolName !== member.classic!.protocols[0]?.name;
    if (isOther || (protocolType !== null && protocolType !== 'consumer')) {
      return failedSync(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    }
    // One that is to give up partitions learns from its assignment which ones.
    if (group.groupEpoch > member.memberEpoch && member.state !== 'UnrevokedPartitions') {
      this.awaitStep(group, member.memberId, false);
      this.arm(group);
      return failedSync(ErrorCode.REBALANCE_IN_PROGRESS);
    }
    this.deadlinesOf(groupId).classicSteps.delete(member.memberId);
    this.heard(group, member.memberId);
    const assignment = classicAssignment(member, this.parts.topics);
    return { errorCode: ErrorCode.NONE, protocolType, protocolName, assignment };
  }

  heartbeatAsClassic(
    groupId: string,
    speaker: { readonly memberId: string; readonly groupInstanceId: string | null; readonly generationId: number },
  ): number {
    const group = this.groups.get(groupId)!;
    const { memberId, groupInstanceId, generationId } = speaker;
    const { errorCode, member } = classicMember(group, memberId, groupInstanceId, generationId);
    if (member === null) return errorCode;
    const isStale = this.looked.get(groupId) !== this.metadataVersion;
    const mayHaveChanged =
      isStale && metadataHashOf(this.parts.topics, group.subscribedTopics()) !== group.metadataHash;
    const isRebalancing = mayHaveChanged || hasToRejoin(group, member);
    if (isRebalancing) this.awaitStep(group, memberId, false);
    this.heard(group, memberId);
    return isRebalancing ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
  }

  /** One error code for each leaving member. */
  leaveAsClassic(groupId: string, leaving: readonly LeavingMember[]): readonly number[] {
    const group = this.groups.get(groupId)!;
    const gone = new Set<string>();
    const errorCodes = leaving.map(({ memberId, groupInstanceId }) => {
      const member = groupInstanceId === null ? group.members.get(memberId) : group.staticMember(groupInstanceId);
      // Members of the other protocol leave by their own heartbeat.
      if (member === undefined || member.classic === null) return ErrorCode.UNKNOWN_MEMBER_ID;
      if (memberId !== '' && member.memberId !== memberId) return ErrorCode.FENCED_INSTANCE_ID;
      gone.add(member.memberId);
      return ErrorCode.NONE;
    });
    if (gone.size > 0) this.remove(group, [...gone]);
    return errorCodes;
  }

  /** Members whose time is up are removed. */
  private tick(groupId: string): void {
    const group = this.groups.get(groupId);
    if (group === undefined || this.closed) return;
    const now = this.parts.clock.monotonic();
    const { sessions, revocations, classicSteps } = this.deadlinesOf(groupId);
    const isDue = (at: number | undefined): boolean => at !== undefined && at <= now;
    const late = [...group.members.keys()].filter(
      (id) => isDue(sessions.get(id)) || isDue(revocations.get(id)?.at) || isDue(classicSteps.get(id)),
    );
    if (late.length > 0) this.remove(group, late);
    if (this.groups.get(groupId) === group) this.arm(group);
  }
}

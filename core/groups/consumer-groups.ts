import type { Clock } from '../ports/clock.ts';
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
import type { Append } from './coordinator-log.ts';
import { KeptGroups, type Room } from './kept-groups.ts';
import type { CoordinatorRecord } from './records.ts';
import { metadataHashOf } from './target-assignment.ts';
import type { TopicsView } from './topic-partitions.ts';

/** What the consumer groups of a shard stand on. */
export interface ConsumerGroupsParts {
  readonly clock: Clock;
  limitsOf(groupId: string): ConsumerGroupLimits;
  readonly topics: TopicsView;
  append(records: readonly CoordinatorRecord[]): Append;
  /** Members are about to go. If only classic ones stay the group may become a classic one instead; null: it goes on as it is. */
  downgrade(group: ConsumerGroup, leaving: readonly string[]): Append | null;
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
 * The consumer groups of one partition of `__consumer_offsets`: carries out what the pure functions of `consumer-heartbeat.ts` say. How they are stored and answered is
 * in `kept-groups.ts`.
 */
export class ConsumerGroups {
  private readonly parts: ConsumerGroupsParts;
  private readonly kept: KeptGroups<ConsumerGroup, ConsumerGroupRecord>;
  private readonly deadlines = new Map<string, Deadlines>();

  constructor(parts: ConsumerGroupsParts) {
    this.parts = parts;
    this.kept = new KeptGroups({
      clock: parts.clock,
      append: (records) => parts.append(records),
      encode: encodeConsumerGroupRecord,
      nextDeadline: (groupId) => this.nextDeadline(groupId),
      tick: (groupId) => this.tick(groupId),
    });
  }

  get groups(): Map<string, ConsumerGroup> {
    return this.kept.all;
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
    this.kept.close();
  }

  metadataChanged(): void {
    this.kept.metadataChanged();
  }

  /** `makeRoom` is called once the request is accepted: what it says is stored in the same batch. */
  async heartbeat(
    groupId: string,
    request: ConsumerHeartbeat,
    makeRoom: () => Room | null = () => null,
  ): Promise<HeartbeatAnswer | HeartbeatRefusal> {
    const group = this.groups.get(groupId) ?? new ConsumerGroup(groupId);
    const env = this.environment(groupId);
    const isStaying = request.memberEpoch >= JOIN_EPOCH;
    const outcome = isStaying ? heartbeat(group, request, env) : leaveGroup(group, request, env);
    if (outcome.kind === 'refused') return outcome.refusal;
    const downgrade = request.memberEpoch === LEAVE_EPOCH ? this.parts.downgrade(group, [request.memberId]) : null;
    const append = downgrade ?? this.store(group, outcome.records, makeRoom());
    if (append.refused === ErrorCode.NONE && isStaying) {
      this.kept.hasLooked(groupId);
      this.heard(group, outcome.answer.memberId);
    }
    const errorCode = await append.answer;
    if (errorCode === ErrorCode.NONE) return outcome.answer;
    return { errorCode, errorMessage: 'The change of the group could not be stored.' };
  }

  private environment(groupId: string): ConsumerGroupEnvironment {
    const { limitsOf, topics, clock } = this.parts;
    const limits = limitsOf(groupId);
    const { metadataVersion } = this.kept;
    const isMetadataStale = this.kept.isMetadataStale(groupId);
    return { limits, topics, metadataVersion, isMetadataStale, wallNowMs: clock.now() };
  }

  private store(group: ConsumerGroup, records: readonly ConsumerGroupRecord[], room: Room | null = null): Append {
    const append = this.kept.store(group, records, room);
    if (append.refused === ErrorCode.NONE && records.length > 0) this.followRevocations(group);
    return append;
  }

  /** NONE and the records that remove the group, or why its members keep it from being removed. Nothing changes before `removed` is called. */
  toRelease(groupId: string): { readonly errorCode: number; readonly records: readonly CoordinatorRecord[] } {
    const group = this.groups.get(groupId);
    if (group === undefined) return { errorCode: ErrorCode.NONE, records: [] };
    if (group.members.size > 0) return { errorCode: ErrorCode.NON_EMPTY_GROUP, records: [] };
    return { errorCode: ErrorCode.NONE, records: this.recordsToRemove(group) };
  }

  /** What removes the group from the log. */
  recordsToRemove(group: ConsumerGroup): readonly CoordinatorRecord[] {
    return deleteRecordsOf(group).map(encodeConsumerGroupRecord);
  }

  /** The log has taken the records that remove it. */
  removed(groupId: string): void {
    this.kept.forget(groupId);
    this.deadlines.delete(groupId);
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
    this.kept.arm(group.groupId);
  }

  private heard(group: ConsumerGroup, memberId: string): void {
    const { clock, limitsOf } = this.parts;
    const { classic } = group.members.get(memberId) ?? {};
    const sessionTimeoutMs = classic?.sessionTimeoutMs ?? limitsOf(group.groupId).sessionTimeoutMs;
    this.deadlinesOf(group.groupId).sessions.set(memberId, clock.monotonic() + sessionTimeoutMs);
    this.kept.arm(group.groupId);
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

  private nextDeadline(groupId: string): number {
    const { sessions, revocations, classicSteps } = this.deadlinesOf(groupId);
    let next = Number.POSITIVE_INFINITY;
    for (const at of [...sessions.values(), ...classicSteps.values()]) next = Math.min(next, at);
    for (const { at } of revocations.values()) next = Math.min(next, at);
    return next;
  }

  private remove(group: ConsumerGroup, memberIds: readonly string[]): Append {
    const downgrade = this.parts.downgrade(group, memberIds);
    return downgrade ?? this.store(group, removeMembers(group, memberIds, this.environment(group.groupId)));
  }

  /** A group that was a classic one, which makes room: these records make it. */
  adopt(groupId: string, records: readonly ConsumerGroupRecord[], room: Room): Append {
    const group = new ConsumerGroup(groupId);
    const append = this.store(group, records, room);
    if (append.refused === ErrorCode.NONE) this.startDeadlines(group);
    return append;
  }

  /** A member of the classic protocol joins the group, or joins again. */
  async joinAsClassic(groupId: string, event: ClassicJoin): Promise<ClassicJoinOutcome> {
    const group = this.groups.get(groupId)!;
    const env = this.environment(groupId);
    const outcome = joinAsClassic(group, event, env);
    if (outcome.kind === 'refused') return outcome;
    const append = this.store(group, outcome.records);
    if (append.refused === ErrorCode.NONE) {
      this.kept.hasLooked(groupId);
      this.awaitStep(group, outcome.memberId, true);
      this.heard(group, outcome.memberId);
    }
    const errorCode = await append.answer;
    return errorCode === ErrorCode.NONE ? outcome : { kind: 'refused', errorCode, memberId: outcome.memberId };
  }

  private awaitStep(group: ConsumerGroup, memberId: string, isNewStep: boolean): void {
    const { classicSteps } = this.deadlinesOf(group.groupId);
    if (!isNewStep && classicSteps.has(memberId)) return;
    const timeoutMs = Math.max(0, group.members.get(memberId)?.rebalanceTimeoutMs ?? 0);
    classicSteps.set(memberId, this.parts.clock.monotonic() + timeoutMs);
  }

  async syncAsClassic(groupId: string, event: Omit<SyncEvent, 'reply' | 'assignments'>): Promise<SyncResult> {
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
      this.kept.arm(group.groupId);
      return failedSync(ErrorCode.REBALANCE_IN_PROGRESS);
    }
    this.deadlinesOf(groupId).classicSteps.delete(member.memberId);
    this.heard(group, member.memberId);
    const assignment = classicAssignment(member, this.parts.topics);
    const stored = await this.store(group, []).answer;
    return stored === ErrorCode.NONE
      ? { errorCode: ErrorCode.NONE, protocolType, protocolName, assignment }
      : failedSync(stored);
  }

  heartbeatAsClassic(
    groupId: string,
    speaker: { readonly memberId: string; readonly groupInstanceId: string | null; readonly generationId: number },
  ): number {
    const group = this.groups.get(groupId)!;
    const { memberId, groupInstanceId, generationId } = speaker;
    const { errorCode, member } = classicMember(group, memberId, groupInstanceId, generationId);
    if (member === null) return errorCode;
    const mayHaveChanged =
      this.kept.isMetadataStale(groupId) &&
      metadataHashOf(this.parts.topics, group.subscribedTopics()) !== group.metadataHash;
    const isRebalancing = mayHaveChanged || hasToRejoin(group, member);
    if (isRebalancing) this.awaitStep(group, memberId, false);
    this.heard(group, memberId);
    return isRebalancing ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
  }

  /** One error code for each leaving member, once it is stored that they left. */
  async leaveAsClassic(
    groupId: string,
    leaving: readonly LeavingMember[],
  ): Promise<{ readonly errorCode: number; readonly memberErrorCodes: readonly number[] }> {
    const group = this.groups.get(groupId)!;
    const gone = new Set<string>();
    const memberErrorCodes = leaving.map(({ memberId, groupInstanceId }) => {
      const member = groupInstanceId === null ? group.members.get(memberId) : group.staticMember(groupInstanceId);
      // Members of the other protocol leave by their own heartbeat.
      if (member === undefined || member.classic === null) return ErrorCode.UNKNOWN_MEMBER_ID;
      if (memberId !== '' && member.memberId !== memberId) return ErrorCode.FENCED_INSTANCE_ID;
      gone.add(member.memberId);
      return ErrorCode.NONE;
    });
    const errorCode = gone.size === 0 ? ErrorCode.NONE : await this.remove(group, [...gone]).answer;
    return { errorCode, memberErrorCodes };
  }

  /** Members whose time is up are removed. */
  private tick(groupId: string): number {
    const group = this.groups.get(groupId)!;
    const now = this.parts.clock.monotonic();
    const { sessions, revocations, classicSteps } = this.deadlinesOf(groupId);
    const isDue = (at: number | undefined): boolean => at !== undefined && at <= now;
    const late = [...group.members.keys()].filter(
      (id) => isDue(sessions.get(id)) || isDue(revocations.get(id)?.at) || isDue(classicSteps.get(id)),
    );
    return late.length === 0 ? ErrorCode.NONE : this.remove(group, late).refused;
  }
}

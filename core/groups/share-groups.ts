import type { Clock, Timer } from '../ports/clock.ts';
import { ErrorCode } from '../protocol/errors.ts';
import type { HeartbeatRefusal } from './consumer-heartbeat.ts';
import type { GroupConfigLookup } from './group-config.ts';
import type { CoordinatorRecord } from './records.ts';
import { JOIN_EPOCH, ShareGroup, type SharePartitions } from './share-group.ts';
import { encodeShareGroupRecord, type ShareGroupRecord } from './share-group-records.ts';
import {
  leaveShareGroup,
  removeShareMembers,
  type ShareGroupEnvironment,
  type ShareGroupLimits,
  type ShareHeartbeat,
  type ShareHeartbeatAnswer,
  shareDeleteRecordsOf,
  shareHeartbeat,
} from './share-heartbeat.ts';
import { deletingAll, flat, initialized, initializingFailed, topicGone } from './share-partition-states.ts';
import { partitionAnswers, type ShareStateKeeper, UNINITIALIZED_OFFSET } from './share-state-keeper.ts';
import type { TopicPartitions, TopicsView } from './topic-partitions.ts';

/** What the share groups of a shard stand on. */
export interface ShareGroupsParts {
  readonly clock: Clock;
  readonly limits: ShareGroupLimits;
  readonly configOf: GroupConfigLookup;
  readonly topics: TopicsView;
  readonly keeper: ShareStateKeeper;
  /** Appends as one batch; resolves in the order of the calls with NONE once committed, or with a Kafka error code. */
  append(records: readonly CoordinatorRecord[]): Promise<number>;
  /** All records of share groups that are in the log, oldest first. */
  readAll(visit: (record: ShareGroupRecord) => void): void;
}

/** Of what was read from the log nobody is at work any more: initializing that was begun then is begun again at once. */
const LONG_AGO_MS = 0;

/**
 * The share groups of one partition of `__consumer_offsets`: carries out what the pure functions of `share-heartbeat.ts` and `share-partition-states.ts` say.
 *
 * Invariant: records are replayed in the order that they are appended in, at once, so that the next request is decided on them; nobody is told before
 * they are committed. If that fails, the group is built again from what the log holds. The keeper of states is called only after what it is asked for was stored.
 */
export class ShareGroups {
  readonly groups = new Map<string, ShareGroup>();
  readonly topics: TopicsView;
  readonly keeper: ShareStateKeeper;
  private readonly parts: ShareGroupsParts;
  /** By group and member: when it is taken for dead unless it is heard from. */
  private readonly sessions = new Map<string, Map<string, number>>();
  private readonly timers = new Map<string, { readonly at: number; readonly timer: Timer }>();
  /** At which metadata the group last looked at its topics. */
  private readonly looked = new Map<string, number>();
  private metadataVersion = 1;
  private closed = false;

  constructor(parts: ShareGroupsParts) {
    this.parts = parts;
    this.topics = parts.topics;
    this.keeper = parts.keeper;
  }

  /** While the log is read. */
  restore(record: ShareGroupRecord): void {
    const { groupId, value } = record;
    if (record.type === 'shareGroup' && value === null) {
      this.groups.delete(groupId);
      return;
    }
    let group = this.groups.get(groupId);
    if (group === undefined) {
      if (value === null) return;
      this.groups.set(groupId, (group = new ShareGroup(groupId)));
    }
    group.replay(record, LONG_AGO_MS);
  }

  /** After the log was read: members get a whole session to be heard from. */
  restored(): void {
    for (const group of this.groups.values()) this.startSessions(group);
  }

  close(): void {
    this.closed = true;
    for (const { timer } of this.timers.values()) timer.cancel();
    this.timers.clear();
  }

  metadataChanged(): void {
    this.metadataVersion++;
  }

  nowMs(): number {
    return this.parts.clock.now();
  }

  async heartbeat(groupId: string, request: ShareHeartbeat): Promise<ShareHeartbeatAnswer | HeartbeatRefusal> {
    const group = this.groups.get(groupId) ?? new ShareGroup(groupId);
    const env = this.environment(groupId);
    const isStaying = request.memberEpoch >= JOIN_EPOCH;
    const outcome = isStaying ? shareHeartbeat(group, request, env) : leaveShareGroup(group, request, env);
    if (outcome.kind === 'refused') return outcome.refusal;
    if (isStaying) this.looked.set(groupId, this.metadataVersion);
    const committed = this.store(group, outcome.records);
    if (isStaying) this.heard(group, request.memberId);
    const { groupEpoch } = group;
    const errorCode = await committed;
    if (errorCode !== ErrorCode.NONE) {
      return { errorCode, errorMessage: 'The change of the group could not be stored.' };
    }
    if (outcome.toInitialize.size > 0) void this.initialize(group, outcome.toInitialize, groupEpoch);
    return outcome.answer;
  }

  /** The answer to a heartbeat does not wait for it: a later one finds the partitions. */
  private async initialize(
    group: ShareGroup,
    wanted: ReadonlyMap<string, SharePartitions>,
    stateEpoch: number,
  ): Promise<void> {
    const partitions = flat(wanted).map((each) => ({ ...each, stateEpoch, startOffset: UNINITIALIZED_OFFSET }));
    const answers = await this.keeper.initializeState(group.groupId, partitions);
    if (!this.isCurrent(group)) return;
    const { done, failed } = partitionAnswers(answers);
    if (done.size > 0) await this.markInitialized(group, done);
    if (failed.size === 0 || !this.isCurrent(group)) return;
    const record = initializingFailed(group, failed);
    if (record !== null) await this.store(group, [record]);
  }

  markInitialized(group: ShareGroup, done: TopicPartitions): Promise<number> {
    return this.store(group, [initialized(group, done, this.topics)]);
  }

  /** False for a group that was deleted, or built again, or whose shard has moved away, while somebody waited. */
  isCurrent(group: ShareGroup): boolean {
    return !this.closed && this.groups.get(group.groupId) === group;
  }

  private environment(groupId: string): ShareGroupEnvironment {
    const { limits, topics, clock, configOf } = this.parts;
    const { shareHeartbeatIntervalMs, shareAssignmentIntervalMs } = configOf(groupId);
    return {
      limits,
      topics,
      heartbeatIntervalMs: shareHeartbeatIntervalMs,
      assignmentIntervalMs: shareAssignmentIntervalMs,
      isMetadataStale: this.looked.get(groupId) !== this.metadataVersion,
      wallNowMs: clock.now(),
    };
  }

  /** Replays the records of a group, which is made by them if it is new, and stores them. */
  async store(group: ShareGroup, records: readonly ShareGroupRecord[]): Promise<number> {
    if (records.length === 0) return ErrorCode.NONE;
    this.groups.set(group.groupId, group);
    for (const record of records) group.replay(record, this.nowMs());
    this.dropSessionsOfGone(group);
    const errorCode = await this.parts.append(records.map(encodeShareGroupRecord));
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
    else this.startSessions(group);
  }

  private forget(groupId: string): void {
    this.groups.delete(groupId);
    this.sessions.delete(groupId);
    this.looked.delete(groupId);
    this.timers.get(groupId)?.timer.cancel();
    this.timers.delete(groupId);
  }

  /** The empty group goes, after its states. */
  async deleteGroup(groupId: string): Promise<number> {
    const group = this.groups.get(groupId);
    if (group === undefined) return ErrorCode.GROUP_ID_NOT_FOUND;
    if (group.members.size > 0) return ErrorCode.NON_EMPTY_GROUP;
    const deleting = deletingAll(group, this.topics);
    if (deleting !== null) {
      const stored = await this.store(group, [deleting.record]);
      if (stored !== ErrorCode.NONE) return stored;
      const { partitions } = deleting;
      const answers = partitions.length === 0 ? [] : await this.keeper.deleteState(groupId, partitions);
      const failed = answers.find(({ errorCode }) => errorCode !== ErrorCode.NONE);
      if (failed !== undefined) return failed.errorCode;
      if (!this.isCurrent(group)) return this.closed ? ErrorCode.NOT_COORDINATOR : ErrorCode.GROUP_ID_NOT_FOUND;
      // Somebody may have joined meanwhile.
      if (group.members.size > 0) return ErrorCode.NON_EMPTY_GROUP;
    }
    this.forget(groupId);
    const errorCode = await this.parts.append(shareDeleteRecordsOf(group).map(encodeShareGroupRecord));
    if (errorCode !== ErrorCode.NONE && !this.closed) this.rebuild(groupId);
    return errorCode;
  }

  async topicDeleted(topicId: string): Promise<void> {
    for (const group of [...this.groups.values()]) {
      const record = this.isCurrent(group) ? topicGone(group, topicId) : null;
      if (record !== null) await this.store(group, [record]);
    }
  }

  private startSessions(group: ShareGroup): void {
    this.sessions.delete(group.groupId);
    for (const memberId of group.members.keys()) this.heard(group, memberId);
  }

  private heard(group: ShareGroup, memberId: string): void {
    const { groupId } = group;
    let sessions = this.sessions.get(groupId);
    if (sessions === undefined) this.sessions.set(groupId, (sessions = new Map()));
    sessions.set(memberId, this.parts.clock.monotonic() + this.parts.configOf(groupId).shareSessionTimeoutMs);
    this.arm(groupId);
  }

  private dropSessionsOfGone(group: ShareGroup): void {
    const sessions = this.sessions.get(group.groupId);
    if (sessions === undefined) return;
    for (const memberId of [...sessions.keys()]) if (!group.members.has(memberId)) sessions.delete(memberId);
  }

  private arm(groupId: string): void {
    const armed = this.timers.get(groupId);
    const next = Math.min(Number.POSITIVE_INFINITY, ...(this.sessions.get(groupId)?.values() ?? []));
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
    const late = [...(this.sessions.get(groupId) ?? [])].filter(([, at]) => at <= now).map(([memberId]) => memberId);
    if (late.length > 0) void this.store(group, removeShareMembers(group, late, this.environment(groupId)));
    if (this.groups.get(groupId) === group) this.arm(groupId);
  }
}

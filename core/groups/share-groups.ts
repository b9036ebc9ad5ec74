import type { Clock } from '../ports/clock.ts';
import { ErrorCode } from '../protocol/errors.ts';
import type { HeartbeatRefusal } from './consumer-heartbeat.ts';
import type { Append } from './coordinator-log.ts';
import type { GroupConfigLookup } from './group-config.ts';
import { KeptGroups } from './kept-groups.ts';
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
  append(records: readonly CoordinatorRecord[]): Append;
}

/** Of what was read from the log nobody is at work any more: initializing that was begun then is begun again at once. */
const LONG_AGO_MS = 0;

/**
 * The share groups of one partition of `__consumer_offsets`: carries out what the pure functions of `share-heartbeat.ts` and `share-partition-states.ts` say.
 *
 * How they are stored and answered is in `kept-groups.ts`. Invariant: the keeper of states is called only after what it is asked for was stored.
 */
export class ShareGroups {
  readonly topics: TopicsView;
  readonly keeper: ShareStateKeeper;
  private readonly parts: ShareGroupsParts;
  /** By group and member: when it is taken for dead unless it is heard from. */
  private readonly sessions = new Map<string, Map<string, number>>();
  private readonly kept: KeptGroups<ShareGroup, ShareGroupRecord>;

  constructor(parts: ShareGroupsParts) {
    this.parts = parts;
    this.topics = parts.topics;
    this.keeper = parts.keeper;
    this.kept = new KeptGroups({
      clock: parts.clock,
      append: (records) => parts.append(records),
      encode: encodeShareGroupRecord,
      nextDeadline: (groupId) => Math.min(Number.POSITIVE_INFINITY, ...(this.sessions.get(groupId)?.values() ?? [])),
      tick: (groupId) => this.tick(groupId),
    });
  }

  get groups(): Map<string, ShareGroup> {
    return this.kept.all;
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
    this.kept.close();
  }

  metadataChanged(): void {
    this.kept.metadataChanged();
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
    const append = this.append(group, outcome.records);
    if (append.refused === ErrorCode.NONE && isStaying) {
      this.kept.hasLooked(groupId);
      this.heard(group, request.memberId);
    }
    const { groupEpoch } = group;
    if (outcome.toInitialize.size > 0) {
      void append.committed.then((errorCode) => {
        if (errorCode === ErrorCode.NONE && this.isCurrent(group))
          void this.initialize(group, outcome.toInitialize, groupEpoch);
      });
    }
    const errorCode = await append.answer;
    if (errorCode === ErrorCode.NONE) return outcome.answer;
    return { errorCode, errorMessage: 'The change of the group could not be stored.' };
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

  /** False for a group that was deleted, or whose shard has moved away, while somebody waited. */
  isCurrent(group: ShareGroup): boolean {
    return this.kept.isCurrent(group);
  }

  private environment(groupId: string): ShareGroupEnvironment {
    const { limits, topics, clock, configOf } = this.parts;
    const { shareHeartbeatIntervalMs, shareAssignmentIntervalMs } = configOf(groupId);
    return {
      limits,
      topics,
      heartbeatIntervalMs: shareHeartbeatIntervalMs,
      assignmentIntervalMs: shareAssignmentIntervalMs,
      isMetadataStale: this.kept.isMetadataStale(groupId),
      wallNowMs: clock.now(),
    };
  }

  /** Stores the records of a group, which is made by them if it is new. Resolves with NONE once they are committed, or with a Kafka error code. */
  store(group: ShareGroup, records: readonly ShareGroupRecord[]): Promise<number> {
    return this.append(group, records).answer;
  }

  private append(group: ShareGroup, records: readonly ShareGroupRecord[]): Append {
    const append = this.kept.store(group, records);
    if (append.refused === ErrorCode.NONE) this.dropSessionsOfGone(group);
    return append;
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
      if (!this.isCurrent(group)) return this.kept.isClosed ? ErrorCode.NOT_COORDINATOR : ErrorCode.GROUP_ID_NOT_FOUND;
      // Somebody may have joined meanwhile.
      if (group.members.size > 0) return ErrorCode.NON_EMPTY_GROUP;
    }
    const append = this.kept.remove(group, shareDeleteRecordsOf(group).map(encodeShareGroupRecord));
    if (append.refused === ErrorCode.NONE) this.sessions.delete(groupId);
    return append.answer;
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
    this.kept.arm(groupId);
  }

  private dropSessionsOfGone(group: ShareGroup): void {
    const sessions = this.sessions.get(group.groupId);
    if (sessions === undefined) return;
    for (const memberId of [...sessions.keys()]) if (!group.members.has(memberId)) sessions.delete(memberId);
  }

  /** Members whose time is up are removed. */
  private tick(groupId: string): number {
    const group = this.groups.get(groupId)!;
    const now = this.parts.clock.monotonic();
    const late = [...(this.sessions.get(groupId) ?? [])].filter(([, at]) => at <= now).map(([memberId]) => memberId);
    if (late.length === 0) return ErrorCode.NONE;
    return this.append(group, removeShareMembers(group, late, this.environment(groupId))).refused;
  }
}

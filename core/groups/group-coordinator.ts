import type { Clock, Timer } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import { ErrorCode, errorOf } from '../protocol/errors.ts';
import { failedJoin, failedSync, type RebalanceLimits } from './classic-effects.ts';
import type { ClassicGroup, JoinResult, SyncResult } from './classic-group.ts';
import { type JoinEvent, join } from './classic-join.ts';
import type { ClassicJoinOutcome } from './classic-members.ts';
import { heartbeat, type LeavingMember, leave, type SyncEvent, sync } from './classic-rebalance.ts';
import { type ConsumerGroupDescription, describe, failedDescription } from './consumer-description.ts';
import { JOIN_EPOCH } from './consumer-group.ts';
import {
  type ConsumerGroupLimits,
  type ConsumerHeartbeat,
  type HeartbeatAnswer,
  type HeartbeatRefusal,
  validateHeartbeat,
} from './consumer-heartbeat.ts';
import type { CoordinatorLog } from './coordinator-log.ts';
import { CoordinatorShards } from './coordinator-shards.ts';
import type { GroupConfigLookup } from './group-config.ts';
import { type GroupKind, GroupShard } from './group-shard.ts';
import { type MemberIdentity, OffsetCalls } from './offset-calls.ts';
import { ShareGroupCalls } from './share-group-calls.ts';
import type { ShareGroupLimits } from './share-heartbeat.ts';
import type { ShareStateKeeper } from './share-state-keeper.ts';
import type { TopicsView } from './topic-partitions.ts';

/**
 * The group coordinator of one broker: finds the shard of a group, checks what holds for every group, and asks the pure functions.
 * The handlers of `broker/` translate between the versions of the wire and these calls.
 *
 * A group lives in partition `hash(group id) mod partitions` of `__consumer_offsets`, with Java's string hash, as Kafka places it.
 * Bytes that are handed in are copied where they are kept: the caller's frame may be reused.
 */
export interface GroupCoordinatorConfig extends RebalanceLimits {
  /** How many partitions `__consumer_offsets` has, or is to have (offsets.topic.num.partitions). */
  readonly offsetsPartitions: () => number;
  /** offset.metadata.max.bytes */
  readonly offsetMetadataLengthMax: number;
  /** offsets.retention.minutes, in ms */
  readonly offsetsRetentionMs: number;
  /** offsets.retention.check.interval.ms */
  readonly offsetsRetentionCheckIntervalMs: number;
  /** Of the groups of the consumer protocol; times are those of groups that set none of their own. */
  readonly consumer: ConsumerGroupLimits;
  readonly share: ShareGroupLimits;
}

export interface GroupDescription {
  /** NONE, or NOT_COORDINATOR, INVALID_GROUP_ID, GROUP_ID_NOT_FOUND. */
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly groupId: string;
  readonly state: string;
  readonly protocolType: string;
  readonly protocolName: string;
  readonly members: readonly {
    readonly memberId: string;
    readonly groupInstanceId: string | null;
    readonly clientId: string;
    readonly clientHost: string;
    readonly metadata: Buffer;
    readonly assignment: Buffer;
  }[];
}

export interface LeaveOutcome {
  readonly errorCode: number;
  readonly memberErrorCodes: readonly number[];
}

export interface GroupListing {
  readonly groupId: string;
  readonly protocolType: string;
  readonly state: string;
  readonly type: GroupKind;
}

/** By Java's String.hashCode, without its sign as Kafka's Utils.abs takes it away: −2^31, which has no counterpart, becomes 0. */
export function groupPartition(groupId: string, partitions: number): number {
  let hash = 0;
  for (let i = 0; i < groupId.length; i++) hash = (Math.imul(hash, 31) + groupId.charCodeAt(i)) | 0;
  return (hash === -(2 ** 31) ? 0 : Math.abs(hash)) % partitions;
}

export class GroupCoordinator {
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly config: GroupCoordinatorConfig;
  private readonly topics: TopicsView;
  private readonly configOf: GroupConfigLookup;
  private readonly shareStates: ShareStateKeeper;
  /** Committed offsets. */
  readonly offsets: OffsetCalls;
  readonly shares: ShareGroupCalls;
  private readonly shards: CoordinatorShards<GroupShard>;
  private expiry: Timer | null = null;
  private closed = false;

  constructor(options: {
    readonly clock: Clock;
    readonly random: Random;
    readonly config: GroupCoordinatorConfig;
    readonly topics: TopicsView;
    readonly configOf: GroupConfigLookup;
    /** Who keeps the states of share partitions. */
    readonly shareStates: ShareStateKeeper;
    readonly onProblem?: (message: string) => void;
  }) {
    this.clock = options.clock;
    this.random = options.random;
    this.config = options.config;
    this.topics = options.topics;
    this.configOf = options.configOf;
    this.shareStates = options.shareStates;
    this.shards = new CoordinatorShards(options.onProblem ?? failLoudly);
    const shardOf = (groupId: string): GroupShard | number => this.shardOf(groupId);
    const metadataLengthMax = this.config.offsetMetadataLengthMax;
    this.offsets = new OffsetCalls({ clock: this.clock, topics: this.topics, metadataLengthMax, shardOf });
    this.shares = new ShareGroupCalls(shardOf);
    this.armExpiry();
  }

  /** This broker leads the partition: its groups are loaded, and served from then on. Once more in the same epoch changes nothing. */
  elected(partition: number, leaderEpoch: number, openLog: () => CoordinatorLog): void {
    const { config, clock, topics, configOf, shareStates } = this;
    const { consumer, share } = config;
    this.shards.elected(
      partition,
      leaderEpoch,
      openLog,
      (log) => new GroupShard(log, { clock, classic: config, consumer, share, configOf, topics, shareStates }),
    );
  }

  /** It does not lead it any more: whoever is parked is told NOT_COORDINATOR. */
  resigned(partition: number): void {
    this.shards.resigned(partition);
  }

  close(): void {
    this.closed = true;
    this.expiry?.cancel();
    this.shards.close();
  }

  partitionOf(groupId: string): number {
    return groupPartition(groupId, this.config.offsetsPartitions());
  }

  /** NOT_COORDINATOR, or COORDINATOR_LOAD_IN_PROGRESS, where there is none. */
  private shardOf(groupId: string): GroupShard | number {
    return this.shards.find(this.partitionOf(groupId));
  }

  private armExpiry(): void {
    this.expiry = this.clock.setTimer(this.config.offsetsRetentionCheckIntervalMs, () => {
      void this.expireOffsets().then(() => {
        if (!this.closed) this.armExpiry();
      });
    });
  }

  async expireOffsets(): Promise<void> {
    for (const shard of this.shards.loaded()) await shard.expire(this.config.offsetsRetentionMs);
  }

  joinGroup(
    groupId: string,
    request: Omit<JoinEvent, 'reply' | 'newMemberId' | 'protocols'> & {
      readonly protocols: readonly { name: string; metadata: Uint8Array }[];
    },
  ): Promise<JoinResult> {
    return new Promise((reply) => {
      const refuse = (errorCode: number): void => reply(failedJoin(errorCode, request.memberId));
      if (groupId === '') return refuse(ErrorCode.INVALID_GROUP_ID);
      const { sessionTimeoutMs } = request;
      if (sessionTimeoutMs < this.config.sessionTimeoutMinMs || sessionTimeoutMs > this.config.sessionTimeoutMaxMs) {
        return refuse(ErrorCode.INVALID_SESSION_TIMEOUT);
      }
      const shard = this.shardOf(groupId);
      if (typeof shard === 'number') return refuse(shard);
      if (shard.shares.groups.has(groupId)) {
        return reply(failedJoin(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, ''));
      }
      const protocols = request.protocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) }));
      const newMemberId = `${request.groupInstanceId ?? request.clientId}-${this.newUuid()}`;
      const released = shard.releaseConsumerGroup(groupId);
      if (released === ErrorCode.NON_EMPTY_GROUP) {
        const joined = shard.consumers.joinAsClassic(groupId, { ...request, protocols, newMemberId });
        return void joined.then((outcome) => reply(joinResultOf(outcome)));
      }
      if (released !== ErrorCode.NONE) return refuse(released);
      const known = shard.groups.get(groupId);
      if (known === undefined && request.memberId !== '') return refuse(ErrorCode.UNKNOWN_MEMBER_ID);
      const group = known ?? shard.getOrCreate(groupId);
      const event: JoinEvent = { ...request, protocols, newMemberId, reply };
      shard.carryOut(group, join(group, event, this.config, shard.now()));
    });
  }

  private newUuid(): string {
    const hex = this.random.uuid().toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  syncGroup(
    groupId: string,
    request: Omit<SyncEvent, 'reply' | 'assignments'> & {
      readonly assignments: readonly { memberId: string; assignment: Uint8Array }[];
    },
  ): Promise<SyncResult> {
    return new Promise((reply) => {
      if (groupId === '') return reply(failedSync(ErrorCode.INVALID_GROUP_ID));
      const shard = this.shardOf(groupId);
      if (typeof shard === 'number') return reply(failedSync(shard));
      if (shard.consumers.groups.has(groupId)) return void shard.consumers.syncAsClassic(groupId, request).then(reply);
      const group = shard.groups.get(groupId);
      if (group === undefined) return reply(failedSync(ErrorCode.UNKNOWN_MEMBER_ID));
      const assignments = new Map(
        request.assignments.map(({ memberId, assignment }) => [memberId, Buffer.from(assignment)]),
      );
      shard.carryOut(group, sync(group, { ...request, assignments, reply }, this.config, shard.now()));
    });
  }

  heartbeat(groupId: string, member: MemberIdentity): number {
    if (groupId === '') return ErrorCode.INVALID_GROUP_ID;
    const shard = this.shardOf(groupId);
    // As in Kafka: while the group is loaded its members are believed, so that they do not leave it.
    if (shard === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS) return ErrorCode.NONE;
    if (typeof shard === 'number') return shard;
    if (shard.consumers.groups.has(groupId)) return shard.consumers.heartbeatAsClassic(groupId, member);
    const group = shard.groups.get(groupId);
    if (group === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    return heartbeat(group, member.memberId, member.groupInstanceId, member.generationId, shard.now());
  }

  /** A code for the whole request and, when that is NONE, one for each member. */
  leaveGroup(groupId: string, members: readonly LeavingMember[]): LeaveOutcome | Promise<LeaveOutcome> {
    if (groupId === '') return { errorCode: ErrorCode.INVALID_GROUP_ID, memberErrorCodes: [] };
    const shard = this.shardOf(groupId);
    if (typeof shard === 'number') return { errorCode: shard, memberErrorCodes: [] };
    if (shard.consumers.groups.has(groupId)) return shard.consumers.leaveAsClassic(groupId, members);
    const group = shard.groups.get(groupId);
    if (group === undefined || group.state === 'Dead') {
      return { errorCode: ErrorCode.NONE, memberErrorCodes: members.map(() => ErrorCode.UNKNOWN_MEMBER_ID) };
    }
    const { errorCodes, effects } = leave(group, members, this.config, shard.now());
    shard.carryOut(group, effects);
    return { errorCode: ErrorCode.NONE, memberErrorCodes: errorCodes };
  }

  /** A member of the consumer protocol joins, is there, or leaves (KIP-848). */
  consumerGroupHeartbeat(
    groupId: string,
    request: ConsumerHeartbeat,
  ): HeartbeatRefusal | Promise<HeartbeatAnswer | HeartbeatRefusal> {
    const invalid = validateHeartbeat(groupId, request, this.config.consumer);
    if (invalid !== null) return invalid.refusal;
    const shard = this.shardOf(groupId);
    if (typeof shard === 'number') return { errorCode: shard, errorMessage: errorOf(shard).message };
    const isJoin = request.memberEpoch === JOIN_EPOCH;
    let errorCode: number = ErrorCode.NONE;
    if (!shard.consumers.groups.has(groupId)) {
      if (!isJoin) errorCode = ErrorCode.GROUP_ID_NOT_FOUND;
      else if (!shard.isFreeForConsumers(groupId)) errorCode = shard.upgrade(groupId);
    }
    if (errorCode !== ErrorCode.NONE && errorCode !== ErrorCode.GROUP_ID_NOT_FOUND) {
      return { errorCode, errorMessage: 'The change of the group could not be stored.' };
    }
    if (errorCode !== ErrorCode.NONE) {
      const isOther = shard.kindOf(groupId) !== null;
      const errorMessage = isOther ? `Group ${groupId} is not a consumer group.` : `Group ${groupId} not found.`;
      return { errorCode: ErrorCode.GROUP_ID_NOT_FOUND, errorMessage };
    }
    const memberId = request.memberId === '' ? this.random.uuid().toString('base64url') : request.memberId;
    return shard.consumers.heartbeat(groupId, { ...request, memberId }, () => shard.releaseClassicGroup(groupId));
  }

  describeConsumerGroup(groupId: string): ConsumerGroupDescription {
    if (groupId === '') return failedDescription(groupId, ErrorCode.INVALID_GROUP_ID, null);
    const shard = this.shardOf(groupId);
    if (typeof shard === 'number') return failedDescription(groupId, shard, null);
    const group = shard.consumers.groups.get(groupId);
    if (group !== undefined) return describe(group, this.topics, this.config.consumer.assignors[0] ?? '');
    const isOther = shard.kindOf(groupId) !== null;
    const errorMessage = isOther ? `Group ${groupId} is not a consumer group.` : `Group ${groupId} not found.`;
    return failedDescription(groupId, ErrorCode.GROUP_ID_NOT_FOUND, errorMessage);
  }

  /** Topics came, went or grew: consumer groups look at theirs with the next heartbeat. */
  metadataChanged(): void {
    for (const { consumers, shares } of this.shards.loaded()) {
      consumers.metadataChanged();
      shares.metadataChanged();
    }
  }

  /** A transaction marker stands in the partition of `__consumer_offsets`. */
  endTransaction(partition: number, producerId: number, isCommit: boolean): void {
    const shard = this.shards.find(partition);
    // One that is loading finds the marker in its log.
    if (typeof shard !== 'number') shard.endTransaction(producerId, isCommit);
  }

  async deleteGroup(groupId: string): Promise<number> {
    const shard = this.shardOf(groupId);
    return typeof shard === 'number' ? shard : shard.deleteGroup(groupId);
  }

  /** The topic is gone: so are the offsets committed for it, and its share partitions. */
  async topicDeleted(topic: string, topicId: string): Promise<void> {
    for (const shard of this.shards.loaded()) {
      await shard.shares.topicDeleted(topicId);
      for (const groupId of [...shard.offsets.groupIds()]) {
        await shard.removeOffsets(
          groupId,
          [...shard.offsets.offsetsOf(groupId)].filter((each) => each.topic === topic),
        );
      }
    }
  }

  describeGroup(groupId: string): GroupDescription {
    const dead = (errorCode: number, errorMessage: string | null = null): GroupDescription => ({
      errorCode,
      errorMessage,
      groupId,
      state: errorCode === ErrorCode.GROUP_ID_NOT_FOUND ? 'Dead' : '',
      protocolType: '',
      protocolName: '',
      members: [],
    });
    const shard = this.shardOf(groupId);
    if (typeof shard === 'number') return dead(shard);
    const group = shard.groups.get(groupId);
    if (group === undefined || group.state === 'Dead') {
      const kind = shard.kindOf(groupId);
      const isOther = kind !== null && kind !== 'classic';
      return dead(
        ErrorCode.GROUP_ID_NOT_FOUND,
        `Group ${groupId} ${isOther ? 'is not a classic group' : 'not found'}.`,
      );
    }
    const isStable = group.state === 'Stable';
    return {
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      groupId,
      state: group.state,
      protocolType: group.protocolType ?? '',
      protocolName: isStable ? (group.protocolName ?? '') : '',
      members: [...group.members.values()].map((member) => ({
        memberId: member.memberId,
        groupInstanceId: member.groupInstanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        metadata: isStable ? group.metadataOf(member, group.protocolName) : Buffer.alloc(0),
        assignment: isStable ? member.assignment : Buffer.alloc(0),
      })),
    };
  }

  /** COORDINATOR_LOAD_IN_PROGRESS while some of them are not known yet. */
  listGroups(): { readonly errorCode: number; readonly groups: readonly GroupListing[] } {
    if (this.shards.isLoading) return { errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, groups: [] };
    const listings: GroupListing[] = [];
    const add = (group: ClassicGroup): void => {
      listings.push({
        groupId: group.groupId,
        protocolType: group.protocolType ?? '',
        state: group.state,
        type: 'classic',
      });
    };
    for (const shard of this.shards.loaded()) {
      for (const group of shard.groups.values()) add(group);
      for (const { groupId, state } of shard.consumers.groups.values()) {
        listings.push({ groupId, protocolType: 'consumer', state, type: 'consumer' });
      }
      for (const { groupId, state } of shard.shares.groups.values()) {
        listings.push({ groupId, protocolType: 'share', state, type: 'share' });
      }
    }
    return { errorCode: ErrorCode.NONE, groups: listings };
  }
}

function joinResultOf(outcome: ClassicJoinOutcome): JoinResult {
  if (outcome.kind === 'refused') return failedJoin(outcome.errorCode, outcome.memberId);
  const { memberId, generationId, protocolName } = outcome;
  // Nobody leads: the coordinator assigns.
  const none = { leader: '', skipAssignment: false, members: [] };
  return { errorCode: ErrorCode.NONE, memberId, generationId, protocolType: 'consumer', protocolName, ...none };
}

function failLoudly(message: string): never {
  throw new Error(message);
}

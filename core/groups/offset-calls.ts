import type { Clock } from '../ports/clock.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { touch } from './classic-rebalance.ts';
import {
  validateConsumerCommit,
  validateConsumerFetch,
  validateConsumerTransactionalCommit,
} from './consumer-offsets.ts';
import type { TransactionalProducer } from './coordinator-log.ts';
import type { GroupShard } from './group-shard.ts';
import { validateCommit, validateTransactionalCommit } from './offset-store.ts';
import type { CommittedOffset } from './records.ts';
import type { TopicsView } from './topic-partitions.ts';

/**
 * The calls that handlers make on committed offsets, whichever kind of group has them: finds the shard, asks whether the group allows it. Share groups have
 * no committed offsets: to commit is refused, to ask finds nothing.
 */
export interface MemberIdentity {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly generationId: number;
}

export interface OffsetToCommit {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string;
}

export interface OffsetView {
  get(topic: string, partition: number): CommittedOffset | undefined;
  /** An open transaction holds a newer offset. */
  isUnstable(topic: string, partition: number): boolean;
  all(): { readonly topic: string; readonly partition: number; readonly value: CommittedOffset }[];
}

const NO_OFFSETS: OffsetView = { get: () => undefined, isUnstable: () => false, all: () => [] };

export class OffsetCalls {
  private readonly clock: Clock;
  private readonly topics: TopicsView;
  /** offset.metadata.max.bytes, which Kafka holds against characters, of UTF-16. */
  private readonly metadataLengthMax: number;
  private readonly shardOf: (groupId: string) => GroupShard | number;

  constructor(parts: {
    readonly clock: Clock;
    readonly topics: TopicsView;
    readonly metadataLengthMax: number;
    readonly shardOf: (groupId: string) => GroupShard | number;
  }) {
    this.clock = parts.clock;
    this.topics = parts.topics;
    this.metadataLengthMax = parts.metadataLengthMax;
    this.shardOf = parts.shardOf;
  }

  /** NONE, or why a commit is refused. The group exists afterwards. */
  private validateCommit(
    shard: GroupShard,
    groupId: string,
    member: MemberIdentity,
    offsets: readonly OffsetToCommit[],
    apiVersion: number,
  ): number {
    if (shard.shares.groups.has(groupId)) return ErrorCode.GROUP_ID_NOT_FOUND;
    const consumers = shard.consumers.groups.get(groupId);
    if (consumers !== undefined) return validateConsumerCommit(consumers, member, offsets, this.topics, apiVersion);
    const known = shard.groups.get(groupId);
    if (known === undefined && member.generationId >= 0)
      return apiVersion >= 9 ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.ILLEGAL_GENERATION;
    const group = known ?? shard.getOrCreate(groupId);
    const errorCode = validateCommit(group, member.memberId, member.groupInstanceId, member.generationId);
    const counts = group.state === 'Stable' || group.state === 'PreparingRebalance';
    if (errorCode === ErrorCode.NONE && counts) touch(group, member.memberId, shard.now());
    return errorCode;
  }

  private validateTransactionalCommit(
    shard: GroupShard,
    groupId: string,
    member: MemberIdentity,
    offsets: readonly OffsetToCommit[],
  ): number {
    if (shard.shares.groups.has(groupId)) return ErrorCode.GROUP_ID_NOT_FOUND;
    const consumers = shard.consumers.groups.get(groupId);
    if (consumers !== undefined) return validateConsumerTransactionalCommit(consumers, member, offsets, this.topics);
    const known = shard.groups.get(groupId);
    if (known === undefined && member.generationId >= 0) return ErrorCode.ILLEGAL_GENERATION;
    const { memberId, groupInstanceId, generationId } = member;
    return validateTransactionalCommit(known ?? shard.getOrCreate(groupId), memberId, groupInstanceId, generationId);
  }

  /**
   * Commits offsets. Resolves with a code for the whole request (NONE, or a member or coordinator error) and one for each offset.
   * `apiVersion` decides how a missing group is told (v9+: GROUP_ID_NOT_FOUND, before: ILLEGAL_GENERATION).
   */
  async commit(
    groupId: string,
    member: MemberIdentity,
    offsets: readonly OffsetToCommit[],
    options: { readonly apiVersion: number; readonly retentionMs: number | null },
  ): Promise<{ readonly errorCode: number; readonly offsetErrorCodes: readonly number[] }> {
    const all = (errorCode: number) => ({ errorCode, offsetErrorCodes: offsets.map(() => errorCode) });
    const shard = this.shardOf(groupId);
    if (typeof shard === 'number') return all(shard);
    const invalid = this.validateCommit(shard, groupId, member, offsets, options.apiVersion);
    if (invalid !== ErrorCode.NONE) return all(invalid);
    const tooLarge = offsets.map((each) => each.metadata.length > this.metadataLengthMax);
    const expireTimestampMs = options.retentionMs === null ? null : this.clock.now() + options.retentionMs;
    const errorCode = await shard.commitOffsets(
      groupId,
      offsets.filter((_, i) => !tooLarge[i]).map((each) => ({ ...each, expireTimestampMs })),
    );
    return {
      errorCode: ErrorCode.NONE,
      offsetErrorCodes: tooLarge.map((large) => (large ? ErrorCode.OFFSET_METADATA_TOO_LARGE : errorCode)),
    };
  }

  /** The same inside a producer's transaction (KIP-98, KIP-447). Whoever calls has made sure that the partition of the group is in it. */
  async commitTransactional(
    groupId: string,
    member: MemberIdentity,
    offsets: readonly OffsetToCommit[],
    producer: TransactionalProducer,
  ): Promise<readonly number[]> {
    const all = (errorCode: number) => offsets.map(() => errorCode);
    if (groupId === '') return all(ErrorCode.INVALID_GROUP_ID);
    const shard = this.shardOf(groupId);
    if (typeof shard === 'number') return all(shard);
    const invalid = this.validateTransactionalCommit(shard, groupId, member, offsets);
    if (invalid !== ErrorCode.NONE) return all(invalid);
    const tooLarge = offsets.map((each) => each.metadata.length > this.metadataLengthMax);
    const taken = offsets.filter((_, i) => !tooLarge[i]).map((each) => ({ ...each, expireTimestampMs: null }));
    const errorCode = await shard.commitTransactionalOffsets(groupId, taken, producer);
    return tooLarge.map((large) => (large ? ErrorCode.OFFSET_METADATA_TOO_LARGE : errorCode));
  }

  /** The committed offset, or undefined when there is none. Errors: NOT_COORDINATOR; to a member of the consumer protocol also that it is unknown or its epoch old. */
  fetch(
    groupId: string,
    member: { readonly memberId: string | null; readonly memberEpoch: number } = { memberId: null, memberEpoch: -1 },
  ): { readonly errorCode: number; readonly offsets: OffsetView } {
    const shard = this.shardOf(groupId);
    if (typeof shard === 'number') return { errorCode: shard, offsets: NO_OFFSETS };
    const consumers = shard.consumers.groups.get(groupId);
    const invalid = consumers && validateConsumerFetch(consumers, member.memberId, member.memberEpoch);
    if (invalid !== undefined && invalid !== ErrorCode.NONE) return { errorCode: invalid, offsets: NO_OFFSETS };
    return {
      errorCode: ErrorCode.NONE,
      offsets: {
        get: (topic, partition) => shard.offsets.get(groupId, topic, partition),
        isUnstable: (topic, partition) => shard.offsets.isPending(groupId, topic, partition),
        all: () => [...shard.offsets.offsetsOf(groupId)],
      },
    };
  }

  /** Removes single offsets (OffsetDelete); those of topics that a member subscribes to are refused with GROUP_SUBSCRIBED_TO_TOPIC. */
  async delete(
    groupId: string,
    partitions: readonly { readonly topic: string; readonly partition: number }[],
  ): Promise<{ readonly errorCode: number; readonly partitionErrorCodes: readonly number[] }> {
    const shard = this.shardOf(groupId);
    if (typeof shard === 'number') return { errorCode: shard, partitionErrorCodes: [] };
    const group = shard.groups.get(groupId);
    const consumers = shard.consumers.groups.get(groupId);
    if (group === undefined && consumers === undefined && !shard.offsets.has(groupId))
      return { errorCode: ErrorCode.GROUP_ID_NOT_FOUND, partitionErrorCodes: [] };
    const members = consumers ?? group;
    const subscribed =
      members === undefined || members.members.size === 0 ? new Set<string>() : members.subscribedTopics();
    if (subscribed === null) return { errorCode: ErrorCode.NON_EMPTY_GROUP, partitionErrorCodes: [] };
    const allowed = partitions.filter(({ topic }) => !subscribed.has(topic));
    const stored = allowed.filter(({ topic, partition }) => shard.offsets.get(groupId, topic, partition) !== undefined);
    const errorCode = await shard.removeOffsets(groupId, stored);
    return {
      errorCode: ErrorCode.NONE,
      partitionErrorCodes: partitions.map(({ topic }) =>
        subscribed.has(topic) ? ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC : errorCode,
      ),
    };
  }
}

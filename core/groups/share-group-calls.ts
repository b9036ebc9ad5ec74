import { ErrorCode, errorOf } from '../protocol/errors.ts';
import type { HeartbeatRefusal } from './consumer-heartbeat.ts';
import type { GroupShard } from './group-shard.ts';
import { describeShareGroup, failedShareDescription, type ShareGroupDescription } from './share-description.ts';
import { JOIN_EPOCH, LEAVE_EPOCH } from './share-group.ts';
import { type ShareHeartbeat, type ShareHeartbeatAnswer, validateShareHeartbeat } from './share-heartbeat.ts';
import {
  alterShareOffsets,
  type DescribedShareTopic,
  deleteShareOffsets,
  describeShareOffsets,
  type EndOffsetLookup,
  failureOf,
} from './share-offsets.ts';

/**
 * The calls that handlers make on share groups (KIP-932): finds the shard of the group, and refuses groups of another kind, which never become share groups.
 */
export class ShareGroupCalls {
  private readonly shardOf: (groupId: string) => GroupShard | number;

  constructor(shardOf: (groupId: string) => GroupShard | number) {
    this.shardOf = shardOf;
  }

  /** A member joins (epoch 0), is there, or leaves (−1). */
  heartbeat(
    groupId: string,
    request: ShareHeartbeat,
  ): HeartbeatRefusal | Promise<ShareHeartbeatAnswer | HeartbeatRefusal> {
    const invalid = validateShareHeartbeat(groupId, request);
    if (invalid !== null) return invalid.refusal;
    const shard = this.shardOf(groupId);
    if (typeof shard === 'number') return { errorCode: shard, errorMessage: errorOf(shard).message };
    const kind = shard.kindOf(groupId);
    const isNotFound = (errorMessage: string) => ({ errorCode: ErrorCode.GROUP_ID_NOT_FOUND, errorMessage });
    if (kind === null && request.memberEpoch !== JOIN_EPOCH) {
      const name = request.memberEpoch === LEAVE_EPOCH ? 'Group' : 'Share group';
      return isNotFound(`${name} ${groupId} not found.`);
    }
    if (kind !== null && kind !== 'share') return isNotFound(notShare(groupId));
    return shard.shares.heartbeat(groupId, request);
  }

  describe(groupId: string): ShareGroupDescription {
    if (groupId === '') return failedShareDescription(groupId, ErrorCode.INVALID_GROUP_ID, null);
    const shard = this.shardOf(groupId);
    if (typeof shard === 'number') return failedShareDescription(groupId, shard, null);
    const group = shard.shares.groups.get(groupId);
    if (group !== undefined) return describeShareGroup(group, shard.shares.topics);
    return failedShareDescription(groupId, ErrorCode.GROUP_ID_NOT_FOUND, missing(shard, groupId));
  }

  async describeOffsets(
    groupId: string,
    topics: readonly { readonly topicName: string; readonly partitions: readonly number[] }[] | null,
    endOffsets: EndOffsetLookup,
  ): Promise<ReturnType<typeof failureOf> & { readonly topics: readonly DescribedShareTopic[] }> {
    const shard = this.shardOf(groupId);
    if (typeof shard === 'number') return { ...failureOf(shard), topics: [] };
    const described = await describeShareOffsets(shard.shares, groupId, topics, endOffsets);
    return { errorCode: ErrorCode.NONE, errorMessage: null, topics: described };
  }

  /** Sets start offsets of an empty group, or of a new one. */
  alterOffsets(groupId: string, topics: Parameters<typeof alterShareOffsets>[2]): ReturnType<typeof alterShareOffsets> {
    const refused = (errorCode: number, errorMessage?: string) =>
      Promise.resolve({ ...failureOf(errorCode, errorMessage), topics: [] });
    if (groupId === '') return refused(ErrorCode.INVALID_GROUP_ID);
    const shard = this.shardOf(groupId);
    if (typeof shard === 'number') return refused(shard);
    const kind = shard.kindOf(groupId);
    if (kind !== null && kind !== 'share') return refused(ErrorCode.GROUP_ID_NOT_FOUND, notShare(groupId));
    return alterShareOffsets(shard.shares, groupId, topics);
  }

  /** Forgets what an empty group knows of these topics. */
  deleteOffsets(groupId: string, topicNames: readonly string[]): ReturnType<typeof deleteShareOffsets> {
    const refused = (errorCode: number, errorMessage?: string) =>
      Promise.resolve({ ...failureOf(errorCode, errorMessage), topics: [] });
    if (groupId === '') return refused(ErrorCode.INVALID_GROUP_ID);
    const shard = this.shardOf(groupId);
    if (typeof shard === 'number') return refused(shard);
    const group = shard.shares.groups.get(groupId);
    if (group === undefined) return refused(ErrorCode.GROUP_ID_NOT_FOUND, missing(shard, groupId));
    return deleteShareOffsets(shard.shares, group, topicNames);
  }
}

function notShare(groupId: string): string {
  return `Group ${groupId} is not a share group.`;
}

function missing(shard: GroupShard, groupId: string): string {
  return shard.kindOf(groupId) === null ? `Group ${groupId} not found.` : notShare(groupId);
}

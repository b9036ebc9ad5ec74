import { ErrorCode } from '../protocol/errors.ts';
import type { ConsumerGroup } from './consumer-group.ts';
import type { TopicsView } from './topic-partitions.ts';

/** OffsetCommit below this version cannot name a member epoch. */
const MEMBER_EPOCH_SINCE = 9;
const NO_EPOCH = -1;

export interface Committer {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  /** Its epoch; −1 of one that is no member. */
  readonly generationId: number;
}

/**
 * NONE, or why a commit to a consumer group is refused. The member's epoch must be the newest; an older one is good enough for partitions that the member
 * has had ever since, so that a commit does not fail because a heartbeat overtook it (KIP-1251).
 */
export function validateConsumerCommit(
  group: ConsumerGroup,
  { memberId, generationId }: Committer,
  partitions: readonly { readonly topic: string; readonly partition: number }[],
  topics: TopicsView,
  apiVersion: number,
): number {
  if (generationId < 0 && group.members.size === 0) return ErrorCode.NONE;
  const member = group.members.get(memberId);
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  const isClassic = member.classic !== null;
  if (apiVersion < MEMBER_EPOCH_SINCE && !isClassic) return ErrorCode.UNSUPPORTED_VERSION;
  const stale = isClassic ? ErrorCode.ILLEGAL_GENERATION : ErrorCode.STALE_MEMBER_EPOCH;
  if (generationId === member.memberEpoch) return ErrorCode.NONE;
  if (generationId > member.memberEpoch) return stale;
  for (const { topic, partition } of partitions) {
    const topicId = topics.byName(topic)?.topicId ?? '';
    const since = member.assigned.get(topicId)?.get(partition) ?? member.pendingRevocation.get(topicId)?.get(partition);
    if (since === undefined || generationId < since) return stale;
  }
  return ErrorCode.NONE;
}

/** The same inside a transaction: a producer that names no member is believed, and knows ILLEGAL_GENERATION only. */
export function validateConsumerTransactionalCommit(
  group: ConsumerGroup,
  committer: Committer,
  partitions: readonly { readonly topic: string; readonly partition: number }[],
  topics: TopicsView,
): number {
  const { memberId, groupInstanceId, generationId } = committer;
  if (generationId === NO_EPOCH && memberId === '' && groupInstanceId === null) return ErrorCode.NONE;
  const errorCode = validateConsumerCommit(group, committer, partitions, topics, MEMBER_EPOCH_SINCE);
  return errorCode === ErrorCode.STALE_MEMBER_EPOCH ? ErrorCode.ILLEGAL_GENERATION : errorCode;
}

/** NONE, or why a member is not told its offsets. Null and −1: whoever asks is no member. */
export function validateConsumerFetch(group: ConsumerGroup, memberId: string | null, memberEpoch: number): number {
  if (memberId === null && memberEpoch < 0) return ErrorCode.NONE;
  const member = group.members.get(memberId ?? '');
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  if (member.memberEpoch === memberEpoch) return ErrorCode.NONE;
  return member.classic === null ? ErrorCode.STALE_MEMBER_EPOCH : ErrorCode.ILLEGAL_GENERATION;
}

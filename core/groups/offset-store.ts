import { ErrorCode } from '../protocol/errors.ts';
import type { ClassicGroup } from './classic-group.ts';
import type { CommittedOffset } from './records.ts';

/**
 * The committed offsets of the groups of one coordinator partition. Only replayed records change it.
 *
 * Expiry (KIP-211): offsets go `retentionMs` after their group became empty; those of a group that only commits (no members ever) and of
 * topics that a stable group no longer subscribes to go `retentionMs` after their commit.
 */
export class OffsetStore {
  private readonly groups = new Map<string, Map<string, Map<number, CommittedOffset>>>();

  apply(groupId: string, topic: string, partition: number, value: CommittedOffset | null): void {
    if (value === null) {
      const topics = this.groups.get(groupId);
      const partitions = topics?.get(topic);
      partitions?.delete(partition);
      if (partitions?.size === 0) topics?.delete(topic);
      if (topics?.size === 0) this.groups.delete(groupId);
      return;
    }
    let topics = this.groups.get(groupId);
    if (topics === undefined) this.groups.set(groupId, (topics = new Map()));
    let partitions = topics.get(topic);
    if (partitions === undefined) topics.set(topic, (partitions = new Map()));
    partitions.set(partition, value);
  }

  get(groupId: string, topic: string, partition: number): CommittedOffset | undefined {
    return this.groups.get(groupId)?.get(topic)?.get(partition);
  }

  has(groupId: string): boolean {
    return this.groups.has(groupId);
  }

  groupIds(): IterableIterator<string> {
    return this.groups.keys();
  }

  *offsetsOf(
    groupId: string,
  ): Generator<{ readonly topic: string; readonly partition: number; readonly value: CommittedOffset }> {
    for (const [topic, partitions] of this.groups.get(groupId) ?? []) {
      for (const [partition, value] of partitions) yield { topic, partition, value };
    }
  }

  /** The offsets of a group that are due to go. `group` is undefined for one that only commits. */
  *expired(
    groupId: string,
    group: ClassicGroup | undefined,
    wallNow: number,
    retentionMs: number,
  ): Generator<{ readonly topic: string; readonly partition: number }> {
    const hadMembers = group !== undefined && group.protocolType !== null;
    if (hadMembers && group.state !== 'Empty' && group.state !== 'Stable') return;
    const subscribed = hadMembers && group.state === 'Stable' ? group.subscribedTopics() : new Set<string>();
    if (subscribed === null) return;
    for (const { topic, partition, value } of this.offsetsOf(groupId)) {
      if (subscribed.has(topic)) continue;
      const from =
        hadMembers && group.state === 'Empty'
          ? Math.max(group.stateTimestampMs, value.commitTimestampMs)
          : value.commitTimestampMs;
      const until = value.expireTimestampMs ?? from + retentionMs;
      if (until <= wallNow) yield { topic, partition };
    }
  }
}

/** NONE, or why this commit is refused. `generationId` is −1 for a client that is no member of a group. */
export function validateCommit(
  group: ClassicGroup,
  memberId: string,
  groupInstanceId: string | null,
  generationId: number,
): number {
  if (group.state === 'Dead') return ErrorCode.COORDINATOR_NOT_AVAILABLE;
  if (generationId < 0 && group.state === 'Empty') return ErrorCode.NONE;
  if (generationId < 0 && memberId === '' && groupInstanceId === null) return ErrorCode.UNKNOWN_MEMBER_ID;
  const invalid = group.validateMember(memberId, groupInstanceId);
  if (invalid !== ErrorCode.NONE) return invalid;
  if (generationId !== group.generationId) return ErrorCode.ILLEGAL_GENERATION;
  // The member has its generation but not yet its assignment: it cannot have consumed in it.
  return group.state === 'CompletingRebalance' ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
}

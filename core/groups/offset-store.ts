import { ErrorCode } from '../protocol/errors.ts';
import type { ClassicGroup } from './classic-group.ts';
import type { CommittedOffset } from './records.ts';

/**
 * The committed offsets of the groups of one coordinator partition. Only replayed records change it.
 *
 * Offsets that belong to an open transaction wait, by producer id, and are seen only when its commit marker stands (KIP-98). One that was overtaken by a
 * later commit outside the transaction is dropped then: the log's order decides, which `order` repeats: it is taken at the append.
 *
 * Expiry (KIP-211): offsets go `retentionMs` after their group became empty, whenever they were committed; those of a group that only commits (no members ever) and of
 * topics that a stable group no longer subscribes to go `retentionMs` after their commit.
 */
interface Stored {
  readonly value: CommittedOffset;
  readonly order: number;
}

export interface PendingOffset {
  readonly groupId: string;
  readonly topic: string;
  readonly partition: number;
  readonly value: CommittedOffset;
  readonly order: number;
}

export class OffsetStore {
  private readonly groups = new Map<string, Map<string, Map<number, Stored>>>();
  private readonly pending = new Map<number, PendingOffset[]>();
  private order = 0;

  /** The place in the log of a record that was appended just now and is applied once it is committed. */
  nextOrder(): number {
    return this.order++;
  }

  apply(
    groupId: string,
    topic: string,
    partition: number,
    value: CommittedOffset | null,
    order: number = this.order++,
  ): void {
    const present = this.groups.get(groupId)?.get(topic)?.get(partition);
    if (present === undefined || present.order < order) this.set(groupId, topic, partition, value, order);
  }

  private set(groupId: string, topic: string, partition: number, value: CommittedOffset | null, order: number): void {
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
    partitions.set(partition, { value, order });
  }

  get(groupId: string, topic: string, partition: number): CommittedOffset | undefined {
    return this.groups.get(groupId)?.get(topic)?.get(partition)?.value;
  }

  has(groupId: string): boolean {
    return this.groups.has(groupId);
  }

  /** An offset committed inside the open transaction of a producer. Returns it, so that it can be taken back when its record was not stored. */
  addPending(producerId: number, offset: Omit<PendingOffset, 'order'>): PendingOffset {
    const pending = { ...offset, order: this.order++ };
    const all = this.pending.get(producerId);
    if (all === undefined) this.pending.set(producerId, [pending]);
    else all.push(pending);
    return pending;
  }

  removePending(producerId: number, gone: readonly PendingOffset[]): void {
    const kept = (this.pending.get(producerId) ?? []).filter((each) => !gone.includes(each));
    if (kept.length === 0) this.pending.delete(producerId);
    else this.pending.set(producerId, kept);
  }

  /** The producer's transaction has ended. Returns the groups whose offsets it brought. */
  endTransaction(producerId: number, isCommit: boolean): ReadonlySet<string> {
    const all = this.pending.get(producerId) ?? [];
    this.pending.delete(producerId);
    if (!isCommit) return new Set();
    for (const { groupId, topic, partition, value, order } of all) this.apply(groupId, topic, partition, value, order);
    return new Set(all.map((each) => each.groupId));
  }

  /** Whether an open transaction holds a newer offset of the partition. */
  isPending(groupId: string, topic: string, partition: number): boolean {
    for (const all of this.pending.values()) {
      for (const each of all) {
        if (each.partition === partition && each.topic === topic && each.groupId === groupId) return true;
      }
    }
    return false;
  }

  hasPending(groupId: string): boolean {
    for (const all of this.pending.values()) if (all.some((each) => each.groupId === groupId)) return true;
    return false;
  }

  /** The group is gone, and what transactions hold for it. */
  dropPending(groupId: string): void {
    for (const [producerId, all] of this.pending) {
      this.removePending(
        producerId,
        all.filter((each) => each.groupId === groupId),
      );
    }
  }

  groupIds(): IterableIterator<string> {
    return this.groups.keys();
  }

  *offsetsOf(
    groupId: string,
  ): Generator<{ readonly topic: string; readonly partition: number; readonly value: CommittedOffset }> {
    for (const [topic, partitions] of this.groups.get(groupId) ?? []) {
      for (const [partition, { value }] of partitions) yield { topic, partition, value };
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
      if (subscribed.has(topic) || this.isPending(groupId, topic, partition)) continue;
      const isEmptied = hadMembers && group.state === 'Empty' && group.stateTimestampMs >= 0;
      const from = isEmptied ? group.stateTimestampMs : value.commitTimestampMs;
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

/** The same for a commit inside a transaction (KIP-447): a producer that names no member is believed, whatever the group does. */
export function validateTransactionalCommit(
  group: ClassicGroup,
  memberId: string,
  groupInstanceId: string | null,
  generationId: number,
): number {
  if (group.state === 'Dead') return ErrorCode.COORDINATOR_NOT_AVAILABLE;
  if (generationId < 0 && (group.state === 'Empty' || (memberId === '' && groupInstanceId === null)))
    return ErrorCode.NONE;
  const invalid = group.validateMember(memberId, groupInstanceId);
  if (invalid !== ErrorCode.NONE) return invalid;
  return generationId === group.generationId ? ErrorCode.NONE : ErrorCode.ILLEGAL_GENERATION;
}

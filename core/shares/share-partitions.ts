import { HeldSharePartition, type SharePartitionParts } from './held-share-partition.ts';
import { textOf } from './share-shard.ts';

/**
 * The share partitions that this broker has in memory. One is opened when a group first reads a partition here, and closed when the group has no session left,
 * or when it is fenced; what counts is with the persister.
 */
export class SharePartitions {
  private readonly held = new Map<string, HeldSharePartition>();

  get(groupId: string, topicId: string, partition: number): HeldSharePartition | undefined {
    return this.held.get(textOf({ groupId, topicId, partition }));
  }

  open(parts: Omit<SharePartitionParts, 'onFenced'>): HeldSharePartition {
    const key = textOf(parts);
    const existing = this.held.get(key);
    if (existing !== undefined && existing.leaderEpoch === parts.leaderEpoch) return existing;
    existing?.fence();
    const opened = new HeldSharePartition({
      ...parts,
      onFenced: (fenced) => {
        if (this.held.get(key) === fenced) this.held.delete(key);
      },
    });
    this.held.set(key, opened);
    return opened;
  }

  /** The last session of the group is over. */
  closeGroup(groupId: string): void {
    for (const each of [...this.held.values()]) if (each.groupId === groupId) each.fence();
  }

  /** This broker leads the partition in that epoch, or (null) not any more: what was held in an older one gives nothing any more, and who waits is told. */
  leadershipChanged(topicId: string, partition: number, leaderEpoch: number | null): void {
    if (this.held.size === 0) return;
    for (const each of [...this.held.values()]) {
      if (each.topicId !== topicId || each.partition !== partition) continue;
      if (leaderEpoch === null || each.leaderEpoch !== leaderEpoch) each.fence();
    }
  }

  topicDeleted(topicId: string): void {
    for (const each of [...this.held.values()]) if (each.topicId === topicId) each.fence();
  }

  close(): void {
    for (const each of [...this.held.values()]) each.fence();
  }
}

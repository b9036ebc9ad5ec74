import { FollowerState, UNKNOWN_OFFSET } from './follower-state.ts';
import { InSyncReplicas } from './in-sync-replicas.ts';
import type { Leadership, ReplicaContext } from './leadership.ts';

/**
 * What a broker keeps of a partition while it leads it: its followers, the in-sync replicas, where its epoch began. Made when leading begins, thrown away
 * when it ends.
 *
 * Decides and changes nothing but its own notes: the log, the watermark and the controller are the partition's.
 */
export class LeaderState {
  readonly inSync: InSyncReplicas;
  /** The log's end when the leader epoch began. */
  epochStartOffset: number;
  private readonly context: ReplicaContext;
  private readonly followers = new Map<number, FollowerState>();

  constructor(context: ReplicaContext, leadership: Leadership, logEndOffset: number) {
    this.context = context;
    this.epochStartOffset = logEndOffset;
    this.inSync = new InSyncReplicas(leadership.inSyncReplicas);
    this.assign(leadership);
    const nowMs = context.nowMs();
    for (const follower of this.followers.values()) {
      follower.begin(leadership.inSyncReplicas.includes(follower.brokerId), nowMs);
    }
  }

  follower(brokerId: number): FollowerState | undefined {
    return this.followers.get(brokerId);
  }

  all(): Iterable<FollowerState> {
    return this.followers.values();
  }

  get hasFollowers(): boolean {
    return this.followers.size > 0;
  }

  /** The metadata has a newer word on the partition, this broker still leading it. */
  update(leadership: Leadership): void {
    this.assign(leadership);
    this.inSync.commit(leadership.inSyncReplicas);
  }

  /** In the order of assignment, so that nothing depends on who came first. */
  private assign({ replicas }: Leadership): void {
    const before = new Map(this.followers);
    this.followers.clear();
    for (const brokerId of replicas) {
      if (brokerId === this.context.nodeId) continue;
      this.followers.set(brokerId, before.get(brokerId) ?? new FollowerState(brokerId));
    }
  }

  beginEpoch(inSyncReplicas: readonly number[], logEndOffset: number): void {
    this.epochStartOffset = logEndOffset;
    const nowMs = this.context.nowMs();
    for (const follower of this.followers.values()) {
      follower.beginEpoch(inSyncReplicas.includes(follower.brokerId), nowMs, logEndOffset);
    }
  }

  /**
   * Up to where every replica that is or may be in sync has the log. One that has caught up and is only waiting to be let in counts too: else the
   * watermark would run ahead of it and it would never get in.
   */
  replicatedOffset(ownOffset: number, logEndOffset: number): number {
    const { context } = this;
    const { maximal } = this.inSync;
    const nowMs = context.nowMs();
    const lagTimeMaxMs = context.lagTimeMaxMs();
    let offset = ownOffset;
    for (const follower of this.followers.values()) {
      if (follower.logEndOffset >= offset) continue;
      const counts =
        maximal.includes(follower.brokerId) ||
        (follower.isCaughtUp(logEndOffset, nowMs, lagTimeMaxMs) && this.isEligible(follower));
      if (counts) offset = follower.logEndOffset;
    }
    return offset;
  }

  private isEligible({ brokerId, brokerEpoch }: FollowerState): boolean {
    return brokerEpoch !== null && this.context.brokers.isEligible(brokerId, brokerEpoch);
  }

  /**
   * Whether a replica that has just fetched may come into sync: it has all that is committed and where this epoch began. Asked for no other: one that is
   * gone may still have enough while the watermark stands.
   */
  mayJoin(follower: FollowerState, highWatermark: number): boolean {
    if (this.inSync.pending !== null || this.inSync.committed.includes(follower.brokerId)) return false;
    const hasAll = follower.logEndOffset >= highWatermark && follower.logEndOffset >= this.epochStartOffset;
    return hasAll && this.isEligible(follower);
  }

  /** Replicas in sync that have not kept up. */
  outOfSync(logEndOffset: number): number[] {
    if (this.inSync.pending !== null) return [];
    const { nodeId } = this.context;
    const nowMs = this.context.nowMs();
    const lagTimeMaxMs = this.context.lagTimeMaxMs();
    return this.inSync.committed.filter((brokerId) => {
      const follower = this.followers.get(brokerId);
      return brokerId !== nodeId && follower?.isCaughtUp(logEndOffset, nowMs, lagTimeMaxMs) !== true;
    });
  }

  /** With the epochs under which the brokers fetch; −1 of one that has not fetched from this leader. */
  withEpochs(inSyncReplicas: readonly number[]): { readonly brokerId: number; readonly brokerEpoch: number }[] {
    return inSyncReplicas.map((brokerId) => ({
      brokerId,
      brokerEpoch:
        brokerId === this.context.nodeId
          ? this.context.brokerEpoch()
          : (this.followers.get(brokerId)?.brokerEpoch ?? UNKNOWN_OFFSET),
    }));
  }

  /** The lowest log start of the live replicas: up to there records are gone everywhere. */
  lowWatermark(logStartOffset: number): number {
    let lowest = logStartOffset;
    for (const follower of this.followers.values()) {
      if (follower.logStartOffset < lowest && this.context.brokers.liveEpochOf(follower.brokerId) !== null) {
        lowest = follower.logStartOffset;
      }
    }
    return lowest;
  }
}

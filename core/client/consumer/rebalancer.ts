import type { Assignor } from './assignors/assignor.ts';
import type { Commits } from './commits.ts';
import type { GroupCoordinator, Joined } from './coordinator.ts';
import type { Signal } from './signal.ts';
import type { SubscribedTopics } from './subscribed-topics.ts';
import type { PartitionState, Subscription } from './subscription.ts';
import { keyOf, placeOf } from './topic-partition.ts';

/**
 * What a rebalance does to the consumer and tells the application: partitions given up before a join, taken after it, or lost.
 *
 *     eager:        commit, revoke all ─→ join ─→ assigned: all
 *     cooperative:  commit             ─→ join ─→ revoke what others get, assigned: what is new ─→ join again, if anything was revoked
 *
 * Invariants: listeners are called here and only here, inside poll, unsubscribe or close; what a cooperative member keeps is read on while the group
 * rebalances, so nothing here waits for the network but the commit. Joining itself belongs to the coordinator.
 */
export class Rebalancer {
  private readonly coordinator: GroupCoordinator;
  private readonly subscription: Subscription;
  private readonly topics: SubscribedTopics;
  private readonly commits: Commits;
  private readonly signal: Signal;
  private readonly isCooperative: boolean;
  /** The part of a join that needs the application has run; the rest goes on in the background. */
  private isPrepared = false;
  /** What the last join came to, until the poll has seen it. */
  private joinDone: { readonly joined: Joined | null } | null = null;
  /** The subscribed topics as of the last assignment. */
  private topicsSeen = '';

  constructor(
    coordinator: GroupCoordinator,
    assignors: readonly Assignor[],
    subscription: Subscription,
    topics: SubscribedTopics,
    commits: Commits,
    signal: Signal,
  ) {
    this.coordinator = coordinator;
    this.subscription = subscription;
    this.topics = topics;
    this.commits = commits;
    this.signal = signal;
    this.isCooperative = assignors.every((assignor) => assignor.rebalanceProtocols.includes('cooperative'));
  }

  /**
   * Brings the membership as far as it gets without waiting for the network. `isOpen` is asked again after the application was.
   * Rejects with what the membership failed with for good, and with what a listener throws.
   */
  async advance(isOpen: () => boolean): Promise<void> {
    const { coordinator } = this;
    for (;;) {
      if (coordinator.isLost) await this.loseOwned();
      if (coordinator.fatal !== null) {
        const { fatal } = coordinator;
        coordinator.fatal = null;
        throw fatal;
      }
      if (this.joinDone !== null) {
        const { joined } = this.joinDone;
        this.joinDone = null;
        if (joined !== null) {
          this.isPrepared = false;
          await this.completeJoin(joined);
        }
        continue;
      }
      if (!coordinator.rejoinNeeded || coordinator.isJoining) return;
      if (!this.topics.areKnown) return;
      if (!this.isPrepared) {
        await this.prepareJoin();
        this.isPrepared = true;
        if (!isOpen()) return;
      }
      void coordinator.join().then((joined) => {
        this.joinDone = { joined };
        this.signal.ring();
      });
      return;
    }
  }

  /** New partitions, and new topics that a pattern matches, call for a rebalance. */
  onMetadata(): void {
    const { coordinator } = this;
    if (!this.subscription.isAutomatic || !coordinator.isMember || coordinator.isJoining) return;
    const isPattern = this.subscription.mode.kind === 'pattern';
    if (isPattern && this.topics.names().join() !== this.topicsSeen) coordinator.requestRejoin();
    const counts = coordinator.leaderSnapshot;
    if (counts !== null && this.topics.differsFrom(counts)) coordinator.requestRejoin();
  }

  /** All that is owned: the consumer unsubscribes or closes. */
  async giveUpOwned(): Promise<void> {
    if (this.coordinator.isLost) return this.loseOwned();
    if (this.subscription.assigned.length > 0) await this.revoke(this.subscription.assigned);
  }

  /** Leaves the group; a join that was prepared is forgotten. */
  leave(reason: string): Promise<void> {
    this.isPrepared = false;
    return this.coordinator.leaveForGood(reason);
  }

  /** Before JoinGroup: commits and gives up what the protocol asks for. */
  private async prepareJoin(): Promise<void> {
    const owned = this.subscription.assigned;
    if (owned.length === 0) return;
    const topics = new Set(this.topics.names());
    const revoked = this.isCooperative ? owned.filter((state) => !topics.has(state.topic)) : owned;
    if (this.coordinator.isMember) await this.commits.autoCommitSync();
    if (revoked.length > 0) await this.revoke(revoked);
  }

  /** After SyncGroup: takes the assignment. */
  private async completeJoin(joined: Joined): Promise<void> {
    const mayHave = this.subscription.mode.kind === 'topics' ? this.subscription.mode.topics : null;
    const assigned = joined.partitions.filter((each) => mayHave === null || mayHave.has(each.topic));
    // The leader also watches the topics of other members.
    this.topics.want(this.coordinator.leaderSnapshot?.keys() ?? []);
    this.topicsSeen = this.topics.names().join();
    const next = new Set(assigned.map(keyOf));
    const owned = this.subscription.assigned;
    const before = new Set(owned.map((state) => state.key));
    const revoked = owned.filter((state) => !next.has(state.key));
    const added = assigned.filter((each) => !before.has(keyOf(each)));
    this.commits.restartInterval();
    if (this.isCooperative && revoked.length > 0) {
      await this.revoke(revoked);
      // The new owners get them in the round that this one asks for.
      this.coordinator.requestRejoin();
    }
    this.subscription.assign(assigned);
    await this.subscription.listener.onPartitionsAssigned?.(this.isCooperative ? added : assigned);
    // What metadata learnt while it joined, nobody looked at.
    this.onMetadata();
  }

  private async revoke(states: readonly PartitionState[]): Promise<void> {
    for (const state of states) state.isRevoking = true;
    try {
      await this.subscription.listener.onPartitionsRevoked?.(states.map(placeOf));
    } finally {
      const gone = new Set(states);
      this.subscription.assign(this.subscription.assigned.filter((state) => !gone.has(state)));
    }
  }

  private async loseOwned(): Promise<void> {
    this.coordinator.isLost = false;
    this.isPrepared = false;
    const partitions = this.subscription.assigned.map(placeOf);
    this.subscription.assign([]);
    if (partitions.length === 0) return;
    const { listener } = this.subscription;
    if (listener.onPartitionsLost !== undefined) await listener.onPartitionsLost(partitions);
    else await listener.onPartitionsRevoked?.(partitions);
  }
}

import type { Clock } from '../../ports/clock.ts';
import type { ConsumerConfig } from '../client-config.ts';
import { ClientError } from '../client-error.ts';
import type { MemberOffsets } from './member-offsets.ts';
import type { OffsetAndMetadata, PartitionOffset } from './offsets.ts';
import type { Retries } from './retries.ts';
import type { Subscription } from './subscription.ts';
import { keyOf, placeOf, type TopicPartition } from './topic-partition.ts';

/**
 * A consumer's commits: those that it is asked for, and auto commit.
 *
 * Invariants: what auto commit stores are the positions behind the records that earlier polls handed out; a synchronous commit goes after the
 * asynchronous ones before it; an asynchronous one is never repeated, since a later one may have overtaken it.
 * One attempt, and what an answer means for the membership, belong to `MemberOffsets`.
 */
export type CommitCallback = (error: ClientError | null, offsets: readonly PartitionOffset[]) => void;

export class Commits {
  private readonly clock: Clock;
  private readonly config: ConsumerConfig;
  private readonly offsets: MemberOffsets;
  private readonly subscription: Subscription;
  private readonly retries: Retries;
  /** Told of auto commits that failed for good. */
  private readonly onAutoCommitError: (error: ClientError) => void;
  private nextAutoCommitMs = 0;
  private underWay: Promise<void> = Promise.resolve();

  constructor(
    clock: Clock,
    config: ConsumerConfig,
    offsets: MemberOffsets,
    subscription: Subscription,
    retries: Retries,
    onAutoCommitError: (error: ClientError) => void,
  ) {
    this.clock = clock;
    this.config = config;
    this.offsets = offsets;
    this.subscription = subscription;
    this.retries = retries;
    this.onAutoCommitError = onAutoCommitError;
    this.restartInterval();
  }

  /** The committed offsets of the group, those that there are. */
  async committed(partitions: readonly TopicPartition[]): Promise<ReadonlyMap<string, Required<OffsetAndMetadata>>> {
    const result = new Map<string, Required<OffsetAndMetadata>>();
    await this.retries.run('committed offsets', this.config['default.api.timeout.ms'], async () => {
      for (const each of await this.offsets.fetchCommitted(partitions)) result.set(keyOf(each), each);
    });
    return result;
  }

  /** Commits, retrying until it is certain. Without offsets: the positions of all assigned partitions. */
  async commitSync(offsets: readonly PartitionOffset[] = this.positions(), timeoutMs: number): Promise<void> {
    await this.underWay; // in the order of the calls
    if (offsets.length === 0) return;
    await this.retries.run('offset commit', timeoutMs, () => this.attempt(offsets));
  }

  /** Commits once. The callback is called once, with an error or null. */
  commitAsync(offsets: readonly PartitionOffset[] = this.positions(), callback?: CommitCallback): void {
    const attempt = offsets.length === 0 ? Promise.resolve() : this.attempt(offsets);
    this.track(
      attempt.then(
        () => callback?.(null, offsets),
        (error) => callback?.(error as ClientError, offsets),
      ),
    );
  }

  /** Resolves when no asynchronous commit is under way. */
  get settled(): Promise<void> {
    return this.underWay;
  }

  /** The next auto commit is a whole auto.commit.interval.ms away. */
  restartInterval(): void {
    this.nextAutoCommitMs = this.clock.monotonic() + this.config['auto.commit.interval.ms'];
  }

  /** Commits the positions if it is time. */
  autoCommit(): void {
    if (!this.config['enable.auto.commit'] || this.clock.monotonic() < this.nextAutoCommitMs) return;
    this.restartInterval();
    const offsets = this.positions();
    if (offsets.length === 0) return;
    this.track(
      this.attempt(offsets).catch((error) => {
        if (error instanceof ClientError && error.retriable) {
          const soonMs = this.clock.monotonic() + this.config['retry.backoff.ms'];
          this.nextAutoCommitMs = Math.min(this.nextAutoCommitMs, soonMs);
        } else this.onAutoCommitError(error as ClientError);
      }),
    );
  }

  autoCommitWaitMs(): number {
    if (!this.config['enable.auto.commit']) return Number.POSITIVE_INFINITY;
    return Math.max(1, this.nextAutoCommitMs - this.clock.monotonic());
  }

  /** Before partitions are given up, where auto commit is on. Never rejects. */
  async autoCommitSync(timeoutMs = this.config['default.api.timeout.ms']): Promise<void> {
    if (!this.config['enable.auto.commit']) return;
    try {
      await this.commitSync(undefined, Math.min(timeoutMs, this.config['max.poll.interval.ms']));
    } catch (error) {
      this.onAutoCommitError(error as ClientError);
    }
  }

  private attempt(offsets: readonly PartitionOffset[]): Promise<void> {
    return this.offsets.commit(offsets, this.subscription.isAutomatic);
  }

  /** What the application throws in a commit callback is its own; it must not become an unhandled rejection. */
  private track(commit: Promise<unknown>): void {
    const before = this.underWay;
    this.underWay = commit.then(ignore, ignore).then(() => before);
  }

  /** The positions behind what was handed out. */
  private positions(): PartitionOffset[] {
    const offsets: PartitionOffset[] = [];
    for (const state of this.subscription.each()) {
      if (state.position === null) continue;
      offsets.push({ ...placeOf(state), offset: state.position, leaderEpoch: state.positionEpoch });
    }
    return offsets;
  }
}

function ignore(): void {}

import { CoordinatorShards } from '../groups/coordinator-shards.ts';
import { groupPartition } from '../groups/group-coordinator.ts';
import type { Clock, Timer } from '../ports/clock.ts';
import type {
  PersisterAnswer,
  SharePartitionName,
  SharePersister,
  StateRead,
  StateSummary,
  StateToInitialize,
  StateToRead,
  StateToWrite,
} from './persister.ts';
import type { ShareKey } from './records.ts';
import { ShareShard, type ShareStateLog, textOf } from './share-shard.ts';
import {
  answered,
  failedStateRead,
  failedSummary,
  initialize,
  read,
  remove,
  type StateRequest,
  summarize,
  write,
} from './share-state.ts';

/**
 * The share coordinator of one broker (KIP-932): keeps the durable state of share partitions in `__share_group_state`.
 *
 * The state of a share partition lives in partition `hash("group:topicId:partition") mod partitions`, with Java's string hash, as Kafka places it. What this
 * broker does not lead is answered with NOT_COORDINATOR.
 */
export interface ShareCoordinatorConfig {
  /** How many partitions `__share_group_state` has, or is to have (share.coordinator.state.topic.num.partitions). */
  readonly statePartitions: () => number;
  /** share.coordinator.snapshot.update.records.per.snapshot */
  readonly updatesPerSnapshot: number;
  /** share.coordinator.state.topic.prune.interval.ms */
  readonly pruneIntervalMs: number;
  /** share.coordinator.cold.partition.snapshot.interval.ms */
  readonly coldSnapshotIntervalMs: number;
}

export interface ShareCoordinatorParts {
  readonly clock: Clock;
  readonly config: ShareCoordinatorConfig;
  readonly partitionExists: (topicId: string, partition: number) => boolean;
  readonly onProblem?: (message: string) => void;
}

export class ShareCoordinator implements SharePersister {
  private readonly parts: ShareCoordinatorParts;
  private readonly shards: CoordinatorShards<ShareShard>;
  private readonly timers = new Set<Timer>();
  private closed = false;

  constructor(parts: ShareCoordinatorParts) {
    this.parts = parts;
    this.shards = new CoordinatorShards(parts.onProblem ?? failLoudly);
    const { pruneIntervalMs, coldSnapshotIntervalMs } = parts.config;
    this.repeat(pruneIntervalMs, async () => this.prune());
    this.repeat(coldSnapshotIntervalMs, () => this.snapshotCold());
  }

  private repeat(intervalMs: number, act: () => Promise<void>): void {
    const timer = this.parts.clock.setTimer(intervalMs, () => {
      this.timers.delete(timer);
      void act().then(() => {
        if (!this.closed) this.repeat(intervalMs, act);
      });
    });
    this.timers.add(timer);
  }

  /** This broker leads the partition of the state topic: its share partitions are loaded, and served from then on. Once more in the same epoch changes nothing. */
  elected(partition: number, leaderEpoch: number, openLog: () => ShareStateLog): void {
    const { clock, config, partitionExists } = this.parts;
    const { updatesPerSnapshot } = config;
    this.shards.elected(
      partition,
      leaderEpoch,
      openLog,
      (log) => new ShareShard({ log, clock, updatesPerSnapshot, partitionExists }),
    );
  }

  /** It does not lead it any more. */
  resigned(partition: number): void {
    this.shards.resigned(partition);
  }

  close(): void {
    this.closed = true;
    for (const timer of this.timers) timer.cancel();
    this.shards.close();
  }

  /** Where the state of a share partition lives, by the key of FindCoordinator: "group:topicId:partition". */
  partitionOf(key: string): number {
    return groupPartition(key, this.parts.config.statePartitions());
  }

  /** Whether this broker coordinates the share partition, and has loaded it. */
  coordinates(key: ShareKey): boolean {
    return typeof this.shards.find(this.partitionOf(textOf(key))) !== 'number';
  }

  async topicDeleted(topicId: string): Promise<void> {
    for (const shard of this.shards.loaded()) await shard.topicDeleted(topicId);
  }

  prune(): void {
    for (const shard of this.shards.loaded()) shard.prune();
  }

  async snapshotCold(): Promise<void> {
    for (const shard of this.shards.loaded()) await shard.snapshotCold(this.parts.config.coldSnapshotIntervalMs);
  }

  initializeState(groupId: string, partitions: readonly StateToInitialize[]): Promise<readonly PersisterAnswer[]> {
    return this.each(groupId, partitions, initialize, (answer) => answer);
  }

  readState(groupId: string, partitions: readonly StateToRead[]): Promise<readonly StateRead[]> {
    return this.each(groupId, partitions, read, failedStateRead);
  }

  writeState(groupId: string, partitions: readonly StateToWrite[]): Promise<readonly PersisterAnswer[]> {
    return this.each(groupId, partitions, write, (answer) => answer);
  }

  readStateSummary(groupId: string, partitions: readonly StateToRead[]): Promise<readonly StateSummary[]> {
    return this.each(groupId, partitions, summarize, failedSummary);
  }

  deleteState(groupId: string, partitions: readonly SharePartitionName[]): Promise<readonly PersisterAnswer[]> {
    return this.each(groupId, partitions, remove, (answer) => answer);
  }

  private each<P extends SharePartitionName, A>(
    groupId: string,
    partitions: readonly P[],
    requestOf: (asked: P) => StateRequest<A>,
    failed: (answer: PersisterAnswer) => A,
  ): Promise<readonly A[]> {
    return Promise.all(
      partitions.map((asked) => {
        const key = { groupId, topicId: asked.topicId, partition: asked.partition };
        const shard = this.shards.find(this.partitionOf(textOf(key)));
        const fail = (errorCode: number): A => failed(answered(asked, errorCode));
        if (typeof shard === 'number') return Promise.resolve(fail(shard));
        return shard.submit(key, requestOf(asked), fail);
      }),
    );
  }
}

function failLoudly(message: string): never {
  throw new Error(message);
}

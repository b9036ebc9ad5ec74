import { groupPartition } from '../groups/group-coordinator.ts';
import type { Clock, Timer } from '../ports/clock.ts';
import { ErrorCode } from '../protocol/errors.ts';
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
  /** share.coordinator.state.topic.num.partitions */
  readonly statePartitions: number;
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
}

export class ShareCoordinator implements SharePersister {
  private readonly parts: ShareCoordinatorParts;
  private readonly shards = new Map<number, ShareShard>();
  private readonly timers = new Set<Timer>();
  private closed = false;

  constructor(parts: ShareCoordinatorParts) {
    this.parts = parts;
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

  /** This broker leads the partition of the state topic: its share partitions are loaded and served from now on. */
  elected(partition: number, log: ShareStateLog): void {
    this.shards.get(partition)?.close();
    const { clock, config, partitionExists } = this.parts;
    const shard = new ShareShard({ log, clock, updatesPerSnapshot: config.updatesPerSnapshot, partitionExists });
    this.shards.set(partition, shard);
    shard.load();
  }

  resigned(partition: number): void {
    this.shards.get(partition)?.close();
    this.shards.delete(partition);
  }

  close(): void {
    this.closed = true;
    for (const timer of this.timers) timer.cancel();
    for (const shard of this.shards.values()) shard.close();
    this.shards.clear();
  }

  /** Where the state of a share partition lives, by the key of FindCoordinator: "group:topicId:partition". */
  partitionOf(key: string): number {
    return groupPartition(key, this.parts.config.statePartitions);
  }

  /** Whether this broker coordinates the share partition. */
  coordinates(key: ShareKey): boolean {
    return this.shards.has(this.partitionOf(textOf(key)));
  }

  async topicDeleted(topicId: string): Promise<void> {
    for (const shard of [...this.shards.values()]) await shard.topicDeleted(topicId);
  }

  prune(): void {
    for (const shard of this.shards.values()) shard.prune();
  }

  async snapshotCold(): Promise<void> {
    for (const shard of [...this.shards.values()]) await shard.snapshotCold(this.parts.config.coldSnapshotIntervalMs);
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
        const shard = this.shards.get(this.partitionOf(textOf(key)));
        const fail = (errorCode: number): A => failed(answered(asked, errorCode));
        if (shard === undefined) return Promise.resolve(fail(ErrorCode.NOT_COORDINATOR));
        return shard.submit(key, requestOf(asked), fail);
      }),
    );
  }
}

import { type AppendOrigin, type AppendResult, rejected } from '../log/append-result.ts';
import type { Log } from '../log/log.ts';
import type { LogConfig } from '../log/log-config.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { proposeInSync } from './in-sync-proposal.ts';
import { LeaderState } from './leader-state.ts';
import type { InSyncReplicaAnswer, Leadership, ReplicaContext } from './leadership.ts';
import { PartitionListeners } from './partition-listeners.ts';
import {
  divergence,
  divergingRead,
  failedRead,
  type IsolationLevel,
  NO_OFFSET,
  type PartitionRead,
  type ReadingFollower,
  type ReadRequest,
  readLog,
} from './partition-read.ts';
import type { PartitionSnapshot } from './partition-snapshot.ts';
import type { ReadableReplica } from './replica-selector.ts';

/**
 * A partition as this broker holds it: its log, who leads it, and, while this broker does, the followers and which of them are in sync.
 *
 * Invariants:
 * - The high watermark never falls while this broker leads. It is the smallest log end offset among the replicas that are or may be in sync
 *   (`leader-state.ts`); this broker's own counts as far as flush.messages lets it be acknowledged. It stands still while fewer than min.insync.replicas are
 *   in sync (KIP-966): what is below it has been on so many.
 * - Only the leader appends for clients, and only under its current epoch, which its log's epochs know before the first record of it; who asks with
 *   another leader epoch than the current one is told so (74, 75). News with an older partition epoch than is known are ignored.
 * - What waits for a commit names the tenure in which it was appended: a leader that stepped down and leads again may have lost it meanwhile.
 * - Listeners hear of every advance, of every change of leader, and of the log's start, after the state changed.
 *
 * Not here: which followers count and may join (`leader-state.ts`), how a change of the in-sync replicas ends (`in-sync-proposal.ts`), a follower's side of
 * fetching (`follower-log.ts`, `replica-fetcher.ts`).
 */
export interface AppendOutcome {
  readonly result: AppendResult;
  /** What must resolve before the append may be acknowledged at all (flush.messages), or null. */
  readonly flushed: Promise<void> | null;
  /** For `commitState`. */
  readonly tenure: number;
}

export interface PartitionOptions {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: string;
  readonly log: Log;
  readonly leadership: Leadership;
  readonly context: ReplicaContext;
}

/** Whom a change of the metadata made what. */
export type RoleChange = 'elected' | 'resigned' | 'unchanged';

export class Partition {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: string;
  private readonly context: ReplicaContext;
  private currentLog: Log;
  private leadership: Leadership;
  /** While this broker leads. */
  private leading: LeaderState | null = null;
  /** Counts the times at which this broker began or ceased to lead. */
  private tenureCount = 0;
  private isDeleted = false;
  /** How far this broker's own log counts for the high watermark. */
  private ownOffset = 0;
  private readonly listeners = new PartitionListeners();

  constructor({ topic, partition, topicId, log, leadership, context }: PartitionOptions) {
    this.topic = topic;
    this.partition = partition;
    this.topicId = topicId;
    this.context = context;
    this.currentLog = log;
    this.leadership = leadership;
    if (leadership.leader === context.nodeId) this.beginLeading(leadership);
    this.advance();
  }

  /** Another one after a move to another log dir: who waits looks again. */
  get log(): Log {
    return this.currentLog;
  }

  /** `log` holds what the partition's log held until now, in another log dir. */
  replaceLog(log: Log): void {
    this.currentLog = log;
  }

  /** The log went offline with its log dir: whoever waits hears it. */
  logFailed(): void {
    this.notify();
  }

  reconfigure(config: LogConfig): void {
    this.log.config = config;
    this.advance();
  }

  get leader(): number {
    return this.leadership.leader;
  }

  get leaderEpoch(): number {
    return this.leadership.leaderEpoch;
  }

  get partitionEpoch(): number {
    return this.leadership.partitionEpoch;
  }

  get replicas(): readonly number[] {
    return this.leadership.replicas;
  }

  /** As the controller committed them. */
  get inSyncReplicas(): readonly number[] {
    return this.leading?.inSync.committed ?? this.leadership.inSyncReplicas;
  }

  /** min.insync.replicas, as far as the partition has so many replicas. */
  get minInSyncReplicas(): number {
    return Math.min(this.log.config.minInSyncReplicas, this.leadership.replicas.length);
  }

  get isLeader(): boolean {
    return this.leading !== null && !this.isDeleted;
  }

  get isUnderReplicated(): boolean {
    return this.isLeader && this.inSyncReplicas.length < this.leadership.replicas.length;
  }

  get isUnderMinInSync(): boolean {
    return this.isLeader && this.inSyncReplicas.length < this.minInSyncReplicas;
  }

  get isReassigning(): boolean {
    return this.leadership.addingReplicas.length > 0 || this.leadership.removingReplicas.length > 0;
  }

  get highWatermark(): number {
    return this.log.highWatermark;
  }

  /** A new leader's watermark may lie below what its predecessor told: until it has reached the epoch's start nobody can say where the log ends. */
  get isWatermarkKnown(): boolean {
    return this.leading === null || this.log.highWatermark >= this.leading.epochStartOffset;
  }

  /** Up to where a consumer with this isolation level may read (exclusive). */
  readableEnd(isolationLevel: IsolationLevel): number {
    return isolationLevel === 'read_committed' ? this.log.lastStableOffset : this.log.highWatermark;
  }

  /** NONE when this broker may answer for the partition, as its leader, under that epoch (−1 = any). */
  check(currentLeaderEpoch: number): number {
    const problem = this.checkReplica(currentLeaderEpoch);
    if (problem !== ErrorCode.NONE) return problem;
    return this.isLeader ? ErrorCode.NONE : ErrorCode.NOT_LEADER_OR_FOLLOWER;
  }

  /** NONE when this broker holds the partition, leader or not. */
  checkReplica(currentLeaderEpoch: number): number {
    if (this.isDeleted) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    if (this.log.offline !== null) return ErrorCode.KAFKA_STORAGE_ERROR;
    if (currentLeaderEpoch < 0 || currentLeaderEpoch === this.leaderEpoch) return ErrorCode.NONE;
    return currentLeaderEpoch < this.leaderEpoch ? ErrorCode.FENCED_LEADER_EPOCH : ErrorCode.UNKNOWN_LEADER_EPOCH;
  }

  /** Appends one batch. `records` is lent for the call; base offset and leader epoch are patched in it. */
  append(records: Buffer, acks: number, origin: AppendOrigin): AppendOutcome {
    const { tenureCount: tenure } = this;
    const problem = this.check(NO_OFFSET);
    if (problem !== ErrorCode.NONE) return { result: rejected(problem, ''), flushed: null, tenure };
    if (acks === -1 && this.isUnderMinInSync) {
      const message = `${this.inSyncReplicas.length} replicas are in sync, min.insync.replicas is ${this.minInSyncReplicas}.`;
      return { result: rejected(ErrorCode.NOT_ENOUGH_REPLICAS, message), flushed: null, tenure };
    }
    const result = this.log.append(records, this.leaderEpoch, origin);
    if (result.kind === 'rejected') return { result, flushed: null, tenure };
    const endOffset = this.log.logEndOffset;
    const flushed = this.log.flushAfterAppend();
    if (flushed === null) this.acknowledgeOwn(endOffset);
    else {
      flushed.then(
        () => {
          if (this.tenureCount === tenure) this.acknowledgeOwn(endOffset);
        },
        () => this.notify(), // The log went offline: whoever waits hears it.
      );
    }
    this.listeners.appended();
    return { result, flushed, tenure };
  }

  private acknowledgeOwn(offset: number): void {
    if (offset > this.ownOffset) this.ownOffset = offset;
    this.advance();
  }

  /** Of an append with acks=all: NONE or an error code once it is decided, null before. `endOffset` is the offset behind it. */
  commitState(tenure: number, endOffset: number): number | null {
    const { leading } = this;
    if (leading === null || tenure !== this.tenureCount) {
      const problem = this.check(NO_OFFSET);
      return problem === ErrorCode.NONE ? ErrorCode.NOT_LEADER_OR_FOLLOWER : problem;
    }
    if (this.log.highWatermark >= endOffset) {
      const isEnough = leading.inSync.maximal.length >= this.minInSyncReplicas;
      return isEnough ? ErrorCode.NONE : ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND;
    }
    const problem = this.check(NO_OFFSET);
    return problem === ErrorCode.NONE ? null : problem;
  }

  private advance(): void {
    const { leading, log } = this;
    if (leading === null || this.isDeleted || this.isUnderMinInSync) return;
    const committed = leading.replicatedOffset(this.ownOffset, log.logEndOffset);
    if (committed > log.highWatermark && log.updateHighWatermark(committed)) this.notify();
  }

  read(request: ReadRequest): PartitionRead {
    const { offset, follower, currentLeaderEpoch } = request;
    const problem =
      request.allowsFollower === true && follower === undefined
        ? this.checkReplica(currentLeaderEpoch)
        : this.check(currentLeaderEpoch);
    if (problem !== ErrorCode.NONE) return failedRead(problem);
    const refused = follower === undefined ? ErrorCode.NONE : this.checkFollower(follower, currentLeaderEpoch);
    if (refused !== ErrorCode.NONE) return failedRead(refused);
    const { log } = this;
    const diverging = divergence(log, offset, request.lastFetchedEpoch);
    if (typeof diverging === 'number') return failedRead(diverging);
    if (diverging !== null) return divergingRead(log, diverging);
    if (follower === undefined) return readLog(log, request, this.readableEnd(request.isolationLevel));
    const isWithin = offset >= log.logStartOffset && offset <= log.logEndOffset;
    if (follower.isNew && isWithin) this.followerFetched(follower, offset);
    return readLog(log, request, log.logEndOffset);
  }

  private checkFollower(
    { brokerId, brokerEpoch }: { readonly brokerId: number; readonly brokerEpoch: number },
    currentLeaderEpoch: number,
  ): number {
    if (this.leading?.follower(brokerId) === undefined) {
      // It may know of an assignment that has not come here yet, or the other way round: it asks again.
      return currentLeaderEpoch >= 0 ? ErrorCode.UNKNOWN_LEADER_EPOCH : ErrorCode.NOT_LEADER_OR_FOLLOWER;
    }
    const liveEpoch = this.context.brokers.liveEpochOf(brokerId);
    const isFormerSelf = brokerEpoch !== -1 && liveEpoch !== null && liveEpoch > brokerEpoch;
    return isFormerSelf ? ErrorCode.NOT_LEADER_OR_FOLLOWER : ErrorCode.NONE;
  }

  /** A follower asks for `offset`, so it has everything below. */
  private followerFetched({ brokerId, brokerEpoch, logStartOffset }: ReadingFollower, offset: number): void {
    const leading = this.leading!;
    const follower = leading.follower(brokerId)!;
    const startBefore = follower.logStartOffset;
    const fetch = { fetchOffset: offset, logStartOffset, brokerEpoch };
    follower.fetched(fetch, this.log.logEndOffset, this.context.nowMs());
    if (leading.mayJoin(follower, this.log.highWatermark)) {
      proposeInSync(this, this.context, leading, leading.inSync.expand(brokerId));
    }
    this.advance();
    if (follower.logStartOffset !== startBefore) this.notify();
  }

  /** NONE when the follower may fetch here under that epoch; cheap. */
  checkFetch(
    follower: { readonly brokerId: number; readonly brokerEpoch: number },
    currentLeaderEpoch: number,
  ): number {
    const problem = this.check(currentLeaderEpoch);
    return problem === ErrorCode.NONE ? this.checkFollower(follower, currentLeaderEpoch) : problem;
  }

  /** Replicas in sync, besides this one, from which a consumer could read at `offset` (KIP-392). */
  readableReplicas(offset: number): readonly ReadableReplica[] {
    const { leading } = this;
    if (leading === null) return [];
    return [...leading.all()].filter(
      ({ brokerId, logStartOffset, logEndOffset }) =>
        leading.inSync.committed.includes(brokerId) && logEndOffset >= offset && logStartOffset <= offset,
    );
  }

  /** The follower was told of this watermark. */
  noteSent(brokerId: number, highWatermark: number): void {
    const follower = this.leading?.follower(brokerId);
    if (follower !== undefined) follower.lastSentHighWatermark = highWatermark;
  }

  /** Whether the watermark that a follower was told last is old. */
  isBehindWatermark(brokerId: number): boolean {
    const follower = this.leading?.follower(brokerId);
    return follower !== undefined && follower.lastSentHighWatermark < this.log.highWatermark;
  }

  /** Replicas that have not kept up for replica.lag.time.max.ms leave. Called every half of that time. */
  checkLag(): void {
    const { leading } = this;
    if (leading === null || this.isDeleted || this.log.offline !== null) return;
    const outOfSync = leading.outOfSync(this.log.logEndOffset);
    if (outOfSync.length > 0) proposeInSync(this, this.context, leading, leading.inSync.shrink(outOfSync));
    this.advance();
  }

  /** The controller's answer to a change that `leading` asked for; false when it is of the past. */
  isWaiting(leading: LeaderState): boolean {
    return this.leading === leading && !this.isDeleted;
  }

  inSyncCommitted(
    leading: LeaderState,
    answer: Required<Pick<InSyncReplicaAnswer, 'inSyncReplicas' | 'partitionEpoch'>>,
  ): void {
    leading.inSync.commit(answer.inSyncReplicas);
    this.leadership = { ...this.leadership, ...answer };
    this.advance();
    this.notify();
  }

  inSyncRefused(leading: LeaderState): void {
    leading.inSync.withdraw();
    this.advance();
    this.notify();
  }

  /** Records below `offset` go (−1 = all committed ones). Returns a code and up to where records are gone on every live replica. */
  deleteRecords(offset: number): {
    readonly errorCode: number;
    readonly lowWatermark: number;
    readonly offset: number;
  } {
    const problem = this.check(NO_OFFSET);
    if (problem !== ErrorCode.NONE) return { errorCode: problem, lowWatermark: NO_OFFSET, offset };
    const until = offset === -1 ? this.log.highWatermark : offset;
    const refused = this.log.deleteRecordsBefore(until);
    if (refused !== null) return { errorCode: refused.errorCode, lowWatermark: NO_OFFSET, offset };
    this.notify();
    return { errorCode: ErrorCode.NONE, lowWatermark: this.lowWatermark, offset: until };
  }

  get lowWatermark(): number {
    return this.leading?.lowWatermark(this.log.logStartOffset) ?? this.log.logStartOffset;
  }

  /** What the metadata says now. Older news than what is known change nothing. */
  changeLeadership(leadership: Leadership): RoleChange {
    if (leadership.leaderEpoch < this.leaderEpoch || leadership.partitionEpoch < this.partitionEpoch)
      return 'unchanged';
    // The answer to a change of the in-sync replicas told it earlier, and a further one may be under way.
    if (leadership.partitionEpoch === this.partitionEpoch && leadership.leaderEpoch === this.leaderEpoch) {
      return 'unchanged';
    }
    const isNewEpoch = leadership.leaderEpoch > this.leaderEpoch;
    const wasLeader = this.leading !== null;
    const isLeader = leadership.leader === this.context.nodeId;
    this.leadership = leadership;
    if (isLeader && this.leading !== null) {
      this.leading.update(leadership);
      if (isNewEpoch) {
        this.beginEpoch(leadership.leaderEpoch);
        this.leading.beginEpoch(leadership.inSyncReplicas, this.log.logEndOffset);
      }
    } else if (isLeader) this.beginLeading(leadership);
    else if (wasLeader) {
      this.leading = null;
      this.tenureCount++;
    }
    this.advance();
    this.notify();
    if (isLeader === wasLeader) return 'unchanged';
    return isLeader ? 'elected' : 'resigned';
  }

  private beginLeading(leadership: Leadership): void {
    const { log } = this;
    this.tenureCount++;
    this.beginEpoch(leadership.leaderEpoch);
    this.ownOffset = log.logEndOffset;
    this.leading = new LeaderState(this.context, leadership, log.logEndOffset);
  }

  /**
   * The epoch begins where the log ends, and followers must be able to ask for it before it has a record: one of them may have records of an epoch
   * between the log's last one and this. Who has neither records nor followers leaves that to the first append.
   */
  private beginEpoch(leaderEpoch: number): void {
    const { log } = this;
    const isAlone = this.leadership.replicas.length === 1;
    if (log.offline !== null || (isAlone && log.logEndOffset === log.logStartOffset)) return;
    log.epochs.assign(leaderEpoch, log.logEndOffset);
  }

  /** The topic is gone, or the replica: every later call is refused, and whoever waits hears it. */
  markDeleted(): void {
    this.isDeleted = true;
    this.leading = null;
    this.tenureCount++;
    this.notify();
    this.listeners.clear();
  }

  /** As a follower: the log has taken over the leader's watermark or start. */
  followed(): void {
    this.notify();
  }

  /** Told after every advance of the high watermark or log start and every change of leader. Returns how to stop listening. */
  subscribe(listener: () => void): () => void {
    return this.listeners.onChange(listener);
  }

  /** The same, and after every append: for followers that wait for records. */
  get appends(): { subscribe(listener: () => void): () => void } {
    return { subscribe: (listener) => this.listeners.onAppend(listener) };
  }

  private notify(): void {
    this.listeners.changed();
  }

  /** For views and invariants. */
  inspect(): PartitionSnapshot {
    const { log, leading, leadership } = this;
    return {
      ...leadership,
      topic: this.topic,
      partition: this.partition,
      role: this.isDeleted ? 'deleted' : leading !== null ? 'leader' : 'follower',
      inSyncReplicas: this.inSyncReplicas,
      maximalInSyncReplicas: leading?.inSync.maximal ?? leadership.inSyncReplicas,
      logStartOffset: log.logStartOffset,
      highWatermark: log.highWatermark,
      logEndOffset: log.logEndOffset,
      epochs: log.epochs.entries,
      followers: leading === null ? [] : [...leading.all()].map((each) => ({ ...each })),
    };
  }
}

/** A partition among all of a cluster; one of a topic that was made again is another. */
export function keyOf({ topicId, partition }: { readonly topicId: string; readonly partition: number }): string {
  return `${partition}:${topicId}`;
}

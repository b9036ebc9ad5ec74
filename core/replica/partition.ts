import type { AbortedTransaction } from '../log/aborted-index.ts';
import { type AppendOrigin, type AppendResult, rejected } from '../log/append-result.ts';
import type { Log } from '../log/log.ts';
import type { FileSlice } from '../ports/files.ts';
import { ErrorCode } from '../protocol/errors.ts';

/**
 * A partition as this broker holds it: its log, who leads it, which replicas are in sync, and up to where records are committed.
 *
 * Invariants:
 * - The high watermark is the smallest log end offset among the in-sync replicas; this broker's own counts as far as flush.messages lets it be
 *   acknowledged. With one replica it is the log's end.
 * - Only the leader appends and answers clients; who asks with another leader epoch than the current one is told so (74, 75).
 * - Listeners hear of every advance and of every change of leader, after the state changed.
 */
export type IsolationLevel = 'read_uncommitted' | 'read_committed';

export interface Leadership {
  /** −1 = none. */
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly inSyncReplicas: readonly number[];
  readonly replicas: readonly number[];
}

export interface AppendOutcome {
  readonly result: AppendResult;
  /** What must resolve before the append may be acknowledged at all (flush.messages), or null. */
  readonly flushed: Promise<void> | null;
}

export interface ReadRequest {
  readonly offset: number;
  readonly maxBytes: number;
  readonly minOneBatch: boolean;
  readonly isolationLevel: IsolationLevel;
  /** −1 = the client does not say. */
  readonly currentLeaderEpoch: number;
  /** The epoch of the last batch that the client has, −1 = it does not say (KIP-595). */
  readonly lastFetchedEpoch: number;
}

export interface PartitionRead {
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly slice: FileSlice | null;
  /** null for read_uncommitted. */
  readonly abortedTransactions: readonly AbortedTransaction[] | null;
  /** Where the client's log leaves the leader's, or null. */
  readonly divergingEpoch: { readonly epoch: number; readonly endOffset: number } | null;
}

const NO_OFFSET = -1;

export class Partition {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: string;
  private currentLog: Log;
  private readonly nodeId: number;
  private leadership: Leadership;
  private isDeleted = false;
  /** How far this broker's own log counts for the high watermark. */
  private ownOffset: number;
  /** Log end offsets of the followers, by broker. */
  private readonly followerOffsets = new Map<number, number>();
  private readonly listeners = new Set<() => void>();

  constructor(topic: string, partition: number, topicId: string, nodeId: number, log: Log, leadership: Leadership) {
    this.topic = topic;
    this.partition = partition;
    this.topicId = topicId;
    this.nodeId = nodeId;
    this.currentLog = log;
    this.leadership = leadership;
    this.ownOffset = log.logEndOffset;
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

  get leader(): number {
    return this.leadership.leader;
  }

  get leaderEpoch(): number {
    return this.leadership.leaderEpoch;
  }

  get inSyncReplicas(): readonly number[] {
    return this.leadership.inSyncReplicas;
  }

  /** min.insync.replicas, as far as the partition has so many replicas. */
  get minInSyncReplicas(): number {
    return Math.min(this.log.config.minInSyncReplicas, this.leadership.replicas.length);
  }

  get isLeader(): boolean {
    return this.leadership.leader === this.nodeId && !this.isDeleted;
  }

  get highWatermark(): number {
    return this.log.highWatermark;
  }

  /** Up to where a consumer with this isolation level may read (exclusive). */
  readableEnd(isolationLevel: IsolationLevel): number {
    return isolationLevel === 'read_committed' ? this.log.lastStableOffset : this.log.highWatermark;
  }

  /** NONE when this broker may answer for the partition under that epoch (−1 = any). */
  check(currentLeaderEpoch: number): number {
    if (this.isDeleted) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    if (this.log.offline !== null) return ErrorCode.KAFKA_STORAGE_ERROR;
    if (currentLeaderEpoch >= 0) {
      if (currentLeaderEpoch < this.leaderEpoch) return ErrorCode.FENCED_LEADER_EPOCH;
      if (currentLeaderEpoch > this.leaderEpoch) return ErrorCode.UNKNOWN_LEADER_EPOCH;
    }
    return this.isLeader ? ErrorCode.NONE : ErrorCode.NOT_LEADER_OR_FOLLOWER;
  }

  /** Appends one batch. `records` is lent for the call; base offset and leader epoch are patched in it. */
  append(records: Buffer, acks: number, origin: AppendOrigin): AppendOutcome {
    const problem = this.check(NO_OFFSET);
    if (problem !== ErrorCode.NONE) return { result: rejected(problem, ''), flushed: null };
    const { minInSyncReplicas } = this;
    if (acks === -1 && this.inSyncReplicas.length < minInSyncReplicas) {
      return {
        result: rejected(
          ErrorCode.NOT_ENOUGH_REPLICAS,
          `${this.inSyncReplicas.length} replicas are in sync, min.insync.replicas is ${minInSyncReplicas}.`,
        ),
        flushed: null,
      };
    }
    const result = this.log.append(records, this.leaderEpoch, origin);
    if (result.kind === 'rejected') return { result, flushed: null };
    const endOffset = this.log.logEndOffset;
    const flushed = this.log.flushAfterAppend();
    if (flushed === null) this.acknowledgeOwn(endOffset);
    else {
      flushed.then(
        () => this.acknowledgeOwn(endOffset),
        () => this.notify(), // The log went offline: whoever waits hears it.
      );
    }
    return { result, flushed };
  }

  private acknowledgeOwn(offset: number): void {
    if (offset > this.ownOffset) this.ownOffset = offset;
    this.advance();
  }

  /** A follower has everything below `offset`. */
  followerReached(brokerId: number, offset: number): void {
    this.followerOffsets.set(brokerId, offset);
    this.advance();
  }

  private advance(): void {
    if (!this.isLeader) return;
    let committed = this.ownOffset;
    for (const brokerId of this.leadership.inSyncReplicas) {
      if (brokerId === this.nodeId) continue;
      committed = Math.min(committed, this.followerOffsets.get(brokerId) ?? 0);
    }
    if (committed > this.log.highWatermark && this.log.updateHighWatermark(committed)) this.notify();
  }

  read(request: ReadRequest): PartitionRead {
    const problem = this.check(request.currentLeaderEpoch);
    if (problem !== ErrorCode.NONE) return failedRead(problem);
    const { log } = this;
    const { offset, lastFetchedEpoch } = request;
    const position = {
      highWatermark: log.highWatermark,
      lastStableOffset: log.lastStableOffset,
      logStartOffset: log.logStartOffset,
    };
    if (lastFetchedEpoch >= 0) {
      const known = log.epochs.endOffsetFor(lastFetchedEpoch, log.logEndOffset);
      if (known.endOffset < 0) return failedRead(ErrorCode.OFFSET_OUT_OF_RANGE);
      if (known.epoch < lastFetchedEpoch || known.endOffset < offset) {
        return { ...position, errorCode: 0, slice: null, abortedTransactions: null, divergingEpoch: known };
      }
    }
    const read = log.read(offset, {
      maxBytes: request.maxBytes,
      maxOffset: this.readableEnd(request.isolationLevel),
      minOneBatch: request.minOneBatch,
    });
    // As in Kafka: beside an error nothing is told of the partition.
    if (read.kind === 'rejected') return failedRead(read.errorCode);
    const abortedTransactions =
      request.isolationLevel === 'read_uncommitted'
        ? null
        : read.slice === null
          ? []
          : log.abortedTransactions(offset, read.endOffset);
    return { ...position, errorCode: 0, slice: read.slice, abortedTransactions, divergingEpoch: null };
  }

  /** Records below `offset` go (−1 = all committed ones). Returns a code and the new log start. */
  deleteRecords(offset: number): { readonly errorCode: number; readonly lowWatermark: number } {
    const problem = this.check(NO_OFFSET);
    if (problem !== ErrorCode.NONE) return { errorCode: problem, lowWatermark: NO_OFFSET };
    const refused = this.log.deleteRecordsBefore(offset === -1 ? this.log.highWatermark : offset);
    if (refused !== null) return { errorCode: refused.errorCode, lowWatermark: NO_OFFSET };
    this.notify();
    return { errorCode: ErrorCode.NONE, lowWatermark: this.log.logStartOffset };
  }

  changeLeadership(leadership: Leadership): void {
    this.leadership = leadership;
    for (const brokerId of this.followerOffsets.keys()) {
      if (!leadership.replicas.includes(brokerId)) this.followerOffsets.delete(brokerId);
    }
    this.advance();
    this.notify();
  }

  /** The topic is gone: every later call is refused, and whoever waits hears it. */
  markDeleted(): void {
    this.isDeleted = true;
    this.notify();
    this.listeners.clear();
  }

  /** Told after every advance of the high watermark or log start and every change of leader. Returns how to stop listening. */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private notify(): void {
    for (const listener of [...this.listeners]) listener();
  }
}

export function failedRead(errorCode: number): PartitionRead {
  return {
    errorCode,
    highWatermark: NO_OFFSET,
    lastStableOffset: NO_OFFSET,
    logStartOffset: NO_OFFSET,
    slice: null,
    abortedTransactions: null,
    divergingEpoch: null,
  };
}

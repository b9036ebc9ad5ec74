import {
  type Append,
  COMMITTED_AT_ONCE,
  type CoordinatorLog,
  refusedAppend,
  type TransactionalProducer,
} from '../groups/coordinator-log.ts';
import type { CoordinatorRecord } from '../groups/records.ts';
import type { Clock, Timer } from '../ports/clock.ts';
import { ControlType, endTxnMarkerOf } from '../protocol/control-record.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { recordsOf } from '../protocol/record.ts';
import { batchesIn } from '../protocol/record-batch.ts';
import { RecordBatchBuilder } from '../protocol/record-batch-builder.ts';
import type { Partition } from '../replica/partition.ts';

const READ_BYTES = 1024 * 1024;
/** Appends that wait for their commit, in one partition. */
const WAITING_MAX = 10_000;

interface Waiting {
  /** Exclusive: the high watermark that commits it. */
  readonly endOffset: number;
  /** Monotonic ms; from then on whoever waits is told that it takes too long. */
  readonly dueMs: number;
  isLate: boolean;
  readonly settle: (errorCode: number) => void;
  readonly tellLate: () => void;
}

/**
 * A partition of an internal topic as the log of its coordinator, in the leader epoch that it is opened in: appends with acks=all.
 *
 * Invariant: the epoch is looked at before an append and before it is acknowledged. Once another one has come, or the partition's log failed, everything that
 * waits is told NOT_COORDINATOR and nothing more is taken.
 */
export class PartitionCoordinatorLog implements CoordinatorLog {
  readonly partition: Partition;
  private readonly clock: Clock;
  private readonly timeoutMs: number;
  private readonly leaderEpoch: number;
  /** Where the log ended when it was opened. */
  private readonly openedAt: number;
  private readonly stop: () => void;
  /** Oldest first. */
  private waiting: Waiting[] = [];
  private whenReady: (() => void) | null = null;
  private timer: Timer | null = null;
  private isOver = false;

  /** `timeoutMs` bounds how long whoever asked waits for the commit. */
  constructor(partition: Partition, clock: Clock, timeoutMs: number) {
    this.partition = partition;
    this.clock = clock;
    this.timeoutMs = timeoutMs;
    this.leaderEpoch = partition.leaderEpoch;
    this.openedAt = partition.log.logEndOffset;
    this.stop = partition.subscribe(() => this.look());
  }

  get problem(): number {
    const isLed = !this.isOver && this.partition.check(this.leaderEpoch) === ErrorCode.NONE;
    return isLed ? ErrorCode.NONE : ErrorCode.NOT_COORDINATOR;
  }

  whenCommitted(then: () => void): void {
    if (this.partition.highWatermark >= this.openedAt) then();
    else this.whenReady = then;
  }

  append(records: readonly CoordinatorRecord[], transaction?: TransactionalProducer): Append {
    const { problem, partition } = this;
    if (problem !== ErrorCode.NONE) return refusedAppend(problem);
    if (records.length === 0) return this.wait(this.waiting.at(-1)?.endOffset ?? 0);
    if (this.waiting.length >= WAITING_MAX) return refusedAppend(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    const builder = new RecordBatchBuilder(transaction === undefined ? {} : { ...transaction, isTransactional: true });
    const nowMs = this.clock.now();
    for (const { key, value } of records) builder.append(nowMs, key, value);
    const { result } = partition.append(builder.build(), -1, 'coordinator');
    if (result.kind === 'rejected') return refusedAppend(coordinatorError(result.errorCode));
    return this.wait(result.lastOffset + 1);
  }

  private wait(endOffset: number): Append {
    if (this.waiting.length === 0 && this.partition.highWatermark >= endOffset) return COMMITTED_AT_ONCE;
    const committed = promiseOf<number>();
    const answer = promiseOf<number>();
    this.waiting.push({
      endOffset,
      dueMs: this.clock.monotonic() + this.timeoutMs,
      isLate: false,
      settle: (errorCode) => {
        committed.resolve(errorCode);
        answer.resolve(errorCode);
      },
      tellLate: () => answer.resolve(ErrorCode.COORDINATOR_NOT_AVAILABLE),
    });
    this.arm();
    return { refused: ErrorCode.NONE, committed: committed.promise, answer: answer.promise };
  }

  private arm(): void {
    const next = this.timer === null ? this.waiting.find(({ isLate }) => !isLate) : undefined;
    if (next === undefined) return;
    this.timer = this.clock.setTimer(Math.max(0, next.dueMs - this.clock.monotonic()), () => {
      this.timer = null;
      const nowMs = this.clock.monotonic();
      for (const each of this.waiting) {
        if (each.isLate || each.dueMs > nowMs) continue;
        each.isLate = true;
        each.tellLate();
      }
      this.arm();
    });
  }

  /** The partition changed. */
  private look(): void {
    if (this.problem !== ErrorCode.NONE) return this.close();
    const { highWatermark } = this.partition;
    let count = 0;
    while (count < this.waiting.length && this.waiting[count]!.endOffset <= highWatermark) count++;
    for (const { settle } of this.waiting.splice(0, count)) settle(ErrorCode.NONE);
    if (this.waiting.length === 0) {
      this.timer?.cancel();
      this.timer = null;
    }
    const { whenReady } = this;
    if (whenReady === null || highWatermark < this.openedAt) return;
    this.whenReady = null;
    whenReady();
  }

  readAll(
    visit: (key: Buffer, value: Buffer | null, producerId: number | null, offset: number) => void,
    onMarker?: (producerId: number, isCommit: boolean) => void,
  ): void {
    readCommitted(this.partition, visit, onMarker);
  }

  close(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.whenReady = null;
    this.stop();
    this.timer?.cancel();
    for (const { settle } of this.waiting.splice(0)) settle(ErrorCode.NOT_COORDINATOR);
  }
}

function promiseOf<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve = (_: T): void => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** What a client of the coordinator is told: errors of the log's own partition are not of the partitions that it asked about. */
function coordinatorError(errorCode: number): number {
  switch (errorCode) {
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.NOT_ENOUGH_REPLICAS:
    case ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case ErrorCode.REQUEST_TIMED_OUT:
      return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    case ErrorCode.NOT_LEADER_OR_FOLLOWER:
    case ErrorCode.KAFKA_STORAGE_ERROR:
      return ErrorCode.NOT_COORDINATOR;
    case ErrorCode.MESSAGE_TOO_LARGE:
    case ErrorCode.RECORD_LIST_TOO_LARGE:
      return ErrorCode.UNKNOWN_SERVER_ERROR;
    default:
      return errorCode;
  }
}

/** Committed records with keys, oldest first; and the markers of transactions between them. */
function readCommitted(
  partition: Partition,
  visit: (key: Buffer, value: Buffer | null, producerId: number | null, offset: number) => void,
  onMarker?: (producerId: number, isCommit: boolean) => void,
): void {
  const { log } = partition;
  let offset = log.logStartOffset;
  for (;;) {
    const read = log.read(offset, { maxBytes: READ_BYTES, maxOffset: log.highWatermark, minOneBatch: true });
    if (read.kind === 'rejected' || read.slice === null) return;
    const bytes = Buffer.allocUnsafe(read.slice.length);
    read.slice.file.readInto(bytes, read.slice.position);
    for (const batch of batchesIn(bytes)) {
      if (batch.isControl) {
        const marker = batch.recordCount > 0 ? endTxnMarkerOf(batch) : undefined;
        if (marker !== undefined) onMarker?.(batch.producerId, marker.type === ControlType.COMMIT);
        continue;
      }
      const producerId = batch.isTransactional ? batch.producerId : null;
      for (const record of recordsOf(batch)) {
        if (record.key !== null) visit(record.key, record.value, producerId, record.offset);
      }
    }
    offset = read.endOffset;
  }
}

import { type File, FileSlice, type Files, FilesError } from '../ports/files.ts';
import { recordsOf } from '../protocol/record.ts';
import { BATCH_HEADER_BYTES, batchBytesAt, RecordBatch } from '../protocol/record-batch.ts';
import { WireError } from '../protocol/wire-error.ts';
import { AbortedIndex } from './aborted-index.ts';
import { isBatchStart, readBatch, scanHeaders } from './batch-scan.ts';
import {
  ABORTED_INDEX_SUFFIX,
  DELETED_SUFFIX,
  joinPath,
  LOG_SUFFIX,
  OFFSET_INDEX_SUFFIX,
  offsetFileName,
  TIME_INDEX_SUFFIX,
} from './file-names.ts';
import type { LogConfig } from './log-config.ts';
import { OffsetIndex } from './offset-index.ts';
import type { HandleHolder, SegmentHandles } from './segment-handles.ts';
import { NO_TIMESTAMP, TimeIndex, type TimestampOffset } from './time-index.ts';

/**
 * One segment of a log: a file of batches back to back, and its indexes. Positions fit an i32.
 *
 * Commit points: `append` returns → the bytes survive this process; `flush` resolves → they survive the machine. The indexes may lag behind
 * both: they are rebuilt after an unclean end, and complete after `sealed` or `close`.
 *
 * Not here: which offsets come next, who may write (`log.ts`), when to roll (`segment-rolling.ts`), whether bytes are sound (`append-validation.ts`,
 * `recovery.ts`).
 */
export interface BatchPosition {
  readonly position: number;
  readonly bytes: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
}

/** Between two batches. */
export interface BatchBoundary {
  readonly position: number;
  /** No batch behind it holds a lower offset. */
  readonly nextOffset: number;
}

/** A log that has grown to this takes disk space ahead: as much again, and at most so much at a time. A small one costs nothing. */
const RESERVE_BYTES_MIN = 1024 * 1024;
const RESERVE_BYTES_MAX = 64 * 1024 * 1024;

export class Segment implements HandleHolder {
  readonly baseOffset: number;
  readonly offsetIndex: OffsetIndex;
  readonly timeIndex: TimeIndex;
  readonly abortedIndex: AbortedIndex;
  /** When this process opened or made the segment. */
  readonly createdAtMs: number;
  private readonly files: Files;
  private directory: string;
  private readonly indexIntervalBytes: number;
  /** null while others use the handle (`segment-handles.ts`), and once closed. */
  private handle: File | null = null;
  private readonly handles: SegmentHandles | null;
  private bytesWithoutHandle = 0;
  private isClosed = false;
  isRecentlyUsed = true;
  private bytesSinceIndexEntry = 0;
  private maxTimestampSoFar: TimestampOffset;
  /** The largest timestamp of the first batch: rolling by time counts from it. undefined = not read yet. */
  private firstBatchTimestamp: number | undefined;
  private suffix: string;
  /** Deleted or closed: nothing is written any more. */
  private isRemoved = false;
  /** Batches changed since the last flush began. */
  private isDirty = true;
  /** Up to where disk space was taken ahead; 0 = nowhere. */
  private reservedBytes = 0;

  constructor(
    files: Files,
    directory: string,
    baseOffset: number,
    config: LogConfig,
    nowMs: number,
    isFlushed = false,
    suffix = '',
    handles: SegmentHandles | null = null,
  ) {
    this.files = files;
    this.suffix = suffix;
    this.directory = directory;
    this.baseOffset = baseOffset;
    this.createdAtMs = nowMs;
    this.isDirty = !isFlushed;
    this.indexIntervalBytes = config.indexIntervalBytes;
    this.handles = handles;
    this.handle = this.open('create');
    const indexBytes = config.segmentIndexBytes;
    const offsetPath = this.path(OFFSET_INDEX_SUFFIX);
    const timePath = this.path(TIME_INDEX_SUFFIX);
    const abortedPath = this.path(ABORTED_INDEX_SUFFIX);
    const isNew = this.log.size === 0;
    const found = (path: string): number | null => (isNew ? null : files.sizeOf(path));
    this.offsetIndex = new OffsetIndex(files, offsetPath, baseOffset, indexBytes, found(offsetPath));
    this.timeIndex = new TimeIndex(files, timePath, baseOffset, indexBytes, found(timePath));
    this.abortedIndex = new AbortedIndex(files, abortedPath, found(abortedPath));
    this.maxTimestampSoFar = this.timeIndex.last();
    if (isNew && config.preallocate) this.reserve(config.segmentBytes);
  }

  private path(suffix: string): string {
    return joinPath(this.directory, offsetFileName(this.baseOffset, suffix) + this.suffix);
  }

  get file(): File {
    return this.log;
  }

  get size(): number {
    return this.handle === null ? this.bytesWithoutHandle : this.handle.size;
  }

  private get log(): File {
    this.isRecentlyUsed = true;
    this.handle ??= this.open('write');
    return this.handle;
  }

  private open(mode: 'create' | 'write'): File {
    const path = this.path(LOG_SUFFIX);
    if (this.isClosed) throw new FilesError('EBADF', path, 'open');
    const open = (): File => this.files.open(path, mode);
    return this.handles === null ? open() : this.handles.open(this, open);
  }

  /** The file is opened again when it is needed. */
  giveUpHandle(): File | null {
    const { handle } = this;
    if (handle !== null) this.bytesWithoutHandle = handle.size;
    this.handle = null;
    return handle;
  }

  /** The largest timestamp of a record here, −1 when none has one. */
  get maxTimestamp(): number {
    return this.maxTimestampSoFar.timestamp;
  }

  /** What retention.ms counts from: without any timestamp, since this process has known the segment. */
  get retentionTimestamp(): number {
    return this.maxTimestamp >= 0 ? this.maxTimestamp : this.createdAtMs;
  }

  /** Its last offset is that of the batch which holds the largest timestamp. */
  get maxTimestampOffset(): TimestampOffset {
    return this.maxTimestampSoFar;
  }

  /** Writes `records`, whole batches, in one gathered write, and notes them in the indexes. */
  append(records: Buffer): void {
    let position = this.log.append([records]);
    if (this.size > this.reservedBytes && this.size >= RESERVE_BYTES_MIN) {
      this.reserve(this.size + Math.min(this.size, RESERVE_BYTES_MAX));
    }
    this.isDirty = true;
    for (let at = 0; at < records.length; ) {
      const batch = new RecordBatch(records, at);
      const bytes = batchBytesAt(records, at);
      this.noteBatch(batch.lastOffset, batch.maxTimestamp, position, bytes);
      at += bytes;
      position += bytes;
    }
  }

  /** Appending to space that was taken ahead costs a fifth less than space found block by block. */
  private reserve(bytes: number): void {
    this.log.reserve(bytes);
    this.reservedBytes = bytes;
  }

  /** Index upkeep for a batch that lies at `position`: on append, and when the indexes are rebuilt. */
  noteBatch(lastOffset: number, maxTimestamp: number, position: number, bytes: number): void {
    if (this.firstBatchTimestamp === undefined && position === 0) this.firstBatchTimestamp = maxTimestamp;
    if (maxTimestamp > this.maxTimestampSoFar.timestamp) {
      this.maxTimestampSoFar = { timestamp: maxTimestamp, offset: lastOffset };
    }
    if (this.bytesSinceIndexEntry > this.indexIntervalBytes && !this.offsetIndex.entries.isFull) {
      this.offsetIndex.append(lastOffset, position);
      this.noteMaxTimestamp();
      this.bytesSinceIndexEntry = 0;
    }
    this.bytesSinceIndexEntry += bytes;
  }

  private noteMaxTimestamp(): void {
    if (!this.timeIndex.entries.isFull) {
      this.timeIndex.maybeAppend(this.maxTimestampSoFar.timestamp, this.maxTimestampSoFar.offset);
    }
  }

  /** How long the segment has waited to be rolled when a batch with `timestamp` comes at `nowMs`. */
  rollAgeMs(nowMs: number, timestamp: number): number {
    const first = this.firstTimestamp;
    return first >= 0 ? timestamp - first : nowMs - this.createdAtMs;
  }

  /** The largest timestamp of the first batch; −1 when there is none. */
  get firstTimestamp(): number {
    if (this.firstBatchTimestamp === undefined && this.size >= BATCH_HEADER_BYTES) {
      scanHeaders(this.log, 0, this.size, (batch) => {
        this.firstBatchTimestamp = batch.maxTimestamp;
        return false;
      });
    }
    return this.firstBatchTimestamp ?? NO_TIMESTAMP;
  }

  get isIndexFull(): boolean {
    return this.offsetIndex.entries.isFull || this.timeIndex.entries.isFull;
  }

  /** The batch that holds `offset`, or the first one behind it; null when there is none below `limit`. */
  findBatch(offset: number, limit = this.size): BatchPosition | null {
    return this.findBatchFrom(this.positionFor(offset), offset, limit);
  }

  /** Where a walk to the batch with `offset` may begin: what the index says, unless the log says otherwise. */
  positionFor(offset: number): number {
    const position = this.offsetIndex.positionFor(offset);
    return isBatchStart(this.log, position, offset) ? position : 0;
  }

  findBatchFrom(start: number, offset: number, limit = this.size): BatchPosition | null {
    let found: BatchPosition | null = null;
    scanHeaders(this.log, start, limit, (batch, position, bytes) => {
      const lastOffset = batch.lastOffset;
      if (lastOffset < offset) return true;
      found = { position, bytes, baseOffset: batch.baseOffset, lastOffset };
      return false;
    });
    return found;
  }

  /** The last batch start at or below `position`, which lies inside the segment: where a read of the bytes before `position` must end. */
  batchBoundaryAtOrBelow(position: number, from: number): BatchBoundary {
    const indexed = this.offsetIndex.batchStartAtOrBelow(position);
    const isUseful = indexed > from && isBatchStart(this.log, indexed, Number.MAX_SAFE_INTEGER);
    const start = isUseful ? indexed : from;
    let boundary: BatchBoundary = { position: start, nextOffset: -1 };
    scanHeaders(this.log, start, this.size, (batch, at, bytes) => {
      boundary = { position: at, nextOffset: batch.baseOffset };
      return at + bytes <= position;
    });
    return boundary;
  }

  /** The end of the batch that begins at `position`. */
  batchEnd(position: number): BatchBoundary {
    let boundary: BatchBoundary = { position, nextOffset: -1 };
    scanHeaders(this.log, position, this.size, (batch, at, bytes) => {
      boundary = { position: at + bytes, nextOffset: batch.nextOffset };
      return false;
    });
    return boundary;
  }

  slice(position: number, length: number): FileSlice {
    return new FileSlice(this.log, position, length);
  }

  /** The first record at or behind `startOffset` whose timestamp is `timestamp` or later. Decodes the one batch that may hold it. */
  findTimestamp(timestamp: number, startOffset: number): FoundRecord | null {
    const from = Math.max(this.timeIndex.offsetFor(timestamp), startOffset);
    let position = this.positionFor(from);
    for (;;) {
      let candidate: { position: number; bytes: number } | null = null;
      scanHeaders(this.log, position, this.size, (batch, at, bytes) => {
        if (batch.maxTimestamp < timestamp || batch.lastOffset < startOffset) return true;
        candidate = { position: at, bytes };
        return false;
      });
      const hit = candidate as { position: number; bytes: number } | null;
      if (hit === null) return null;
      const found = firstRecord(readBatch(this.log, hit.position, hit.bytes), timestamp, startOffset);
      if (found !== null) return found;
      position = hit.position + hit.bytes;
    }
  }

  /** After a clean load: reads what follows the last index entry, so that appends count on from there. Returns the offset after the last batch. */
  loadTail(): number {
    let next = this.baseOffset;
    const start = this.offsetIndex.lastPosition;
    scanHeaders(this.log, start, this.size, (batch) => {
      next = batch.nextOffset;
      if (batch.maxTimestamp > this.maxTimestampSoFar.timestamp) {
        this.maxTimestampSoFar = { timestamp: batch.maxTimestamp, offset: batch.lastOffset };
      }
      return true;
    });
    this.bytesSinceIndexEntry = this.size - start;
    return next;
  }

  /** Removes the batches from the one that holds `offset` on; returns the offset where the log goes on: lower when a batch held it. */
  truncateTo(offset: number): number {
    const batch = this.findBatch(offset);
    this.offsetIndex.truncateTo(offset);
    this.timeIndex.truncateTo(offset);
    this.abortedIndex.truncateTo(offset);
    if (batch !== null) {
      this.log.truncate(batch.position);
      this.reservedBytes = 0;
    }
    this.isDirty = true;
    if (this.size === 0) this.firstBatchTimestamp = undefined;
    this.maxTimestampSoFar = this.timeIndex.last();
    this.loadTail();
    return batch === null ? offset : Math.min(offset, batch.baseOffset);
  }

  /** Empties the indexes, for `noteBatch` to fill them again. */
  resetIndexes(): void {
    this.offsetIndex.entries.reset();
    this.timeIndex.clear();
    this.abortedIndex.entries.truncate(0);
    this.maxTimestampSoFar = { timestamp: NO_TIMESTAMP, offset: this.baseOffset };
    this.firstBatchTimestamp = undefined;
    this.bytesSinceIndexEntry = 0;
  }

  /** No append will follow: the time index gets its last entry, both indexes go to their files, and disk space that was not needed is given back. */
  seal(): void {
    // Also what a life of this broker that ended uncleanly had reserved.
    if (this.reservedBytes > 0 || this.size >= RESERVE_BYTES_MIN) this.log.trim();
    this.reservedBytes = 0;
    this.noteMaxTimestamp();
    this.offsetIndex.entries.release();
    this.timeIndex.entries.release();
    if (this.abortedIndex.entries.count > 0) this.abortedIndex.entries.release();
  }

  /** The batches only: enough for the active segment, whose indexes are rebuilt after an unclean end. */
  async flushLog(): Promise<void> {
    if (this.isRemoved || !this.isDirty) return;
    this.isDirty = false;
    await this.log.flush();
  }

  /** Batches and indexes. */
  async flush(): Promise<void> {
    await this.flushLog();
    for (const { entries } of [this.offsetIndex, this.timeIndex, this.abortedIndex]) {
      if (this.isRemoved) return;
      if (entries.count === 0 && entries === this.abortedIndex.entries) continue;
      await entries.flush();
      entries.close();
    }
  }

  /** `seal` is the clean way; without it what the indexes have in memory is lost, and rebuilt at the next start. */
  close(): void {
    this.isRemoved = true;
    this.isClosed = true;
    this.handles?.forget(this);
    this.giveUpHandle()?.close();
    this.offsetIndex.entries.close();
    this.timeIndex.entries.close();
    this.abortedIndex.entries.close();
  }

  /** Renames all files to `….deleted`; readers that hold the file go on. */
  markDeleted(): void {
    this.isRemoved = true;
    this.changeSuffix(DELETED_SUFFIX);
  }

  /** Renames all files, the batches first: on the way from `.cleaned` by `.swap` to the final names. */
  changeSuffix(suffix: string): void {
    const before = this.path(LOG_SUFFIX);
    this.suffix = suffix;
    this.files.rename(before, this.path(LOG_SUFFIX));
    this.offsetIndex.entries.rename(this.path(OFFSET_INDEX_SUFFIX));
    this.timeIndex.entries.rename(this.path(TIME_INDEX_SUFFIX));
    this.abortedIndex.entries.rename(this.path(ABORTED_INDEX_SUFFIX));
  }

  /** The folder was renamed with all that is in it. */
  moveTo(directory: string): void {
    this.directory = directory;
    this.offsetIndex.entries.movedTo(this.path(OFFSET_INDEX_SUFFIX));
    this.timeIndex.entries.movedTo(this.path(TIME_INDEX_SUFFIX));
    this.abortedIndex.entries.movedTo(this.path(ABORTED_INDEX_SUFFIX));
  }

  remove(): void {
    this.close();
    for (const suffix of [LOG_SUFFIX, OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, ABORTED_INDEX_SUFFIX]) {
      this.files.remove(this.path(suffix));
    }
  }

  /** Right after opening: null, or why the indexes cannot be used as they lie on disk. */
  checkIndexes(): string | null {
    const { offsetIndex, timeIndex } = this;
    if (this.size > 0 && offsetIndex.entries.foundBytes === null) return 'the offset index is missing';
    if (this.size > 0 && timeIndex.entries.foundBytes === null) return 'the time index is missing';
    const offsetProblem = offsetIndex.check(this.size);
    if (offsetProblem !== null) return `offset index: ${offsetProblem}`;
    const { lastPosition, lastOffset } = offsetIndex;
    if (this.size > 0 && !isBatchStart(this.log, lastPosition, lastOffset)) {
      return `offset index: at ${lastPosition} there is no batch with the offset ${lastOffset}`;
    }
    const timeProblem = timeIndex.check();
    return timeProblem === null ? null : `time index: ${timeProblem}`;
  }

  /** Gives the indexes' descriptors back; what is not written yet stays in memory. */
  closeIndexes(): void {
    for (const { entries } of [this.offsetIndex, this.timeIndex, this.abortedIndex]) entries.close();
  }
}

export interface FoundRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly leaderEpoch: number;
}

/** Where a producer sent a block that cannot be unpacked, the header answers for the batch. */
function firstRecord(batch: RecordBatch, timestamp: number, startOffset: number): FoundRecord | null {
  const leaderEpoch = batch.partitionLeaderEpoch;
  try {
    for (const record of recordsOf(batch)) {
      if (record.timestamp >= timestamp && record.offset >= startOffset) {
        return { offset: record.offset, timestamp: record.timestamp, leaderEpoch };
      }
    }
    return null;
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return { offset: Math.max(batch.baseOffset, startOffset), timestamp: batch.maxTimestamp, leaderEpoch };
  }
}

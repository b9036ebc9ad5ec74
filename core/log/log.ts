import type { Clock } from '../ports/clock.ts';
import { type FileSlice, type Files, FilesError } from '../ports/files.ts';
import type { Random } from '../ports/random.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { batchesIn, type RecordBatch } from '../protocol/record-batch.ts';
import type { AbortedTransaction } from './aborted-index.ts';
import { type AppendOrigin, type AppendResult, type Rejected, rejected } from './append-result.ts';
import { validateBatch } from './append-validation.ts';
import { CLEANED_SUFFIX, parentOf } from './file-names.ts';
import { LeaderEpochs } from './leader-epochs.ts';
import { isCompacted, type LogConfig } from './log-config.ts';
import { PositionCache } from './position-cache.ts';
import { ProducerState } from './producer-state.ts';
import { loadSegments, removeSegmentFiles, replayProducers } from './recovery.ts';
import { type FoundRecord, Segment } from './segment.ts';

/**
 * A partition's log: its segments in offset order, of which the last one takes appends.
 *
 * Invariant: logStartOffset ≤ lastStableOffset ≤ highWatermark ≤ logEndOffset, and offsets in the segments rise.
 * Append and read are synchronous (see `Files`), so the owner of the partition needs no locks. What an append promises: after it returns the batch
 * survives the process; after `flush` resolves it survives the machine.
 *
 * A failing disk takes this log offline: every later call answers KAFKA_STORAGE_ERROR, other logs go on.
 *
 * Not here: who is leader, when the high watermark rises (`replica/`); timers for retention and flush (`log-manager.ts`).
 */
export interface LogOptions {
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  /** The partition's folder; made when absent. */
  readonly directory: string;
  readonly topic: string;
  readonly partition: number;
  readonly config: LogConfig;
  /** The last owner closed this log; nothing needs to be recovered. */
  readonly isClean: boolean;
  /** From the checkpoints; 0 when unknown. */
  readonly recoveryPoint: number;
  readonly logStartOffset: number;
  readonly highWatermark: number;
  /** Told what people should know: cut tails, rebuilt indexes, a failed disk. */
  readonly onProblem: (message: string) => void;
  /** The recovery point may have fallen: the checkpoint should follow soon. */
  readonly onTruncated?: () => void;
}

export interface ReadOptions {
  readonly maxBytes: number;
  /** Exclusive bound: the high watermark, last stable offset or log end, whatever the reader may see. */
  readonly maxOffset: number;
  /** Return the first batch even when it is larger than `maxBytes`. */
  readonly minOneBatch: boolean;
}

export type ReadResult =
  | {
      readonly kind: 'read';
      readonly errorCode: 0;
      /** Whole batches of one segment, or null when there is nothing to read (yet, or within `maxBytes`). */
      readonly slice: FileSlice | null;
      /** The offset behind the last batch returned; the start offset when there is none. */
      readonly endOffset: number;
    }
  | Rejected;

interface RollNeed {
  readonly bytes: number;
  readonly lastOffset: number;
  readonly timestamp: number;
}

const OFFSET_DELTA_MAX = 0x7fff_ffff;

export class Log {
  readonly topic: string;
  readonly partition: number;
  readonly directory: string;
  readonly producers: ProducerState;
  readonly epochs: LeaderEpochs;
  /** Replaced by the owner when the topic's settings change; takes effect at the next append. */
  config: LogConfig;
  private readonly files: Files;
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly onProblem: (message: string) => void;
  private readonly onTruncated: () => void;
  private readonly positions = new PositionCache();
  private readonly list: Segment[];
  private startOffset: number;
  private endOffset: number;
  private watermark: number;
  private flushedOffset: number;
  /** Rolled, and their indexes not yet on the device: the recovery point stays below them. */
  private unflushedSealed: Segment[] = [];
  private flushing: Promise<void> | null = null;
  private flushWaiting: Promise<void> | null = null;
  private rollJitterMs: number;
  /** Files were made, renamed or removed since the folder was last flushed. */
  private isFolderDirty = true;
  /** The folder's own entry may not be on the device. */
  private isNewFolder = true;
  private offlineReason: string | null = null;
  private isClosed = false;
  /** Monotonic time of the last flush, for flush.ms. */
  lastFlushMs: number;
  /** The cleaner has a pass over this log under way: retention waits. */
  isBeingCleaned = false;
  /** How often the log was truncated: what was read before is not what lies here now. */
  truncationCount = 0;

  /** Opens what lies in the folder, recovering it when its last owner did not close it. */
  constructor(options: LogOptions) {
    this.topic = options.topic;
    this.partition = options.partition;
    this.directory = options.directory;
    this.config = options.config;
    this.files = options.files;
    this.clock = options.clock;
    this.random = options.random;
    this.onProblem = (message) => options.onProblem(`${this.directory}: ${message}`);
    this.onTruncated = options.onTruncated ?? (() => {});
    this.files.makeDirectory(this.directory);
    this.epochs = new LeaderEpochs(this.files, this.directory, (error) => this.goOffline(error));
    this.producers = new ProducerState(this.files, this.directory);
    const loaded = loadSegments({
      files: this.files,
      directory: this.directory,
      config: this.config,
      nowMs: this.clock.now(),
      isClean: options.isClean,
      recoveryPoint: options.recoveryPoint,
      logStartOffset: options.logStartOffset,
      epochs: this.epochs,
      onProblem: this.onProblem,
    });
    this.list = loaded.segments;
    this.unflushedSealed = this.list.slice(0, -1).filter((segment) => loaded.rebuilt.has(segment));
    this.endOffset = loaded.logEndOffset;
    this.startOffset = Math.min(Math.max(options.logStartOffset, this.list[0]!.baseOffset), this.endOffset);
    this.epochs.truncateFromEnd(this.endOffset);
    this.epochs.truncateFromStart(this.startOffset);
    this.flushedOffset = options.isClean ? this.endOffset : Math.min(options.recoveryPoint, this.endOffset);
    this.watermark = Math.min(Math.max(options.highWatermark, this.startOffset), this.endOffset);
    replayProducers(this.producers, this.list, this.startOffset, this.endOffset, loaded.rebuilt);
    this.producers.onHighWatermark(this.watermark);
    this.rollJitterMs = this.drawJitter();
    this.lastFlushMs = this.clock.monotonic();
  }

  get logStartOffset(): number {
    return this.startOffset;
  }

  /** The offset that the next record gets. */
  get logEndOffset(): number {
    return this.endOffset;
  }

  get highWatermark(): number {
    return this.watermark;
  }

  /** What a read_committed reader may see up to (exclusive). */
  get lastStableOffset(): number {
    const unstable = this.producers.firstUnstableOffset;
    return unstable === null ? this.watermark : Math.max(this.startOffset, Math.min(unstable, this.watermark));
  }

  /** Everything below is on the device. */
  get recoveryPoint(): number {
    return Math.min(this.flushedOffset, this.unflushedSealed[0]?.baseOffset ?? this.flushedOffset);
  }

  get segments(): readonly Segment[] {
    return this.list;
  }

  get size(): number {
    return this.list.reduce((bytes, segment) => bytes + segment.size, 0);
  }

  /** Why the disk was given up; null while the log is online. */
  get offline(): string | null {
    return this.offlineReason;
  }

  private get active(): Segment {
    return this.list[this.list.length - 1]!;
  }

  /** Raises (or after a truncation lowers) the high watermark; clamped to the log's bounds. True when it changed. */
  updateHighWatermark(offset: number): boolean {
    const next = Math.min(Math.max(offset, this.startOffset), this.endOffset);
    if (next === this.watermark) return false;
    this.watermark = next;
    this.producers.onHighWatermark(next);
    return true;
  }

  /**
   * Appends one batch as leader: checks it, gives it offsets and the leader epoch (patched in `records`, which the caller lends for the call), writes it.
   */
  append(records: Buffer, leaderEpoch: number, origin: AppendOrigin = 'client'): AppendResult {
    if (this.offlineReason !== null) return this.storageError();
    const nowMs = this.clock.now();
    const valid = validateBatch(records, origin, this.config, nowMs);
    if (valid.kind === 'rejected') return valid;
    const { batch, logAppendTimeMs } = valid;
    if (batch.hasProducerId) {
      const known = this.producers.check(batch, origin);
      if (known !== null) {
        if ('kind' in known) return known;
        const firstOffset = known.lastOffset - known.offsetDelta;
        return {
          kind: 'appended',
          errorCode: 0,
          firstOffset,
          lastOffset: known.lastOffset,
          logAppendTimeMs: logAppendTimeMs < 0 ? -1 : known.timestamp,
          isDuplicate: true,
        };
      }
    }
    const firstOffset = this.endOffset;
    batch.baseOffset = firstOffset;
    batch.partitionLeaderEpoch = leaderEpoch;
    const lastOffset = batch.lastOffset;
    const need = { bytes: batch.bytes, lastOffset, timestamp: batch.maxTimestamp };
    const failed = this.write(batch.view, need, nowMs, (segment) => this.noteAppended(segment, batch));
    if (failed !== null) return failed;
    return { kind: 'appended', errorCode: 0, firstOffset, lastOffset, logAppendTimeMs, isDuplicate: false };
  }

  /**
   * Appends whole batches that already have offsets and epochs: a follower's copy of its leader's log. They must begin at or after the log's end.
   * What is cut off at the end of `records` is left out. CRCs are checked: the bytes came over a network.
   */
  appendAsFollower(records: Buffer): AppendResult {
    if (this.offlineReason !== null) return this.storageError();
    let bytes = 0;
    let nextOffset = this.endOffset;
    let firstOffset = -1;
    let timestamp = -1;
    for (const batch of batchesIn(records)) {
      if (!batch.isCrcValid) {
        return rejected(ErrorCode.CORRUPT_MESSAGE, `The batch at offset ${batch.baseOffset} does not fit its CRC.`);
      }
      if (batch.baseOffset < nextOffset) {
        return rejected(
          ErrorCode.UNKNOWN_SERVER_ERROR,
          `The batch at offset ${batch.baseOffset} lies below the log's end ${nextOffset}.`,
        );
      }
      if (firstOffset < 0) firstOffset = batch.baseOffset;
      timestamp = Math.max(timestamp, batch.maxTimestamp);
      nextOffset = batch.nextOffset;
      bytes += batch.bytes;
    }
    if (bytes > 0) {
      const whole = records.subarray(0, bytes);
      const need = { bytes, lastOffset: nextOffset - 1, timestamp };
      const failed = this.write(whole, need, this.clock.now(), (segment) => {
        for (const batch of batchesIn(whole)) this.noteAppended(segment, batch);
      });
      if (failed !== null) return failed;
    }
    return {
      kind: 'appended',
      errorCode: 0,
      firstOffset,
      lastOffset: nextOffset - 1,
      logAppendTimeMs: -1,
      isDuplicate: false,
    };
  }

  private write(bytes: Buffer, need: RollNeed, nowMs: number, note: (segment: Segment) => void): Rejected | null {
    try {
      const segment = this.rollIfNeeded(need, nowMs);
      segment.append(bytes);
      note(segment);
      return null;
    } catch (error) {
      if (!(error instanceof FilesError)) throw error;
      this.goOffline(error);
      return this.storageError();
    }
  }

  private noteAppended(segment: Segment, batch: RecordBatch): void {
    this.endOffset = batch.nextOffset;
    this.epochs.assign(batch.partitionLeaderEpoch, batch.baseOffset);
    const completed = this.producers.update(batch);
    if (completed?.isAborted) {
      const lastStableOffset = this.producers.stableOffsetAfter(completed);
      segment.abortedIndex.append({ ...completed, lastStableOffset });
    }
  }

  private rollIfNeeded(need: RollNeed, nowMs: number): Segment {
    const active = this.active;
    const { segmentBytes } = this.config;
    const isFull = active.size > segmentBytes - need.bytes;
    const isDistant = need.lastOffset - active.baseOffset > OFFSET_DELTA_MAX;
    const isRollNeeded =
      isDistant ||
      (active.size > 0 &&
        (isFull || active.isIndexFull || active.rollAgeMs(nowMs, need.timestamp) > this.rollMs - this.rollJitterMs));
    return isRollNeeded ? this.roll() : active;
  }

  /** Seals the active segment and begins a new one at the log's end. */
  roll(): Segment {
    const sealed = this.active;
    if (sealed.size === 0 && sealed.baseOffset === this.endOffset) return sealed;
    sealed.seal();
    this.producers.takeSnapshot();
    const segment = new Segment(this.files, this.directory, this.endOffset, this.config, this.clock.now());
    this.list.push(segment);
    this.isFolderDirty = true;
    this.rollJitterMs = this.drawJitter();
    this.unflushedSealed.push(sealed);
    this.flush().catch(() => {}); // A failure took the log offline and was reported.
    return segment;
  }

  /** segment.ms; a compacted log rolls no later than max.compaction.lag.ms asks for, since the active segment is never cleaned. */
  private get rollMs(): number {
    const { segmentMs, maxCompactionLagMs } = this.config;
    return this.isCompacted ? Math.min(segmentMs, maxCompactionLagMs) : segmentMs;
  }

  private drawJitter(): number {
    const jitterMs = Math.min(this.config.segmentJitterMs, this.rollMs, 0x7fff_ffff);
    return jitterMs <= 0 ? 0 : this.random.integer(jitterMs);
  }

  /** Bytes from `startOffset` on; also the whole batch in which it lies. */
  read(startOffset: number, options: ReadOptions): ReadResult {
    if (this.offlineReason !== null) return this.storageError();
    if (startOffset < this.startOffset || startOffset > this.endOffset) {
      return rejected(
        ErrorCode.OFFSET_OUT_OF_RANGE,
        `Offset ${startOffset} is not within [${this.startOffset}, ${this.endOffset}].`,
      );
    }
    const bound = Math.min(options.maxOffset, this.endOffset);
    if (startOffset >= bound) return { kind: 'read', errorCode: 0, slice: null, endOffset: startOffset };
    try {
      for (let index = this.segmentIndexFor(startOffset); index < this.list.length; index++) {
        const segment = this.list[index]!;
        if (segment.baseOffset >= bound) break;
        const segmentEnd = this.list[index + 1]?.baseOffset ?? this.endOffset;
        const limit = bound >= segmentEnd ? segment.size : (this.positionOf(segment, bound) ?? segment.size);
        const position = this.positionOf(segment, startOffset);
        if (position === null || position >= limit) continue;
        return this.cut(segment, position, limit, Math.min(bound, segmentEnd), startOffset, options);
      }
    } catch (error) {
      if (!(error instanceof FilesError)) throw error;
      this.goOffline(error);
      return this.storageError();
    }
    return { kind: 'read', errorCode: 0, slice: null, endOffset: startOffset };
  }

  /** Ends a read at `limit`, or at the last batch that ends within `maxBytes`. */
  private cut(
    segment: Segment,
    position: number,
    limit: number,
    limitOffset: number,
    startOffset: number,
    options: ReadOptions,
  ): ReadResult {
    if (limit - position <= options.maxBytes) {
      this.positions.set(segment, limitOffset, limit);
      return { kind: 'read', errorCode: 0, slice: segment.slice(position, limit - position), endOffset: limitOffset };
    }
    let end = segment.batchBoundaryAtOrBelow(position + options.maxBytes, position);
    if (end.position === position) {
      if (!options.minOneBatch) return { kind: 'read', errorCode: 0, slice: null, endOffset: startOffset };
      end = segment.batchEnd(position);
    }
    this.positions.set(segment, end.nextOffset, end.position);
    const slice = segment.slice(position, end.position - position);
    return { kind: 'read', errorCode: 0, slice, endOffset: end.nextOffset };
  }

  private positionOf(segment: Segment, offset: number): number | null {
    const known = this.positions.get(segment, offset);
    if (known !== null) return known;
    const batch = segment.findBatch(offset);
    if (batch === null) return null;
    this.positions.set(segment, offset, batch.position);
    return batch.position;
  }

  /** The last segment whose base is at or below `offset`. */
  private segmentIndexFor(offset: number): number {
    let low = 0;
    let high = this.list.length - 1;
    if (this.list[high]!.baseOffset <= offset) return high;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.list[middle]!.baseOffset <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The aborted transactions that touch [startOffset, endOffset), for a read_committed reader. */
  abortedTransactions(startOffset: number, endOffset: number): AbortedTransaction[] {
    const found: AbortedTransaction[] = [];
    for (let index = this.segmentIndexFor(startOffset); index < this.list.length; index++) {
      if (this.list[index]!.abortedIndex.collect(startOffset, endOffset, found)) break;
    }
    return found;
  }

  /** The first record whose timestamp is `timestamp` or later; null when there is none. */
  offsetForTimestamp(timestamp: number): FoundRecord | null {
    for (const segment of this.list) {
      if (segment.maxTimestamp < timestamp) continue;
      const found = segment.findTimestamp(timestamp, this.startOffset);
      if (found !== null) return found;
    }
    return null;
  }

  /** The record with the largest timestamp (the first of several); null when the log has none. */
  maxTimestampRecord(): FoundRecord | null {
    let timestamp = -1;
    for (const segment of this.list) timestamp = Math.max(timestamp, segment.maxTimestamp);
    return timestamp < 0 ? null : this.offsetForTimestamp(timestamp);
  }

  /** DeleteRecords: no reader sees what lies before `offset` any more. Whole segments go at the next retention run. */
  deleteRecordsBefore(offset: number): Rejected | null {
    if (this.offlineReason !== null) return this.storageError();
    if (offset > this.watermark || offset < 0) {
      return rejected(
        ErrorCode.OFFSET_OUT_OF_RANGE,
        `Records before ${offset} cannot be deleted: the high watermark is ${this.watermark}.`,
      );
    }
    if (offset > this.startOffset) this.raiseStart(offset);
    return null;
  }

  /** For a follower whose leader deleted records: the start follows, and the high watermark where it lies below. */
  raiseStart(offset: number): void {
    this.startOffset = Math.min(Math.max(this.startOffset, offset), this.endOffset);
    if (this.watermark < this.startOffset) this.updateHighWatermark(this.startOffset);
    this.epochs.truncateFromStart(this.startOffset);
  }

  /** Removes every batch from the one that holds `offset` on. */
  truncateTo(offset: number): void {
    if (offset >= this.endOffset) return;
    if (offset < this.startOffset || offset < this.list[0]!.baseOffset) return this.truncateFully(offset);
    this.positions.clear();
    const kept = this.segmentIndexFor(offset) + 1;
    this.discard(this.list.splice(kept));
    const endOffset = this.active.truncateTo(offset);
    // The batch also held records below the log start: nothing that anyone may read is left.
    if (endOffset < this.startOffset) return this.truncateFully(this.startOffset);
    this.endOffset = endOffset;
    this.afterTruncation();
    replayProducers(this.producers, this.list, this.startOffset, this.endOffset, new Set());
  }

  /** Drops everything; the log goes on, empty, at `offset`. */
  truncateFully(offset: number): void {
    this.positions.clear();
    this.discard(this.list.splice(0));
    this.list.push(new Segment(this.files, this.directory, offset, this.config, this.clock.now()));
    this.startOffset = offset;
    this.endOffset = offset;
    this.epochs.clear();
    this.producers.reset(offset);
    this.afterTruncation();
  }

  private afterTruncation(): void {
    this.isFolderDirty = true;
    this.truncationCount++;
    this.epochs.truncateFromEnd(this.endOffset);
    this.flushedOffset = Math.min(this.flushedOffset, this.endOffset);
    this.watermark = Math.min(Math.max(this.watermark, this.startOffset), this.endOffset);
    this.producers.onHighWatermark(this.watermark);
    this.onTruncated();
  }

  /** Deletes segments that retention.ms, retention.bytes or the log start have outdated; never beyond the high watermark. Returns how many. */
  applyRetention(): number {
    if (this.offlineReason !== null || this.isBeingCleaned) return 0;
    const { retentionMs, retentionBytes, cleanupPolicy } = this.config;
    const nowMs = this.clock.now();
    const mayDelete = cleanupPolicy.includes('delete');
    let excess = mayDelete && retentionBytes >= 0 ? this.size - retentionBytes : -1;
    let count = 0;
    for (let index = 0; index < this.list.length; index++) {
      const segment = this.list[index]!;
      const next = this.list[index + 1];
      const endOffset = next?.baseOffset ?? this.endOffset;
      if (endOffset > this.watermark || (next === undefined && segment.size === 0)) break;
      const isExpired = mayDelete && retentionMs >= 0 && nowMs - segment.retentionTimestamp > retentionMs;
      excess -= segment.size;
      const isOutdated = next !== undefined && endOffset <= this.startOffset;
      if (!isExpired && excess < 0 && !isOutdated) break;
      count++;
    }
    if (count === 0) return 0;
    try {
      if (count === this.list.length) this.roll();
      this.positions.clear();
      this.discard(this.list.splice(0, count));
    } catch (error) {
      if (!(error instanceof FilesError)) throw error;
      this.goOffline(error);
      return 0;
    }
    const first = this.list[0]!.baseOffset;
    this.raiseStart(first);
    this.producers.removeSnapshots((offset) => offset < first);
    return count;
  }

  /** A segment for the cleaner to write: `.cleaned` files that are no part of the log, and go at the next start. */
  newCleanedSegment(baseOffset: number, createdAtMs: number): Segment {
    removeSegmentFiles(this.files, this.directory, baseOffset, CLEANED_SUFFIX);
    this.isFolderDirty = true;
    const config = { ...this.config, preallocate: false };
    return new Segment(this.files, this.directory, baseOffset, config, createdAtMs, false, CLEANED_SUFFIX);
  }

  /**
   * Puts `cleaned`, whose files are complete on the device under `.swap` names, in the place of `replaced`. From the first rename on a crash ends in the
   * new state: recovery finishes the swap. False when the replaced segments are no longer the log's.
   */
  replaceSegments(cleaned: Segment, replaced: readonly Segment[]): boolean {
    const at = this.list.indexOf(replaced[0]!);
    const isWhole = replaced.every((segment, index) => this.list[at + index] === segment);
    if (this.offlineReason !== null || at < 0 || !isWhole || at + replaced.length >= this.list.length) return false;
    this.isFolderDirty = true;
    try {
      this.discard(replaced);
      cleaned.changeSuffix('');
      // A snapshot stands at the beginning of a segment.
      const gone = new Set(replaced.slice(1).map((segment) => segment.baseOffset));
      if (gone.size > 0) this.producers.removeSnapshots((offset) => gone.has(offset));
    } catch (error) {
      this.goOffline(error);
      return false;
    }
    this.list.splice(at, replaced.length, cleaned);
    this.positions.clear();
    return true;
  }

  /** Renames the segments to `.deleted` now, removes them once slices in flight have had time to end. */
  private discard(segments: readonly Segment[]): void {
    if (segments.length === 0) return;
    const gone = new Set(segments);
    this.unflushedSealed = this.unflushedSealed.filter((segment) => !gone.has(segment));
    for (const segment of segments) segment.markDeleted();
    this.clock.setTimer(this.config.fileDeleteDelayMs, () => {
      for (const segment of segments) {
        try {
          segment.remove();
        } catch (error) {
          this.onProblem(`a deleted segment could not be removed: ${String(error)}`);
        }
      }
    });
  }

  /**
   * After an append: the flush that flush.messages asks for before the append may be acknowledged, or null when it asks for none.
   * Appends that come while the device works share the next flush.
   */
  flushAfterAppend(): Promise<void> | null {
    return this.endOffset - this.flushedOffset >= this.config.flushMessages ? this.flush() : null;
  }

  /** Everything that was appended before the call, to the device. Rejects when the disk fails; the log is offline then. */
  flush(): Promise<void> {
    if (this.flushing === null) {
      this.flushing = this.flushNow().finally(() => {
        this.flushing = null;
      });
      return this.flushing;
    }
    this.flushWaiting ??= this.flushing
      .catch(() => {})
      .then(() => {
        this.flushWaiting = null;
        return this.flush();
      });
    return this.flushWaiting;
  }

  private async flushNow(): Promise<void> {
    if (this.offlineReason !== null || this.isClosed) return;
    const endOffset = this.endOffset;
    const sealed = new Set(this.unflushedSealed);
    const active = this.active;
    this.lastFlushMs = this.clock.monotonic();
    try {
      for (const segment of sealed) {
        await segment.flush();
      }
      await active.flushLog();
      if (this.isFolderDirty) await this.flushFolder();
      await this.epochs.settled();
    } catch (error) {
      this.goOffline(error);
      throw error;
    }
    this.unflushedSealed = this.unflushedSealed.filter((segment) => !sealed.has(segment));
    this.flushedOffset = Math.max(this.flushedOffset, Math.min(endOffset, this.endOffset));
  }

  /** Makes names of files that came, went or changed survive a power cut. */
  async flushFolder(): Promise<void> {
    this.isFolderDirty = false;
    await this.files.flushDirectory(this.directory);
    if (!this.isNewFolder) return;
    this.isNewFolder = false;
    await this.files.flushDirectory(parentOf(this.directory));
  }

  /** The clean end: indexes and producer state are complete on the device, so that the next start needs no recovery. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    if (this.offlineReason === null) {
      this.active.seal();
      this.producers.takeSnapshot();
      if (!this.unflushedSealed.includes(this.active)) this.unflushedSealed.push(this.active);
      await this.flush();
    }
    this.closeFiles();
  }

  /** Gives the descriptors back at once: before the folder is deleted, or when the disk failed. */
  closeFiles(): void {
    this.isClosed = true;
    this.offlineReason ??= 'closed';
    for (const segment of this.list) segment.close();
  }

  get isCompacted(): boolean {
    return isCompacted(this.config);
  }

  private goOffline(error: unknown): void {
    if (this.offlineReason !== null) return;
    this.offlineReason = error instanceof Error ? error.message : String(error);
    this.onProblem(`the log is offline: ${this.offlineReason}`);
  }

  private storageError(): Rejected {
    return rejected(ErrorCode.KAFKA_STORAGE_ERROR, `The log is offline: ${this.offlineReason}.`);
  }
}

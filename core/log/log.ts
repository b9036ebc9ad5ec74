import type { Clock } from '../ports/clock.ts';
import { FilesError } from '../ports/files.ts';
import type { Random } from '../ports/random.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { batchesIn, type RecordBatch } from '../protocol/record-batch.ts';
import type { AbortedTransaction } from './aborted-index.ts';
import { type AppendOrigin, type AppendResult, appended, type Rejected, rejected } from './append-result.ts';
import { validateBatch } from './append-validation.ts';
import { followerBatches } from './follower-batches.ts';
import { LeaderEpochs } from './leader-epochs.ts';
import { isCompacted, type LogConfig } from './log-config.ts';
import { LogFlush } from './log-flush.ts';
import { openLog, unopenedLog } from './log-opening.ts';
import type { LogOptions, ReadOptions, ReadResult } from './log-options.ts';
import { ProducerState } from './producer-state.ts';
import { replayProducers } from './recovery.ts';
import { countOutdated } from './retention.ts';
import type { FoundRecord, Segment } from './segment.ts';
import { SegmentFiles } from './segment-files.ts';
import { SegmentList } from './segment-list.ts';
import { drawRollJitterMs, type Incoming, isRollDue } from './segment-rolling.ts';

/**
 * A partition's log: its segments in offset order, of which the last one takes appends.
 *
 * Invariant: logStartOffset ≤ lastStableOffset ≤ highWatermark ≤ logEndOffset, and offsets in the segments rise.
 * Append and read are synchronous (see `Files`), so the owner of the partition needs no locks. What an append promises: after it returns the batch
 * survives the process; after `flush` resolves it survives the machine.
 *
 * A failing disk takes this log offline: every later call answers KAFKA_STORAGE_ERROR, other logs go on. What could not be read when the log was opened
 * is left as it is, never made anew as an empty log.
 *
 * Not here: who is leader, when the high watermark rises (`replica/`); timers for retention and flush (`log-manager.ts`).
 */
export class Log {
  readonly topic: string;
  readonly partition: number;
  readonly producers: ProducerState;
  readonly epochs: LeaderEpochs;
  /** Replaced by the owner when the topic's settings change; takes effect at the next append. */
  config: LogConfig;
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly onProblem: (message: string) => void;
  private readonly onTruncated: () => Promise<void> | void;
  /** The recovery point of the last truncation is on the device. */
  private checkpointed: Promise<void> = Promise.resolve();
  private readonly onOffline: (log: Log, reason: string) => void;
  private readonly segmentFiles: SegmentFiles;
  private readonly list: SegmentList;
  private readonly flushed: LogFlush;
  private startOffset: number;
  private endOffset: number;
  private watermark: number;
  private rollJitterMs: number;
  private offlineReason: string | null = null;
  /** Its files were given back. */
  isClosed = false;
  /** The cleaner has a pass over this log under way: retention waits. */
  isBeingCleaned = false;
  /** Recovery cut it: to be flushed before anything is appended, or a power cut may put what was cut behind what came later. */
  readonly wasCut: boolean;
  /** How often the log was truncated: what was read before is not what lies here now. */
  truncationCount = 0;

  /** Opens what lies in the folder, recovering it when its last owner did not close it. */
  constructor(options: LogOptions) {
    const { files, clock, random, directory } = options;
    this.topic = options.topic;
    this.partition = options.partition;
    this.offlineReason = options.offlineReason ?? null;
    this.config = options.config;
    this.clock = clock;
    this.random = random;
    this.onProblem = (message) => options.onProblem(`${this.directory}: ${message}`);
    this.onTruncated = options.onTruncated ?? (() => {});
    this.onOffline = options.onOffline ?? (() => {});
    this.segmentFiles = new SegmentFiles(files, clock, options.handles ?? null, directory, this.onProblem);
    this.epochs = new LeaderEpochs(files, directory, (error) => this.goOffline(error));
    this.producers = new ProducerState(files, directory);
    const opened =
      this.offlineReason === null
        ? openLog(options, this.epochs, this.producers, clock.now(), this.onProblem)
        : unopenedLog(options);
    if (opened.failure !== null) this.goOffline(opened.failure);
    this.list = new SegmentList(opened.segments);
    this.startOffset = opened.logStartOffset;
    this.endOffset = opened.logEndOffset;
    this.watermark = opened.highWatermark;
    this.wasCut = opened.wasCut;
    this.flushed = new LogFlush(files, clock, this, opened.flushed, (error) => this.goOffline(error));
    this.producers.onHighWatermark(this.watermark);
    this.rollJitterMs = drawRollJitterMs(this.config, random);
  }

  /** The folder of the partition; another one after `moveTo`. */
  get directory(): string {
    return this.segmentFiles.directory;
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
    return this.flushed.recoveryPoint;
  }

  /** Monotonic time at which the last flush began, for flush.ms. */
  get lastFlushMs(): number {
    return this.flushed.lastFlushMs;
  }

  get segments(): readonly Segment[] {
    return this.list.all;
  }

  get size(): number {
    return this.list.bytes;
  }

  /** Why the disk was given up; null while the log is online. */
  get offline(): string | null {
    return this.offlineReason;
  }

  /** Raises (or after a truncation lowers) the high watermark; clamped to the log's bounds. True when it changed. */
  updateHighWatermark(offset: number): boolean {
    const next = Math.min(Math.max(offset, this.startOffset), this.endOffset);
    if (next === this.watermark) return false;
    this.watermark = next;
    this.producers.onHighWatermark(next);
    return true;
  }

  /** Appends one batch as leader: checks it, gives it offsets and the leader epoch (patched in `records`, which the caller lends for the call), writes it. */
  append(records: Buffer, leaderEpoch: number, origin: AppendOrigin = 'client'): AppendResult {
    if (this.offlineReason !== null) return this.storageError();
    const nowMs = this.clock.now();
    const valid = validateBatch(records, origin, this.config, nowMs);
    if (valid.kind === 'rejected') return valid;
    const { batch, logAppendTimeMs } = valid;
    if (batch.hasProducerId) {
      const answer = this.producers.check(batch, origin);
      if (answer !== null) return answer;
    }
    const firstOffset = this.endOffset;
    batch.baseOffset = firstOffset;
    batch.partitionLeaderEpoch = leaderEpoch;
    const lastOffset = batch.lastOffset;
    const incoming = { bytes: batch.bytes, lastOffset, timestamp: batch.maxTimestamp };
    const failed = this.write(batch.view, incoming, nowMs, (segment) => this.noteAppended(segment, batch));
    return failed ?? appended(firstOffset, lastOffset, logAppendTimeMs, false);
  }

  /**
   * Appends whole batches that already have offsets and epochs: a follower's copy of its leader's log. They must begin at or after the log's end; only an
   * empty log may begin with a batch that holds its start, since the leader's start may lie within a batch: it begins there then. What is cut off at the
   * end of `records`, or of a later epoch than the leader's, is left out. CRCs are checked: the bytes came over a network.
   */
  appendAsFollower(records: Buffer, leaderEpochMax = Number.MAX_SAFE_INTEGER): AppendResult {
    if (this.offlineReason !== null) return this.storageError();
    const found = followerBatches(records, leaderEpochMax);
    if (found.kind === 'rejected') return found;
    const { bytes, firstOffset } = found;
    if (bytes > 0) {
      if (firstOffset < this.endOffset) {
        if (this.startOffset !== this.endOffset || found.firstLastOffset < this.endOffset) {
          const message = `The batch at offset ${firstOffset} lies below the log's end ${this.endOffset}.`;
          return rejected(ErrorCode.UNKNOWN_SERVER_ERROR, message);
        }
        this.truncateFully(firstOffset);
        if (this.offlineReason !== null) return this.storageError();
      }
      const whole = records.subarray(0, bytes);
      const incoming = { bytes, lastOffset: found.nextOffset - 1, timestamp: found.maxTimestamp };
      const failed = this.write(whole, incoming, this.clock.now(), (segment) => {
        for (const batch of batchesIn(whole)) this.noteAppended(segment, batch);
      });
      if (failed !== null) return failed;
    }
    return appended(firstOffset, this.endOffset - 1, -1, false);
  }

  private write(bytes: Buffer, incoming: Incoming, nowMs: number, note: (segment: Segment) => void): Rejected | null {
    try {
      const { active } = this.list;
      const segment = isRollDue(active, incoming, this.config, this.rollJitterMs, nowMs) ? this.roll() : active;
      segment.append(bytes);
      note(segment);
      return null;
    } catch (error) {
      return this.refused(error);
    }
  }

  private noteAppended(segment: Segment, batch: RecordBatch): void {
    this.endOffset = batch.nextOffset;
    this.epochs.assign(batch.partitionLeaderEpoch, batch.baseOffset);
    const aborted = this.producers.update(batch);
    if (aborted !== null) segment.abortedIndex.append(aborted);
  }

  /** Seals the active segment and begins a new one at the log's end. */
  roll(): Segment {
    const sealed = this.list.active;
    if (sealed.size === 0 && sealed.baseOffset === this.endOffset) return sealed;
    sealed.seal();
    this.producers.takeSnapshot();
    const segment = this.segmentFiles.make(this.endOffset, this.config);
    this.list.add(segment);
    this.flushed.folderChanged();
    this.rollJitterMs = drawRollJitterMs(this.config, this.random);
    this.flushed.sealed(sealed);
    this.flush().catch(() => {}); // A failure took the log offline and was reported.
    return segment;
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
    try {
      return this.list.read(startOffset, this.endOffset, options);
    } catch (error) {
      return this.refused(error);
    }
  }

  /** The aborted transactions that touch [startOffset, endOffset), for a read_committed reader. */
  abortedTransactions(startOffset: number, endOffset: number): AbortedTransaction[] {
    return this.list.abortedTransactions(startOffset, endOffset);
  }

  /** The first record whose timestamp is `timestamp` or later; null when there is none. */
  offsetForTimestamp(timestamp: number): FoundRecord | null {
    return this.list.findTimestamp(timestamp, this.startOffset);
  }

  /** The record with the largest timestamp (the first of several); null when the log has none. */
  maxTimestampRecord(): FoundRecord | null {
    const { maxTimestamp } = this.list;
    return maxTimestamp < 0 ? null : this.offsetForTimestamp(maxTimestamp);
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

  /** Removes every batch from the one that holds `offset` on. A disk that refuses takes the log offline. */
  truncateTo(offset: number): void {
    if (this.offlineReason !== null) return;
    // The epoch that a leader began and wrote nothing in goes even when no batch does: its successor's history does not have it.
    if (offset >= this.endOffset) return this.epochs.truncateFromEnd(this.endOffset);
    if (offset < this.startOffset || offset < this.list.first.baseOffset) return this.truncateFully(offset);
    this.guarded(() => {
      this.discard(this.list.remove(this.list.indexFor(offset) + 1));
      const endOffset = this.list.active.truncateTo(offset);
      // The batch also held records below the log start: nothing that anyone may read is left.
      if (endOffset < this.startOffset) return this.empty(this.startOffset);
      this.endOffset = endOffset;
      replayProducers(this.producers, this.list.all, this.startOffset, this.endOffset, new Set());
      this.afterTruncation();
    });
  }

  /** Drops everything; the log goes on, empty, at `offset`. A disk that refuses takes the log offline. */
  truncateFully(offset: number): void {
    if (this.offlineReason === null) this.guarded(() => this.empty(offset));
  }

  private empty(offset: number): void {
    this.discard(this.list.remove(0));
    this.list.add(this.segmentFiles.make(offset, this.config));
    this.startOffset = offset;
    this.endOffset = offset;
    this.epochs.clear();
    this.producers.reset(offset);
    this.afterTruncation();
  }

  private afterTruncation(): void {
    this.flushed.folderChanged();
    this.truncationCount++;
    this.epochs.truncateFromEnd(this.endOffset);
    this.flushed.truncatedTo(this.endOffset);
    this.watermark = Math.min(Math.max(this.watermark, this.startOffset), this.endOffset);
    this.producers.onHighWatermark(this.watermark);
    this.checkpointed = this.onTruncated() ?? Promise.resolve();
  }

  /**
   * Until the last truncation is on the device, the lower recovery point included. Who appends before takes the risk that a power cut leaves newer records
   * where nobody checks them, or what was cut behind them. Rejects when the disk fails.
   */
  async truncationSettled(): Promise<void> {
    await Promise.all([this.flush(), this.checkpointed]);
  }

  private guarded(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.refused(error);
    }
  }

  /** Deletes segments that retention.ms, retention.bytes or the log start have outdated; never beyond the high watermark. Returns how many. */
  applyRetention(): number {
    if (this.offlineReason !== null || this.isBeingCleaned) return 0;
    const { all } = this.list;
    const count = countOutdated(all, this.config, this, this.clock.now());
    if (count === 0) return 0;
    this.guarded(() => {
      if (count === all.length) this.roll();
      this.discard(this.list.remove(0, count));
    });
    if (this.offlineReason !== null) return 0;
    const first = this.list.first.baseOffset;
    this.raiseStart(first);
    this.producers.removeSnapshots((offset) => offset < first);
    return count;
  }

  /** A segment for the cleaner to write: `.cleaned` files that are no part of the log, and go at the next start. */
  newCleanedSegment(baseOffset: number, createdAtMs: number): Segment {
    this.flushed.folderChanged();
    return this.segmentFiles.makeCleaned(baseOffset, createdAtMs, this.config);
  }

  /**
   * Puts `cleaned`, whose files are complete on the device under `.swap` names, in the place of `replaced`. From the first rename on a crash ends in the
   * new state: recovery finishes the swap. False when the replaced segments are no longer the log's.
   */
  replaceSegments(cleaned: Segment, replaced: readonly Segment[]): boolean {
    if (this.offlineReason !== null || !this.list.hasSealed(replaced)) return false;
    this.flushed.folderChanged();
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
    this.list.replace(replaced, cleaned);
    return true;
  }

  private discard(segments: readonly Segment[]): void {
    if (segments.length === 0) return;
    this.flushed.gone(new Set(segments));
    this.segmentFiles.discard(segments, this.config.fileDeleteDelayMs);
  }

  /**
   * After an append: the flush that flush.messages asks for before the append may be acknowledged, or null when it asks for none.
   * Appends that come while the device works share the next flush.
   */
  flushAfterAppend(): Promise<void> | null {
    return this.flushed.unflushedCount >= this.config.flushMessages ? this.flush() : null;
  }

  /** Everything that was appended before the call, to the device. Rejects when the disk fails; the log is offline then. */
  flush(): Promise<void> {
    return this.flushed.flush();
  }

  /** Makes names of files that came, went or changed survive a power cut. */
  flushFolder(): Promise<void> {
    return this.flushed.flushFolder();
  }

  /** The clean end: indexes and producer state are complete on the device, so that the next start needs no recovery. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    if (this.offlineReason === null) {
      this.list.active.seal();
      this.producers.takeSnapshot();
      this.flushed.sealed(this.list.active);
      await this.flush();
    }
    this.closeFiles();
  }

  /** Gives the descriptors back at once: before the folder is deleted, or when the disk failed. */
  closeFiles(): void {
    this.isClosed = true;
    this.offlineReason ??= 'closed';
    for (const segment of this.list.all) segment.close();
  }

  /** Nothing is on its way to the folder's files that would miss a new path. */
  get isQuiet(): boolean {
    return this.flushed.isIdle && this.epochs.isSettled;
  }

  /** The folder goes to another place of the same device, whole, while the log `isQuiet`. */
  moveTo(directory: string): void {
    this.segmentFiles.moveTo(directory);
    for (const segment of this.list.all) segment.moveTo(directory);
    this.epochs.moveTo(directory);
    this.producers.moveTo(directory);
    this.flushed.folderMoved();
  }

  /** Another log has everything that this one has, and takes its place: who waits for a flush waits for that log's. */
  retire(successor: Log): void {
    this.flushed.handOver(successor);
    this.closeFiles();
  }

  /** Its log dir failed with another log. */
  takeOffline(reason: string): void {
    if (this.offlineReason !== null) return;
    this.offlineReason = reason;
    for (const segment of this.list.all) segment.close();
  }

  get isCompacted(): boolean {
    return isCompacted(this.config);
  }

  private goOffline(error: unknown): void {
    if (this.offlineReason !== null) return;
    this.offlineReason = error instanceof Error ? error.message : String(error);
    this.onProblem(`the log is offline: ${this.offlineReason}`);
    this.onOffline(this, this.offlineReason);
  }

  /** The answer where the disk refused, which takes the log offline. Anything else that was thrown goes on. */
  private refused(error: unknown): Rejected {
    if (!(error instanceof FilesError)) throw error;
    this.goOffline(error);
    return this.storageError();
  }

  private storageError(): Rejected {
    return rejected(ErrorCode.KAFKA_STORAGE_ERROR, `The log is offline: ${this.offlineReason}.`);
  }
}

import { PARTITION_METADATA, readTopicId, writeTopicId } from '../log/checkpoint-files.ts';
import { joinPath } from '../log/file-names.ts';
import { Log } from '../log/log.ts';
import { DEFAULT_LOG_CONFIG } from '../log/log-config.ts';
import type { Clock } from '../ports/clock.ts';
import type { Files } from '../ports/files.ts';
import type { Random } from '../ports/random.ts';
import { batchesIn } from '../protocol/record-batch.ts';
import { WireError } from '../protocol/wire-error.ts';
import type { QuorumSettings } from './quorum-settings.ts';
import type { OffsetAndEpoch, RaftLog, SnapshotId } from './raft-log.ts';

/**
 * `__cluster_metadata-0`: the log of the quorum on this node, as its core sees it (`RaftLog`), over the log of a partition.
 *
 * Invariants: epochs never fall from one batch to the next; nothing below the high watermark is cut off; where the log begins behind offset 0, a snapshot holds
 * what was before.
 * After a crash all batches are read again, and the epochs are taken from them alone: the file of the epochs may be older than a truncation.
 */
export const METADATA_TOPIC = '__cluster_metadata';
/** Kafka's id of that topic. */
export const METADATA_TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ';
/** Kafka's bound for one batch of metadata records. */
export const BATCH_BYTES_MAX = 8 * 1024 * 1024;
const LEADER_EPOCH_CHECKPOINT = 'leader-epoch-checkpoint';
const READ_BYTES = 1024 * 1024;

export interface QuorumLogOptions {
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  readonly logDir: string;
  readonly isClean: boolean;
  readonly settings: QuorumSettings;
  readonly onProblem: (message: string) => void;
  /** The disk failed: the log takes nothing more. */
  readonly onFailed: (reason: string) => void;
  /** Snapshots in the folder, by rising offset. */
  readonly snapshots: () => readonly SnapshotId[];
}

export class QuorumLog implements RaftLog {
  readonly directory: string;
  private readonly files: Files;
  /** For those who look from outside; nobody else writes to it. */
  readonly log: Log;
  private readonly snapshots: () => readonly SnapshotId[];
  private flushes = 0;

  constructor(options: QuorumLogOptions) {
    const { files, logDir, settings, isClean } = options;
    this.files = files;
    this.directory = metadataDirectory(logDir);
    this.snapshots = options.snapshots;
    if (!isClean) files.remove(joinPath(this.directory, LEADER_EPOCH_CHECKPOINT));
    this.log = new Log({
      files,
      clock: options.clock,
      random: options.random,
      directory: this.directory,
      topic: METADATA_TOPIC,
      partition: 0,
      config: {
        ...DEFAULT_LOG_CONFIG,
        segmentBytes: settings.logSegmentBytes,
        segmentMs: settings.logSegmentMs,
        retentionMs: -1,
        maxMessageBytes: BATCH_BYTES_MAX,
      },
      isClean,
      recoveryPoint: 0,
      logStartOffset: 0,
      highWatermark: 0,
      onProblem: options.onProblem,
      onOffline: (_log, reason) => options.onFailed(reason),
    });
    if (this.log.offline !== null) throw new Error(`${this.directory} cannot be used: ${this.log.offline}`);
    this.beginAtSnapshot();
  }

  /** A snapshot that is ahead of the log was fetched, and the log not yet cut when the node ended (KIP-630). */
  private beginAtSnapshot(): void {
    const { latestSnapshot, log } = this;
    if (latestSnapshot !== null) {
      const isBehind = log.logEndOffset < latestSnapshot.offset || this.lastEpoch < latestSnapshot.epoch;
      if (isBehind) log.truncateFully(latestSnapshot.offset);
    }
    if (log.logStartOffset > 0 && (latestSnapshot === null || latestSnapshot.offset < log.logStartOffset)) {
      const held =
        latestSnapshot === null ? 'there is no snapshot' : `the newest snapshot ends at ${latestSnapshot.offset}`;
      throw new Error(`${this.directory} cannot be used: the log begins at ${log.logStartOffset}, and ${held}`);
    }
    // The epochs of what lies before their first entry are not known.
    const first = log.epochs.entries[0];
    if (first !== undefined) log.raiseStart(first.startOffset);
    if (latestSnapshot !== null) log.updateHighWatermark(latestSnapshot.offset);
  }

  get startOffset(): number {
    return this.log.logStartOffset;
  }

  get endOffset(): number {
    return this.log.logEndOffset;
  }

  get flushedOffset(): number {
    return this.log.recoveryPoint;
  }

  get isSettled(): boolean {
    return this.flushes === 0 && this.log.recoveryPoint >= this.log.logEndOffset;
  }

  get bytes(): number {
    return this.log.size;
  }

  get lastEpoch(): number {
    const { latestEpoch } = this.log.epochs;
    return latestEpoch >= 0 ? latestEpoch : (this.latestSnapshot?.epoch ?? 0);
  }

  get latestSnapshot(): SnapshotId | null {
    return this.snapshots().at(-1) ?? null;
  }

  get oldestSnapshot(): SnapshotId | null {
    return this.snapshots()[0] ?? null;
  }

  endOffsetFor(epoch: number): OffsetAndEpoch {
    const { entries, latestEpoch } = this.log.epochs;
    const first = entries[0];
    if (first === undefined || epoch < first.epoch) {
      // What lies before is in snapshots only.
      const known = this.snapshots().findLast(
        (snapshot) => snapshot.epoch <= epoch && snapshot.offset <= this.startOffset,
      );
      return known === undefined ? { offset: 0, epoch: 0 } : { offset: this.startOffset, epoch: known.epoch };
    }
    const end = this.log.epochs.endOffsetFor(Math.min(epoch, latestEpoch), this.endOffset);
    return { offset: end.endOffset, epoch: end.epoch };
  }

  /** The epoch of the last record below `offset`. */
  epochBefore(offset: number): number {
    const epoch = offset > this.startOffset ? this.log.epochs.epochFor(offset - 1) : -1;
    return epoch >= 0 ? epoch : (this.snapshots().findLast((id) => id.offset <= offset)?.epoch ?? 0);
  }

  /** Appends one batch of the leader, and returns the offset of its last record. */
  append(batch: Buffer, epoch: number): number {
    const result = this.log.append(batch, epoch, 'raftLeader');
    if (result.kind === 'rejected') throw new Error(`${this.directory} refused a batch: ${result.message}`);
    return result.lastOffset;
  }

  /** Appends what was fetched from the leader of `epoch`. Returns why it was refused, or null. */
  appendFetched(records: Buffer, epoch: number): string | null {
    try {
      const problem = this.fetchedProblem(records, epoch);
      if (problem !== null) return problem;
    } catch (error) {
      if (error instanceof WireError) return error.message;
      throw error;
    }
    const result = this.log.appendAsFollower(records);
    return result.kind === 'rejected' ? result.message : null;
  }

  private fetchedProblem(records: Buffer, epoch: number): string | null {
    let next = this.endOffset;
    let lastEpoch = this.lastEpoch;
    for (const batch of batchesIn(records)) {
      if (batch.baseOffset !== next) return `a batch at offset ${batch.baseOffset}, where ${next} should be`;
      const batchEpoch = batch.partitionLeaderEpoch;
      if (batchEpoch < lastEpoch || batchEpoch > epoch) {
        return `a batch of epoch ${batchEpoch} behind one of ${lastEpoch}, from the leader of epoch ${epoch}`;
      }
      next = batch.nextOffset;
      lastEpoch = batchEpoch;
    }
    return next === this.endOffset ? 'no whole batch' : null;
  }

  /** Everything that is in the log now, to the device. Rejects when the disk fails. */
  async flush(): Promise<void> {
    this.flushes++;
    try {
      await this.log.flush();
    } finally {
      this.flushes--;
    }
  }

  updateHighWatermark(offset: number): void {
    this.log.updateHighWatermark(offset);
  }

  truncateTo(offset: number): void {
    if (offset < this.log.highWatermark) {
      throw new Error(`${this.directory}: a cut to ${offset}, below the high watermark ${this.log.highWatermark}`);
    }
    this.log.truncateTo(offset);
  }

  /** The log goes on, empty, behind a snapshot that was fetched. */
  beginAt(offset: number): void {
    this.log.truncateFully(offset);
    this.log.updateHighWatermark(offset);
  }

  /** A snapshot holds everything below `offset`: segments that lie below it go. */
  deleteBefore(offset: number): void {
    this.log.deleteRecordsBefore(Math.max(offset, this.startOffset));
    this.log.applyRetention();
  }

  /** Whole batches from `offset` on, a copy; empty at the end. */
  read(offset: number, maxBytes = READ_BYTES, maxOffset = this.endOffset): Buffer {
    const read = this.log.read(offset, { maxBytes, maxOffset, minOneBatch: true });
    if (read.kind === 'rejected') throw new Error(`${this.directory} cannot be read at ${offset}: ${read.message}`);
    if (read.slice === null) return Buffer.alloc(0);
    const bytes = Buffer.allocUnsafe(read.slice.length);
    const length = read.slice.file.readInto(bytes, read.slice.position);
    if (length < bytes.length) throw new Error(`${read.slice.file.path}: ${length} of ${bytes.length} bytes`);
    return bytes;
  }

  /** The file that says whose folder this is, where it is absent. */
  async writeTopicId(): Promise<void> {
    if (this.files.exists(joinPath(this.directory, PARTITION_METADATA))) return;
    if (readTopicId(this.files, this.directory) === null)
      await writeTopicId(this.files, this.directory, METADATA_TOPIC_ID);
  }

  close(): Promise<void> {
    return this.log.close();
  }

  /** Gives the files back without a clean end. */
  abandon(): void {
    this.log.closeFiles();
  }
}

export function metadataDirectory(logDir: string): string {
  return joinPath(logDir, `${METADATA_TOPIC}-0`);
}

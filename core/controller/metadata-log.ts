import { joinPath } from '../log/file-names.ts';
import { Log } from '../log/log.ts';
import { DEFAULT_LOG_CONFIG } from '../log/log-config.ts';
import type { Clock } from '../ports/clock.ts';
import type { Files } from '../ports/files.ts';
import type { Random } from '../ports/random.ts';
import { recordsOf } from '../protocol/record.ts';
import { BATCH_HEADER_BYTES, batchBytesAt, RecordBatch } from '../protocol/record-batch.ts';
import { RecordBatchBuilder } from '../protocol/record-batch-builder.ts';
import type { MetadataLogWriter } from './decision-queue.ts';
import type { ClusterImage } from './image.ts';
import { decodeMetadataRecord, encodeMetadataRecord, type NewMetadataRecord } from './records/metadata-record.ts';
import { CLUSTER_METADATA_TOPIC } from './topic-name.ts';

/**
 * `__cluster_metadata-0` on this node: the log of which the image is the replay, in Kafka's format.
 *
 * Invariant: a record is in the image exactly when its batch is on the device. With one voter that is what committed means; the quorum takes this place
 * when there are more.
 */
export interface MetadataLogOptions {
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  /** The log directory in which the log's folder lies. */
  readonly logDir: string;
  readonly isClean: boolean;
  readonly onProblem: (message: string) => void;
}

const LEADER_EPOCH = 1;
const READ_BYTES = 1024 * 1024;
const LOG_CONFIG = { ...DEFAULT_LOG_CONFIG, retentionMs: -1, maxMessageBytes: 8 * 1024 * 1024 };

export class MetadataLog implements MetadataLogWriter {
  private readonly log: Log;
  private readonly clock: Clock;
  private readonly image: ClusterImage;
  private readonly listeners: (() => void)[] = [];

  /** Opens the log and replays all of it into `image`. */
  constructor(options: MetadataLogOptions, image: ClusterImage) {
    this.clock = options.clock;
    this.image = image;
    this.log = new Log({
      files: options.files,
      clock: options.clock,
      random: options.random,
      directory: joinPath(options.logDir, `${CLUSTER_METADATA_TOPIC}-0`),
      topic: CLUSTER_METADATA_TOPIC,
      partition: 0,
      config: LOG_CONFIG,
      isClean: options.isClean,
      recoveryPoint: 0,
      logStartOffset: 0,
      highWatermark: 0,
      onProblem: options.onProblem,
    });
    if (this.log.offline !== null) throw new Error(`the metadata log cannot be opened: ${this.log.offline}`);
    this.log.updateHighWatermark(this.log.logEndOffset);
    this.replayAll();
  }

  get isEmpty(): boolean {
    return this.log.logEndOffset === 0;
  }

  get leaderEpoch(): number {
    return LEADER_EPOCH;
  }

  /** The next offset; with one voter everything below is committed. */
  get logEndOffset(): number {
    return this.log.logEndOffset;
  }

  /** Told after each batch that entered the image. */
  whenReplayed(listener: () => void): void {
    this.listeners.push(listener);
  }

  async append(records: readonly NewMetadataRecord[]): Promise<{ readonly lastOffset: number }> {
    const builder = new RecordBatchBuilder({});
    const nowMs = this.clock.now();
    const values = records.map(encodeMetadataRecord);
    for (const value of values) builder.append(nowMs, null, value);
    const result = this.log.append(builder.build(), LEADER_EPOCH, 'raftLeader');
    if (result.kind === 'rejected') throw new Error(`the metadata log refused a batch: ${result.message}`);
    await this.log.flush();
    this.log.updateHighWatermark(this.log.logEndOffset);
    for (const value of values) this.replay(value);
    for (const listener of this.listeners) listener();
    return { lastOffset: this.log.logEndOffset - 1 };
  }

  close(): Promise<void> {
    return this.log.close();
  }

  private replayAll(): void {
    let offset = this.log.logStartOffset;
    for (;;) {
      const read = this.log.read(offset, { maxBytes: READ_BYTES, maxOffset: this.log.logEndOffset, minOneBatch: true });
      if (read.kind === 'rejected') throw new Error(`the metadata log cannot be read: ${read.message}`);
      if (read.slice === null) return;
      const bytes = Buffer.allocUnsafe(read.slice.length);
      read.slice.file.readInto(bytes, read.slice.position);
      for (let at = 0; at + BATCH_HEADER_BYTES <= bytes.length; at += batchBytesAt(bytes, at)) {
        const batch = new RecordBatch(bytes, at);
        if (batch.isControl) continue;
        for (const record of recordsOf(batch)) if (record.value !== null) this.replay(record.value);
      }
      offset = read.endOffset;
    }
  }

  private replay(value: Buffer): void {
    const record = decodeMetadataRecord(value);
    if (record !== null) this.image.replay(record);
  }
}

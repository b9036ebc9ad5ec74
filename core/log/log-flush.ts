import type { Clock } from '../ports/clock.ts';
import type { Files } from '../ports/files.ts';
import { parentOf } from './file-names.ts';
import type { LeaderEpochs } from './leader-epochs.ts';
import type { Segment } from './segment.ts';

/**
 * How far a log is on the device, and how it gets there.
 *
 * Invariant: everything below `recoveryPoint` is on the device, indexes of sealed segments included. Appends that come while the device works share the
 * next flush; the active segment's indexes are not flushed, since recovery rebuilds them.
 */
export interface FlushedLog {
  readonly directory: string;
  readonly logEndOffset: number;
  /** At least one while the log is online. */
  readonly segments: readonly Segment[];
  readonly epochs: LeaderEpochs;
  /** Its files were given back: there is nothing left to flush. */
  readonly isClosed: boolean;
  /** Why flushing makes no sense; null while it does. */
  readonly offline: string | null;
}

/** Where a log stands in that when it is opened. */
export interface FlushedAtOpening {
  /** Batches below are on the device. */
  readonly offset: number;
  /** Sealed segments whose indexes are not, in offset order. */
  readonly unflushedSealed: Segment[];
  /** The folder is, its own entry included. */
  readonly isFolderFlushed: boolean;
}

export class LogFlush {
  private readonly files: Files;
  private readonly clock: Clock;
  private readonly log: FlushedLog;
  private readonly onFailed: (error: unknown) => void;
  /** The log that took this one's place, in another log dir. */
  private successor: { flush(): Promise<void> } | null = null;
  private flushedOffset: number;
  /** Rolled, and their indexes not yet on the device: the recovery point stays below them. */
  private unflushedSealed: Segment[];
  private running: Promise<void> | null = null;
  private waiting: Promise<void> | null = null;
  /** Files were made, renamed or removed since the folder was last flushed. */
  private isFolderDirty: boolean;
  /** The folder's own entry may not be on the device. */
  private isNewFolder: boolean;
  private startedMs: number;

  constructor(
    files: Files,
    clock: Clock,
    log: FlushedLog,
    found: FlushedAtOpening,
    onFailed: (error: unknown) => void,
  ) {
    this.files = files;
    this.clock = clock;
    this.log = log;
    this.onFailed = onFailed;
    this.flushedOffset = found.offset;
    this.unflushedSealed = found.unflushedSealed;
    this.isFolderDirty = !found.isFolderFlushed;
    this.isNewFolder = !found.isFolderFlushed;
    this.startedMs = clock.monotonic();
  }

  /** Everything below is on the device. */
  get recoveryPoint(): number {
    return Math.min(this.flushedOffset, this.unflushedSealed[0]?.baseOffset ?? this.flushedOffset);
  }

  /** Monotonic time at which the last flush began, or the log was opened. */
  get lastFlushMs(): number {
    return this.startedMs;
  }

  get unflushedCount(): number {
    return this.log.logEndOffset - this.flushedOffset;
  }

  get isIdle(): boolean {
    return this.running === null;
  }

  sealed(segment: Segment): void {
    if (!this.unflushedSealed.includes(segment)) this.unflushedSealed.push(segment);
  }

  gone(segments: ReadonlySet<Segment>): void {
    this.unflushedSealed = this.unflushedSealed.filter((segment) => !segments.has(segment));
  }

  folderChanged(): void {
    this.isFolderDirty = true;
  }

  /** The folder lies somewhere else now. */
  folderMoved(): void {
    this.isFolderDirty = true;
    this.isNewFolder = true;
  }

  /** `successor` has everything that this log has: who waits for a flush waits for that log's. */
  handOver(successor: { flush(): Promise<void> }): void {
    this.successor = successor;
  }

  truncatedTo(offset: number): void {
    this.flushedOffset = Math.min(this.flushedOffset, offset);
  }

  /** Everything that was appended before the call, to the device. Rejects when the disk fails. */
  flush(): Promise<void> {
    if (this.running === null) {
      this.running = this.run().finally(() => {
        this.running = null;
      });
      return this.running;
    }
    this.waiting ??= this.running
      .catch(() => {})
      .then(() => {
        this.waiting = null;
        return this.flush();
      });
    return this.waiting;
  }

  private async run(): Promise<void> {
    const { log } = this;
    const instead = this.elsewhere();
    if (instead !== null) return instead;
    const endOffset = log.logEndOffset;
    const sealed = new Set(this.unflushedSealed);
    const active = log.segments.at(-1)!;
    this.startedMs = this.clock.monotonic();
    try {
      for (const segment of sealed) await segment.flush();
      await active.flushLog();
      if (this.isFolderDirty) await this.flushFolder();
      await log.epochs.settled();
    } catch (error) {
      // Another log may have taken this one's place meanwhile, and has the bytes.
      const later = this.elsewhere();
      if (later !== null) return later;
      this.onFailed(error);
      throw error;
    }
    this.gone(sealed);
    this.flushedOffset = Math.max(this.flushedOffset, Math.min(endOffset, log.logEndOffset));
  }

  /** null while flushing makes sense; otherwise what comes instead: the successor's flush, nothing, or a failure. */
  private elsewhere(): Promise<void> | null {
    const { log, successor } = this;
    if (successor !== null) return successor.flush();
    if (log.isClosed) return Promise.resolve();
    return log.offline === null ? null : Promise.reject(new Error(`the log is offline: ${log.offline}`));
  }

  /** Makes names of files that came, went or changed survive a power cut. */
  async flushFolder(): Promise<void> {
    this.isFolderDirty = false;
    await this.files.flushDirectory(this.log.directory);
    if (!this.isNewFolder) return;
    this.isNewFolder = false;
    await this.files.flushDirectory(parentOf(this.log.directory));
  }
}

import type { Files } from '../ports/files.ts';
import { parentOf } from './file-names.ts';
import type { Segment } from './segment.ts';

/**
 * How far a log is on the device, and how it gets there.
 *
 * Invariant: everything below `recoveryPoint` is on the device, indexes of sealed segments included. Appends that come while the device works share the
 * next flush; the active segment's indexes are not flushed, since recovery rebuilds them.
 */
export interface FlushedLog {
  logEndOffset(): number;
  active(): Segment;
  directory(): string;
  /** null while flushing makes sense; otherwise what to do instead: nothing, fail, or flush the log that took this one's place. */
  elsewhere(): (() => Promise<void>) | null;
  /** Epochs and other small files that are written on their own. */
  settled(): Promise<void>;
  onStart(): void;
  onFailed(error: unknown): void;
}

export class LogFlush {
  private readonly files: Files;
  private readonly log: FlushedLog;
  private flushedOffset: number;
  /** Rolled, and their indexes not yet on the device: the recovery point stays below them. */
  private unflushedSealed: Segment[];
  private running: Promise<void> | null = null;
  private waiting: Promise<void> | null = null;
  /** Files were made, renamed or removed since the folder was last flushed. */
  private isFolderDirty: boolean;
  /** The folder's own entry may not be on the device. */
  private isNewFolder: boolean;

  constructor(
    files: Files,
    log: FlushedLog,
    flushedOffset: number,
    unflushedSealed: Segment[],
    isFolderFlushed: boolean,
  ) {
    this.files = files;
    this.log = log;
    this.flushedOffset = flushedOffset;
    this.unflushedSealed = unflushedSealed;
    this.isFolderDirty = !isFolderFlushed;
    this.isNewFolder = !isFolderFlushed;
  }

  /** Everything below is on the device. */
  get recoveryPoint(): number {
    return Math.min(this.flushedOffset, this.unflushedSealed[0]?.baseOffset ?? this.flushedOffset);
  }

  get unflushedCount(): number {
    return this.log.logEndOffset() - this.flushedOffset;
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
    const instead = log.elsewhere();
    if (instead !== null) return instead();
    const endOffset = log.logEndOffset();
    const sealed = new Set(this.unflushedSealed);
    const active = log.active();
    log.onStart();
    try {
      for (const segment of sealed) await segment.flush();
      await active.flushLog();
      if (this.isFolderDirty) await this.flushFolder();
      await log.settled();
    } catch (error) {
      // Another log may have taken this one's place meanwhile, and has the bytes.
      const later = log.elsewhere();
      if (later !== null) return later();
      log.onFailed(error);
      throw error;
    }
    this.gone(sealed);
    this.flushedOffset = Math.max(this.flushedOffset, Math.min(endOffset, log.logEndOffset()));
  }

  /** Makes names of files that came, went or changed survive a power cut. */
  async flushFolder(): Promise<void> {
    this.isFolderDirty = false;
    await this.files.flushDirectory(this.log.directory());
    if (!this.isNewFolder) return;
    this.isNewFolder = false;
    await this.files.flushDirectory(parentOf(this.log.directory()));
  }
}

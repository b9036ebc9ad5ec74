import type { Clock } from '../ports/clock.ts';
import type { Files } from '../ports/files.ts';
import { CLEANED_SUFFIX } from './file-names.ts';
import type { LogConfig } from './log-config.ts';
import { removeSegmentFiles } from './recovery.ts';
import { Segment } from './segment.ts';
import type { SegmentHandles } from './segment-handles.ts';

/**
 * Where a log's segments come from and where they go: files made in the partition's folder, and files removed from it.
 *
 * A segment that goes is renamed to `.deleted` at once, so no start finds it again, and removed once slices in flight have had time to end.
 * A disk that refuses: its FilesError goes to the caller, except where a removal comes later; then people are told, and the next start removes the files.
 *
 * Not here: which segments are the log's (`segment-list.ts`), what lies in the folder when the log is opened (`recovery.ts`), the flush that makes names
 * survive a power cut (`log-flush.ts`).
 */
export class SegmentFiles {
  private readonly files: Files;
  private readonly clock: Clock;
  private readonly handles: SegmentHandles | null;
  private readonly onProblem: (message: string) => void;
  private folder: string;

  constructor(
    files: Files,
    clock: Clock,
    handles: SegmentHandles | null,
    directory: string,
    onProblem: (message: string) => void,
  ) {
    this.files = files;
    this.clock = clock;
    this.handles = handles;
    this.folder = directory;
    this.onProblem = onProblem;
  }

  /** The folder of the partition; another one after `moveTo`. */
  get directory(): string {
    return this.folder;
  }

  /** A new segment to append to, empty. */
  make(baseOffset: number, config: LogConfig): Segment {
    return new Segment(this.files, this.folder, baseOffset, config, this.clock.now(), false, '', this.handles);
  }

  /** A segment for the cleaner to write, in the place of what an earlier pass left: `.cleaned` files that are no part of the log, and go at the next start. */
  makeCleaned(baseOffset: number, createdAtMs: number, config: LogConfig): Segment {
    const { files, folder, handles } = this;
    removeSegmentFiles(files, folder, baseOffset, CLEANED_SUFFIX);
    const written = { ...config, preallocate: false };
    return new Segment(files, folder, baseOffset, written, createdAtMs, false, CLEANED_SUFFIX, handles);
  }

  /** Renames the segments' files now, removes them `deleteDelayMs` later (file.delete.delay.ms). */
  discard(segments: readonly Segment[], deleteDelayMs: number): void {
    for (const segment of segments) segment.markDeleted();
    this.clock.setTimer(deleteDelayMs, () => {
      for (const segment of segments) {
        try {
          segment.remove();
        } catch (error) {
          this.onProblem(`a deleted segment could not be removed: ${String(error)}`);
        }
      }
    });
  }

  /** Renames the folder to another place of the same device, with all that is in it; the segments are told by the caller. */
  moveTo(directory: string): void {
    this.files.rename(this.folder, directory);
    this.folder = directory;
  }
}

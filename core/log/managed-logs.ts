import type { Log } from './log.ts';
import type { LogDirectory } from './log-directory.ts';
import type { FailedLogDir } from './log-dirs.ts';

/**
 * The current logs of a broker by folder name, and how many lie in each log dir: asked for each new partition, so it is counted along.
 *
 * Invariant: `countIn` is the number of logs whose `directory` that is. `values` goes in the order in which they were opened or made.
 */
export interface ManagedLog {
  readonly log: Log;
  /** A FailedLogDir holds nothing that anybody could look at. */
  readonly directory: LogDirectory | FailedLogDir;
  readonly topicId: string | null;
}

export class ManagedLogs {
  private readonly byFolder = new Map<string, ManagedLog>();
  private readonly counts = new Map<LogDirectory | FailedLogDir, number>();

  get(folder: string): ManagedLog | undefined {
    return this.byFolder.get(folder);
  }

  values(): IterableIterator<ManagedLog> {
    return this.byFolder.values();
  }

  set(folder: string, managed: ManagedLog): void {
    const before = this.byFolder.get(folder);
    if (before !== undefined) this.count(before.directory, -1);
    this.byFolder.set(folder, managed);
    this.count(managed.directory, 1);
  }

  delete(folder: string): void {
    const before = this.byFolder.get(folder);
    if (before === undefined) return;
    this.byFolder.delete(folder);
    this.count(before.directory, -1);
  }

  countIn(directory: LogDirectory | FailedLogDir): number {
    return this.counts.get(directory) ?? 0;
  }

  private count(directory: LogDirectory | FailedLogDir, change: number): void {
    this.counts.set(directory, this.countIn(directory) + change);
  }
}

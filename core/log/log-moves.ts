import type { Clock } from '../ports/clock.ts';
import { type Files, FilesError } from '../ports/files.ts';
import type { Random } from '../ports/random.ts';
import { writeTopicId } from './checkpoint-files.ts';
import { FOLDER_NAME_MAX, folderName, futureFolderName, joinPath } from './file-names.ts';
import type { Log } from './log.ts';
import type { LogDirectory } from './log-directory.ts';
import { LogMove } from './log-move.ts';

/**
 * The moves between log dirs that are under way on a broker, at most one a partition: begun on request, gone on with after a restart, cancelled.
 *
 * Invariant: a future log lies in a folder `<topic>-<partition>.<uid>-future` until it changes places with the current one; the current one's folder goes
 * once the new one is on the device. A crash in between leaves two folders of one partition, of which the next start keeps the one that holds more.
 */
export interface MovableLog {
  readonly log: Log;
  readonly topicId: string | null;
}

/** What becomes of a request to move a partition. */
export type MoveRequest = 'begun' | 'alreadyThere' | 'unknownDirectory' | 'offline' | 'unknownPartition';

export interface LogMovesOptions {
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  readonly onProblem: (message: string) => void;
  /** replica.alter.log.dirs.io.max.bytes.per.second */
  readonly bytesPerSecondMax: () => number;
  /** The partition's current log, if it can be moved. */
  readonly current: (folder: string) => MovableLog | undefined;
  /** Opens a future log; it may be offline. */
  readonly openFuture: (target: LogDirectory, name: string, current: Log) => Log;
  /** Brings all checkpoints to the device: what an earlier stay in a log dir left there must not be believed of a new folder. */
  readonly checkpointAll: () => Promise<void>;
  /** The future log becomes the partition's log, in this call. */
  readonly changePlaces: (folder: string, future: Log, target: LogDirectory) => void;
  /** Nothing of the old log is needed any more. */
  readonly removeOld: (folder: string, old: Log) => void;
}

export class LogMoves {
  private readonly options: LogMovesOptions;
  private readonly running = new Map<string, LogMove>();
  /** Future logs found at the start. */
  private readonly unfinished = new Map<string, { readonly target: LogDirectory; readonly name: string }>();
  private isClosed = false;

  constructor(options: LogMovesOptions) {
    this.options = options;
  }

  targetOf(folder: string): LogDirectory | undefined {
    return this.running.get(folder)?.target;
  }

  /** Those that fill a log in `target`. */
  into(target: LogDirectory): LogMove[] {
    return [...this.running.values()].filter((move) => move.target === target);
  }

  /** The start found the folder of a future log. */
  found(folder: string, target: LogDirectory, name: string): void {
    this.unfinished.set(folder, { target, name });
  }

  /** Goes on with what the last end of the broker interrupted. A partition without a log that could be read leaves its future log alone. */
  resume(directoryOf: (folder: string) => unknown): void {
    for (const [folder, { target, name }] of this.unfinished) {
      const current = this.options.current(folder);
      if (current === undefined || target.offline !== null) continue;
      if (directoryOf(folder) === target) this.remove(target, name);
      else this.begin(folder, current, target, name);
    }
    this.unfinished.clear();
  }

  request(current: MovableLog, target: LogDirectory): MoveRequest {
    const { topic, partition } = current.log;
    const name = futureFolderName(topic, partition, this.options.random.uuid().toString('hex'));
    if (name.length > FOLDER_NAME_MAX) return 'offline';
    return this.begin(folderName(topic, partition), current, target, name) ? 'begun' : 'offline';
  }

  private begin(folder: string, { log: current, topicId }: MovableLog, target: LogDirectory, name: string): boolean {
    const { files, clock, onProblem, bytesPerSecondMax } = this.options;
    const future = this.options.openFuture(target, name, current);
    if (future.offline !== null) return false;
    const onCaughtUp = (): void => this.changePlaces(folder, move, name);
    const move = new LogMove({ clock, current, future, target, bytesPerSecondMax, onCaughtUp, onProblem });
    this.running.set(folder, move);
    const run = async (): Promise<void> => {
      if (topicId !== null) await writeTopicId(files, joinPath(target.path, name), topicId);
      await this.options.checkpointAll();
      await move.run();
    };
    run()
      .catch((error: unknown) => {
        if (!this.isClosed && this.running.get(folder) === move) {
          onProblem(`${current.directory}: the move to ${target.path} was given up: ${String(error)}`);
        }
      })
      .finally(() => {
        if (this.running.get(folder) === move) this.cancel(folder);
      });
    return true;
  }

  private changePlaces(folder: string, move: LogMove, name: string): void {
    if (this.running.get(folder) !== move || this.options.current(folder)?.log !== move.current) return;
    const { current, future, target } = move;
    future.config = current.config;
    future.raiseStart(current.logStartOffset);
    future.updateHighWatermark(current.highWatermark);
    try {
      future.moveTo(joinPath(target.path, folder));
    } catch (error) {
      if (!(error instanceof FilesError)) throw error;
      this.options.onProblem(`${joinPath(target.path, name)} could not be renamed: ${error.message}`);
      return;
    }
    this.running.delete(folder);
    current.retire(future);
    this.options.changePlaces(folder, future, target);
    future
      .flush()
      .then(() => this.options.removeOld(folder, current))
      .catch(() => {}); // The new log is offline and said so; the old folder stays.
  }

  /** Ends the move of a partition, and removes what was copied. */
  cancel(folder: string): void {
    const move = this.running.get(folder);
    if (move === undefined) return;
    this.running.delete(folder);
    move.stop();
    const name = move.future.directory.slice(move.target.path.length + 1);
    move.future.closeFiles();
    if (move.target.offline === null && !this.isClosed) this.remove(move.target, name);
  }

  /** A log dir failed: moves to it end, and moves of logs that went offline with it. */
  directoryFailed(directory: LogDirectory): void {
    for (const [folder, move] of [...this.running]) {
      if (move.target === directory || move.current.offline !== null) this.cancel(folder);
    }
  }

  /** The broker ends: what was copied stays, and the next start goes on. */
  close(): void {
    this.isClosed = true;
    for (const folder of [...this.running.keys()]) this.cancel(folder);
  }

  private remove(directory: LogDirectory, name: string): void {
    try {
      this.options.files.remove(joinPath(directory.path, name));
    } catch (error) {
      this.options.onProblem(`${joinPath(directory.path, name)} could not be removed: ${String(error)}`);
    }
  }
}

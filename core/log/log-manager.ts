import { FilesError } from '../ports/files.ts';
import {
  deletedFolderName,
  folderName,
  joinPath,
  parseFolderName,
  parseFutureFolderName,
  type TopicPartition,
} from './file-names.ts';
import { FolderFlushes } from './folder-flushes.ts';
import { Log } from './log.ts';
import { LogCheckpoints } from './log-checkpoints.ts';
import { DEFAULT_CLEANER_SETTINGS, LogCleaner } from './log-cleaner.ts';
import type { LogConfig } from './log-config.ts';
import type { LogDirectory } from './log-directory.ts';
import { type FailedLogDir, type LogDirs, openLogDirs } from './log-dirs.ts';
import { DEFAULT_INTERVALS, type LogManagerIntervals, type LogManagerOptions } from './log-manager-options.ts';
import { LogMoves, type MoveRequest } from './log-moves.ts';
import { lostDirectory, NO_DIRECTORY, placesForNew } from './log-placement.ts';
import { type ManagedLog, ManagedLogs } from './managed-logs.ts';
import { RepeatingTimers } from './repeating-timers.ts';
import { SegmentHandles } from './segment-handles.ts';
import { TopicIds } from './topic-ids.ts';

/** Logs whose flushes wait for the device together. */
const CLOSES_AT_ONCE_MAX = 32;

/** A log as DescribeLogDirs tells of it. */
export interface DescribedLog {
  readonly topic: string;
  readonly partition: number;
  readonly bytes: number;
  /** How far it is behind: a future log behind the current one. */
  readonly offsetLag: number;
  readonly isFuture: boolean;
}

/**
 * All logs of a broker: opens what lies in log.dirs, makes, moves and deletes partition folders, and runs retention, flush, checkpoints and the cleaner on
 * timers.
 *
 * Invariant: a partition has at most one current log, in one directory; what `get` returns is open until `delete`, `close` or the end of a move.
 * Of several log dirs one that fails takes all its logs offline, and only those. With a single one each log fails by itself, so that the others go on as
 * long as the disk lets them. What is offline takes no part in the checkpoints.
 */
export class LogManager {
  /** Those of log.dirs that could be opened; `offline` tells of each whether it failed since. */
  readonly directories: readonly LogDirectory[];
  readonly failedDirectories: readonly FailedLogDir[];
  private readonly metadataDirectory: LogDirectory;
  private readonly moves: LogMoves;
  private readonly options: LogManagerOptions;
  private readonly intervals: LogManagerIntervals;
  private readonly managed = new ManagedLogs();
  private readonly timers: RepeatingTimers;
  readonly cleaner: LogCleaner;
  readonly checkpoints: LogCheckpoints;
  private readonly topicIds: TopicIds;
  private readonly handles: SegmentHandles;
  private isClosing = false;

  private constructor(options: LogManagerOptions, dirs: LogDirs) {
    this.options = options;
    this.timers = new RepeatingTimers(options.clock);
    const { files, clock, onProblem } = options;
    this.checkpoints = new LogCheckpoints({ clock, directories: dirs.directories, managed: this.managed, onProblem });
    this.topicIds = new TopicIds(files, new FolderFlushes(files), this.managed, onProblem);
    this.handles = new SegmentHandles(options.clock, options.segmentHandlesMax);
    this.moves = this.newMoves();
    this.intervals = { ...DEFAULT_INTERVALS, ...options.intervals };
    this.directories = dirs.directories;
    this.failedDirectories = dirs.failed;
    this.metadataDirectory = dirs.metadata;
    this.cleaner = new LogCleaner({
      clock: options.clock,
      directories: dirs.directories,
      logs: () => this.cleanable(),
      settings: options.cleanerSettings ?? (() => DEFAULT_CLEANER_SETTINGS),
      checkpointRecovery: () => this.checkpoints.write('recoveryPoints'),
      onProblem: options.onProblem,
    });
  }

  /** Opens and where needed recovers every log. Throws LogDirectoryError when a folder is in use or another's. */
  static async open(options: LogManagerOptions): Promise<LogManager> {
    const dirs = await openLogDirs(options);
    try {
      await options.whenLocked?.(dirs);
    } catch (error) {
      for (const directory of new Set([...dirs.directories, dirs.metadata])) await directory.close(false);
      throw error;
    }
    const manager = new LogManager(options, dirs);
    for (const directory of dirs.directories) manager.loadAll(directory);
    await manager.flushCut();
    manager.startTimers();
    return manager;
  }

  private loadAll(directory: LogDirectory): void {
    const checkpoints = directory.readCheckpoints();
    for (const folder of directory.folders()) {
      const future = parseFutureFolderName(folder);
      if (future !== null) {
        this.moves.found(folderName(future.topic, future.partition), directory, folder);
        continue;
      }
      const found = parseFolderName(folder);
      // The metadata log is the quorum's: it is opened by its own owner.
      if (found === null || found.topic === '__cluster_metadata') continue;
      const log = this.openLog(directory, folder, found, this.options.configOf(found.topic), {
        isClean: directory.wasClean,
        recoveryPoint: checkpoints.recoveryPoints.get(folder) ?? 0,
        highWatermark: checkpoints.highWatermarks.get(folder) ?? 0,
        logStartOffset: checkpoints.logStarts.get(folder) ?? 0,
      });
      this.loaded(folder, { log, directory, topicId: this.topicIds.read(joinPath(directory.path, folder)) });
    }
    this.spreadFailure(directory);
  }

  /** Two folders of one partition: a move was interrupted after the change of places. The one that holds more is the partition; the other goes. */
  private loaded(folder: string, found: ManagedLog): void {
    const other = this.managed.get(folder);
    if (other === undefined) {
      this.managed.set(folder, found);
      return;
    }
    // What cannot be read may hold more.
    const isNewer = found.log.offline !== null || found.log.logEndOffset > other.log.logEndOffset;
    const [kept, gone] = other.log.offline === null && isNewer ? [found, other] : [other, found];
    this.options.onProblem(`${gone.log.directory}: ${kept.log.directory} is the same partition; this one goes`);
    this.managed.set(folder, kept);
    gone.log.closeFiles();
    this.removeFolder(gone.directory as LogDirectory, folder, gone.log);
  }

  /** What recovery took away stays away, before anybody appends. A disk that refuses puts the log offline by itself. */
  private async flushCut(): Promise<void> {
    const cut = [...this.managed.values()].filter(({ log }) => log.wasCut && log.offline === null);
    await Promise.all(cut.map(({ log }) => log.flush().catch(() => {})));
  }

  private openLog(
    directory: LogDirectory | FailedLogDir,
    folder: string,
    { topic, partition }: TopicPartition,
    config: LogConfig,
    state: {
      readonly isClean: boolean;
      readonly recoveryPoint: number;
      readonly highWatermark: number;
      readonly logStartOffset: number;
      readonly offlineReason?: string;
    },
  ): Log {
    const { files, clock, random, onProblem } = this.options;
    const log: Log = new Log({
      files,
      clock,
      random,
      directory: joinPath(directory.path, folder),
      topic,
      partition,
      config,
      handles: this.handles,
      onProblem,
      onTruncated: () => {
        const of = this.directoryOf(topic, partition);
        if (of !== null && this.get(topic, partition) === log) this.cleaner.onTruncated(log, of);
        return this.checkpoints.recoveryPointsSoon();
      },
      onOffline: (_, reason) => {
        const of = this.directories.find((each) => each.path === directory.path);
        if (of !== undefined) this.directoryFailed(of, reason);
      },
      ...state,
    });
    return log;
  }

  private directoryFailed(directory: LogDirectory, reason: string): void {
    if (this.directories.length + this.failedDirectories.length === 1 || directory.offline !== null) return;
    directory.fail(reason);
    this.options.onProblem(`${directory.path}: the log dir is offline: ${reason}`);
    this.spreadFailure(directory);
    this.options.onDirectoryFailed?.(directory);
  }

  private spreadFailure(directory: LogDirectory): void {
    const reason = directory.offline;
    if (reason === null) return;
    for (const known of this.managed.values()) if (known.directory === directory) known.log.takeOffline(reason);
    this.moves.directoryFailed(directory);
  }

  get(topic: string, partition: number): Log | undefined {
    return this.managed.get(folderName(topic, partition))?.log;
  }

  /** The id that the partition's folder was made for; null when none is known. */
  topicId(topic: string, partition: number): string | null {
    return this.managed.get(folderName(topic, partition))?.topicId ?? null;
  }

  private *cleanable(): Generator<{ readonly log: Log; readonly directory: LogDirectory }> {
    for (const { log, directory } of this.managed.values()) if ('directoryId' in directory) yield { log, directory };
  }

  /** In the order in which they were opened or made. */
  *logs(): Generator<Log> {
    for (const { log } of this.managed.values()) yield log;
  }

  /** Of segments, of all logs together. */
  get openHandles(): number {
    return this.handles.count;
  }

  /** The log dir of the partition's log; null when it has none here, or one that nobody can look at. */
  directoryOf(topic: string, partition: number): LogDirectory | null {
    const directory = this.managed.get(folderName(topic, partition))?.directory;
    return directory === undefined || !('directoryId' in directory) ? null : directory;
  }

  /**
   * The partition's log: the one that is there, or a new one in the log dir with the fewest. One that was made for another topic id belongs to a topic that
   * was deleted meanwhile, and goes. `assignedId` is the log dir where the metadata says that it lies: when that one is offline so is the partition, and
   * nothing is made in its place.
   */
  getOrCreate(topic: string, partition: number, topicId: string, config: LogConfig, assignedId = NO_DIRECTORY): Log {
    const folder = folderName(topic, partition);
    const known = this.managed.get(folder);
    if (known !== undefined) {
      if (known.topicId === topicId) return known.log;
      if (known.topicId === null) {
        this.managed.set(folder, { ...known, topicId });
        if (known.log.offline === null) this.topicIds.save(known.directory.path, folder, topicId);
        return known.log;
      }
      this.delete(topic, partition);
    }
    const empty = { isClean: true, recoveryPoint: 0, highWatermark: 0, logStartOffset: 0 };
    const lost = lostDirectory(assignedId, this.directories, this.failedDirectories);
    if (lost !== null) {
      const offlineReason = `its log dir ${lost.path} is offline`;
      const log = this.openLog(lost, folder, { topic, partition }, config, { ...empty, offlineReason });
      this.managed.set(folder, { log, directory: lost, topicId });
      return log;
    }
    const directory = this.directoryForNew(folder, assignedId);
    const log = this.openLog(directory, folder, { topic, partition }, config, empty);
    this.managed.set(folder, { log, directory, topicId });
    if (log.offline === null) this.topicIds.save(directory.path, folder, topicId);
    return log;
  }

  /** The assigned log dir, or that with the fewest partitions whose disk lets a folder be made. */
  private directoryForNew(folder: string, assignedId: string): LogDirectory {
    const places = placesForNew(assignedId, this.directories, (directory) => this.managed.countIn(directory));
    if (places.length === 1) return places[0]!;
    for (const directory of places) {
      try {
        this.options.files.makeDirectory(joinPath(directory.path, folder));
        return directory;
      } catch (error) {
        if (!(error instanceof FilesError)) throw error;
        this.directoryFailed(directory, error.message);
      }
    }
    return this.directories[0]!;
  }

  /** Renames the folder out of the way at once; its bytes go after file.delete.delay.ms. False when there is no such log. */
  delete(topic: string, partition: number): boolean {
    const folder = folderName(topic, partition);
    const known = this.managed.get(folder);
    if (known === undefined) return false;
    this.moves.cancel(folder);
    this.managed.delete(folder);
    known.log.closeFiles();
    if ('directoryId' in known.directory) this.removeFolder(known.directory, folder, known.log);
    return true;
  }

  private removeFolder(directory: LogDirectory, folder: string, log: Log): void {
    const { files, random, onProblem } = this.options;
    this.cleaner.forget(log, directory);
    const uid = random.uuid().toString('hex');
    const waiting = joinPath(directory.path, deletedFolderName(log.topic, log.partition, uid));
    try {
      files.rename(joinPath(directory.path, folder), waiting);
    } catch (error) {
      onProblem(`${folder} could not be renamed for its removal: ${String(error)}`);
      return;
    }
    this.timers.after(this.intervals.fileDeleteDelayMs(), () => {
      try {
        files.remove(waiting);
      } catch (error) {
        onProblem(`${waiting} could not be removed: ${String(error)}`);
      }
    });
  }

  /** The logs in a log dir, those that are being filled included. */
  logsIn(directory: LogDirectory): DescribedLog[] {
    const found: DescribedLog[] = [];
    for (const { log, directory: of } of this.managed.values()) {
      if (of !== directory || log.offline !== null) continue;
      const offsetLag = Math.max(0, log.highWatermark - log.logEndOffset);
      found.push({ topic: log.topic, partition: log.partition, bytes: log.size, offsetLag, isFuture: false });
    }
    for (const { future, lag } of this.moves.into(directory)) {
      const { topic, partition, size } = future;
      found.push({ topic, partition, bytes: size, offsetLag: lag, isFuture: true });
    }
    return found;
  }

  /** Begins to move a partition to another log dir; `path` as clients name it. A move to where it is cancels one that is under way. */
  move(topic: string, partition: number, path: string): MoveRequest {
    const target = this.directories.find((each) => each.absolutePath === path || each.path === path);
    if (target === undefined) {
      return this.failedDirectories.some((each) => each.absolutePath === path) ? 'offline' : 'unknownDirectory';
    }
    if (target.offline !== null) return 'offline';
    const folder = folderName(topic, partition);
    const known = this.managed.get(folder);
    if (known === undefined) return 'unknownPartition';
    if (known.log.offline !== null) return 'offline';
    if (this.moves.targetOf(folder) === target) return 'begun';
    this.moves.cancel(folder);
    if (known.directory === target) return 'alreadyThere';
    return this.moves.request(known, target);
  }

  /** Goes on with the moves that the last end of the broker interrupted. Called once the partitions are held. */
  resumeMoves(): void {
    this.moves.resume((folder) => this.managed.get(folder)?.directory);
  }

  private newMoves(): LogMoves {
    const { files, clock, random, onProblem, moveBytesPerSecondMax } = this.options;
    const sources = new Map<Log, LogDirectory>();
    return new LogMoves({
      files,
      clock,
      random,
      onProblem,
      bytesPerSecondMax: moveBytesPerSecondMax ?? (() => Number.POSITIVE_INFINITY),
      current: (folder) => {
        const known = this.managed.get(folder);
        return known === undefined || known.log.offline !== null ? undefined : known;
      },
      openFuture: (target, name, current) =>
        this.openLog(target, name, current, current.config, {
          isClean: false,
          recoveryPoint: 0,
          highWatermark: 0,
          logStartOffset: 0,
        }),
      checkpointAll: () => this.checkpoints.writeAll(),
      changePlaces: (folder, future, target) => {
        const known = this.managed.get(folder)!;
        sources.set(known.log, known.directory as LogDirectory);
        this.managed.set(folder, { ...known, log: future, directory: target });
        this.options.onMoved?.(future);
      },
      removeOld: (folder, old) => {
        this.removeFolder(sources.get(old)!, folder, old);
        sources.delete(old);
      },
    });
  }

  /** The size of the log dir's device, and what is free there; −1 where nobody knows. */
  spaceOf(directory: LogDirectory): { readonly totalBytes: number; readonly usableBytes: number } {
    const { files } = this.options;
    return { totalBytes: files.totalBytes(directory.path) ?? -1, usableBytes: files.freeBytes(directory.path) ?? -1 };
  }

  private startTimers(): void {
    const { intervals } = this;
    this.timers.every(intervals.retentionCheckMs, () => this.applyRetention());
    this.timers.every(intervals.flushSchedulerMs, () => this.flushDue());
    this.timers.every(intervals.recoveryPointCheckpointMs, () => this.checkpoints.write('recoveryPoints'));
    this.timers.every(intervals.logStartCheckpointMs, () => this.checkpoints.write('logStarts'));
    this.timers.every(intervals.highWatermarkCheckpointMs, () => this.checkpoints.write('highWatermarks'));
    this.timers.every(intervals.producerIdExpirationCheckMs, () => this.expireProducers());
    this.cleaner.start();
  }

  applyRetention(): void {
    for (const log of this.logs()) log.applyRetention();
  }

  /** Flushes the logs whose flush.ms has passed. */
  private flushDue(): void {
    const nowMs = this.options.clock.monotonic();
    for (const log of this.logs()) {
      // A failure takes the log offline and is reported there.
      if (nowMs - log.lastFlushMs >= log.config.flushMs) log.flush().catch(() => {});
    }
  }

  private expireProducers(): void {
    const nowMs = this.options.clock.now();
    for (const log of this.logs()) log.producers.removeExpired(nowMs, this.intervals.producerIdExpirationMs());
  }

  /** Closes every log cleanly, writes the checkpoints and the mark that lets the next start skip recovery. */
  async close(): Promise<void> {
    if (this.isClosing) return;
    this.isClosing = true;
    this.timers.end();
    await this.cleaner.stop();
    this.moves.close();
    const failed = new Set<unknown>();
    const waiting = this.managed.values();
    const closeNext = async (): Promise<void> => {
      // One iterator for all workers: each takes the next log.
      for (const { log, directory } of waiting) {
        if (log.offline !== null) failed.add(directory);
        await log.close().catch(() => failed.add(directory)); // Reported when the log went offline.
      }
    };
    await Promise.all(Array.from({ length: CLOSES_AT_ONCE_MAX }, closeNext));
    await this.topicIds.settled();
    await this.checkpoints.writeAll();
    for (const directory of new Set([...this.directories, this.metadataDirectory])) {
      await directory.close(!failed.has(directory));
    }
  }
}

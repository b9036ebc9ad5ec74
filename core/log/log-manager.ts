import type { Clock, Timer } from '../ports/clock.ts';
import type { Files } from '../ports/files.ts';
import { FilesError } from '../ports/files.ts';
import type { Random } from '../ports/random.ts';
import { readTopicId, writeTopicId } from './checkpoint-files.ts';
import { deletedFolderName, folderName, joinPath, parseFolderName } from './file-names.ts';
import { Log } from './log.ts';
import { type CleanerSettings, DEFAULT_CLEANER_SETTINGS, LogCleaner } from './log-cleaner.ts';
import type { LogConfig } from './log-config.ts';
import { LogDirectory } from './log-directory.ts';

/**
 * All logs of a broker: opens what lies in log.dirs, makes and deletes partition folders, and runs retention, flush, checkpoints and the cleaner on timers.
 *
 * Invariant: a partition has at most one log, in one directory; what `get` returns is open until `delete` or `close`.
 * A log whose disk fails goes offline by itself; the others go on, and it no longer takes part in the checkpoints.
 */
export interface LogManagerOptions {
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  /** log.dirs */
  readonly logDirs: readonly string[];
  readonly nodeId: number;
  readonly clusterId: string;
  /** The settings of a topic that lies in log.dirs at the start. */
  readonly configOf: (topic: string) => LogConfig;
  readonly onProblem: (message: string) => void;
  /** Called when the folders are locked and before any log is opened: here the metadata log is read, which `configOf` needs. */
  readonly whenLocked?: (directories: readonly LogDirectory[]) => void;
  readonly intervals?: Partial<LogManagerIntervals>;
  /** Asked whenever the cleaner looks for work. */
  readonly cleanerSettings?: () => CleanerSettings;
}

export interface LogManagerIntervals {
  /** log.retention.check.interval.ms */
  readonly retentionCheckMs: number;
  /** log.flush.scheduler.interval.ms */
  readonly flushSchedulerMs: number;
  /** log.flush.offset.checkpoint.interval.ms */
  readonly recoveryPointCheckpointMs: number;
  /** log.flush.start.offset.checkpoint.interval.ms */
  readonly logStartCheckpointMs: number;
  /** replica.high.watermark.checkpoint.interval.ms */
  readonly highWatermarkCheckpointMs: number;
  /** producer.id.expiration.ms */
  readonly producerIdExpirationMs: number;
  /** producer.id.expiration.check.interval.ms */
  readonly producerIdExpirationCheckMs: number;
  /** file.delete.delay.ms for whole partitions */
  readonly fileDeleteDelayMs: number;
}

const DEFAULT_INTERVALS: LogManagerIntervals = {
  retentionCheckMs: 300_000,
  flushSchedulerMs: Number.MAX_SAFE_INTEGER,
  recoveryPointCheckpointMs: 60_000,
  logStartCheckpointMs: 60_000,
  highWatermarkCheckpointMs: 5_000,
  producerIdExpirationMs: 86_400_000,
  producerIdExpirationCheckMs: 600_000,
  fileDeleteDelayMs: 60_000,
};

/** Timers cannot wait longer; what is set higher never comes due. */
const TIMER_MS_MAX = 0x7fff_ffff;

/** Logs whose flushes wait for the device together. */
const CLOSES_AT_ONCE_MAX = 32;

interface ManagedLog {
  readonly log: Log;
  readonly directory: LogDirectory;
  readonly topicId: string | null;
}

export class LogManager {
  readonly directories: readonly LogDirectory[];
  private readonly options: LogManagerOptions;
  private readonly intervals: LogManagerIntervals;
  private readonly managed = new Map<string, ManagedLog>();
  private readonly timers = new Set<Timer>();
  readonly cleaner: LogCleaner;
  private isClosing = false;

  private constructor(options: LogManagerOptions, directories: readonly LogDirectory[]) {
    this.options = options;
    this.intervals = { ...DEFAULT_INTERVALS, ...options.intervals };
    this.directories = directories;
    this.cleaner = new LogCleaner({
      clock: options.clock,
      directories,
      logs: () => this.managed.values(),
      settings: options.cleanerSettings ?? (() => DEFAULT_CLEANER_SETTINGS),
      checkpointRecovery: () => this.checkpoint('recoveryPoints'),
      onProblem: options.onProblem,
    });
  }

  /** Opens and where needed recovers every log. Throws LogDirectoryError when a folder is in use or another's. */
  static async open(options: LogManagerOptions): Promise<LogManager> {
    const directories: LogDirectory[] = [];
    try {
      for (const path of options.logDirs) {
        directories.push(
          await LogDirectory.open(options.files, options.random, path, options.nodeId, options.clusterId),
        );
      }
      options.whenLocked?.(directories);
    } catch (error) {
      for (const directory of directories) await directory.close(false);
      throw error;
    }
    const manager = new LogManager(options, directories);
    for (const directory of directories) manager.loadAll(directory);
    manager.startTimers();
    return manager;
  }

  private loadAll(directory: LogDirectory): void {
    const checkpoints = directory.readCheckpoints();
    for (const folder of directory.folders()) {
      const partition = parseFolderName(folder);
      // The metadata log is the quorum's: it is opened by its own owner.
      if (partition === null || partition.topic === '__cluster_metadata') continue;
      try {
        const path = joinPath(directory.path, folder);
        const log = this.openLog(
          directory,
          partition.topic,
          partition.partition,
          this.options.configOf(partition.topic),
          {
            isClean: directory.wasClean,
            recoveryPoint: checkpoints.recoveryPoints.get(folder) ?? 0,
            highWatermark: checkpoints.highWatermarks.get(folder) ?? 0,
            logStartOffset: checkpoints.logStarts.get(folder) ?? 0,
          },
        );
        this.managed.set(folder, { log, directory, topicId: readTopicId(this.options.files, path) });
      } catch (error) {
        if (!(error instanceof FilesError)) throw error;
        this.options.onProblem(`${joinPath(directory.path, folder)} could not be opened: ${error.message}`);
      }
    }
  }

  private openLog(
    directory: LogDirectory,
    topic: string,
    partition: number,
    config: LogConfig,
    state: { isClean: boolean; recoveryPoint: number; highWatermark: number; logStartOffset: number },
  ): Log {
    const { files, clock, random, onProblem } = this.options;
    const path = joinPath(directory.path, folderName(topic, partition));
    const onTruncated = () => {
      void this.checkpoint('recoveryPoints');
      this.cleaner.onTruncated(log, directory);
    };
    const log = new Log({
      files,
      clock,
      random,
      directory: path,
      topic,
      partition,
      config,
      onProblem,
      onTruncated,
      ...state,
    });
    return log;
  }

  get(topic: string, partition: number): Log | undefined {
    return this.managed.get(folderName(topic, partition))?.log;
  }

  /** The id that the partition's folder was made for; null when none is known. */
  topicId(topic: string, partition: number): string | null {
    return this.managed.get(folderName(topic, partition))?.topicId ?? null;
  }

  /** In the order in which they were opened or made. */
  *logs(): Generator<Log> {
    for (const { log } of this.managed.values()) yield log;
  }

  /**
   * The partition's log: the one that is there, or a new one in the log dir with the fewest. One that was made for another topic id belongs to a topic that
   * was deleted meanwhile, and goes. Throws FilesError when the disk refuses.
   */
  getOrCreate(topic: string, partition: number, topicId: string, config: LogConfig): Log {
    const folder = folderName(topic, partition);
    const known = this.managed.get(folder);
    if (known !== undefined) {
      if (known.topicId === topicId) return known.log;
      if (known.topicId === null) {
        this.managed.set(folder, { ...known, topicId });
        this.saveTopicId(known.directory, folder, topicId);
        return known.log;
      }
      this.delete(topic, partition);
    }
    const directory = this.emptiestDirectory();
    const log = this.openLog(directory, topic, partition, config, {
      isClean: true,
      recoveryPoint: 0,
      highWatermark: 0,
      logStartOffset: 0,
    });
    this.managed.set(folder, { log, directory, topicId });
    this.saveTopicId(directory, folder, topicId);
    return log;
  }

  private saveTopicId(directory: LogDirectory, folder: string, topicId: string): void {
    const { files, onProblem } = this.options;
    const path = joinPath(directory.path, folder);
    writeTopicId(files, path, topicId)
      .then(() => files.flushDirectory(directory.path))
      .catch((error) => {
        // The folder may have been deleted meanwhile.
        if (this.managed.get(folder)?.topicId === topicId) onProblem(`${path}: partition.metadata: ${String(error)}`);
      });
  }

  private emptiestDirectory(): LogDirectory {
    if (this.directories.length === 1) return this.directories[0]!;
    const counts = new Map(this.directories.map((directory) => [directory, 0]));
    for (const { directory } of this.managed.values()) counts.set(directory, counts.get(directory)! + 1);
    return [...counts].reduce((least, next) => (next[1] < least[1] ? next : least))[0];
  }

  /** Renames the folder out of the way at once; its bytes go after file.delete.delay.ms. False when there is no such log. */
  delete(topic: string, partition: number): boolean {
    const folder = folderName(topic, partition);
    const known = this.managed.get(folder);
    if (known === undefined) return false;
    const { files, random, onProblem } = this.options;
    this.managed.delete(folder);
    this.cleaner.forget(known.log, known.directory);
    known.log.closeFiles();
    const uid = random.uuid().toString('hex');
    const waiting = joinPath(known.directory.path, deletedFolderName(topic, partition, uid));
    try {
      files.rename(joinPath(known.directory.path, folder), waiting);
    } catch (error) {
      onProblem(`${folder} could not be renamed for its removal: ${String(error)}`);
      return true;
    }
    this.after(this.intervals.fileDeleteDelayMs, () => {
      try {
        files.remove(waiting);
      } catch (error) {
        onProblem(`${waiting} could not be removed: ${String(error)}`);
      }
    });
    return true;
  }

  private startTimers(): void {
    const { intervals } = this;
    this.every(intervals.retentionCheckMs, () => this.applyRetention());
    this.every(intervals.flushSchedulerMs, () => this.flushDue());
    this.every(intervals.recoveryPointCheckpointMs, () => this.checkpoint('recoveryPoints'));
    this.every(intervals.logStartCheckpointMs, () => this.checkpoint('logStarts'));
    this.every(intervals.highWatermarkCheckpointMs, () => this.checkpoint('highWatermarks'));
    this.every(intervals.producerIdExpirationCheckMs, () => this.expireProducers());
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
    for (const log of this.logs()) log.producers.removeExpired(nowMs, this.intervals.producerIdExpirationMs);
  }

  /** Writes one kind of checkpoint of every log dir; a failure is reported. */
  async checkpoint(kind: 'recoveryPoints' | 'logStarts' | 'highWatermarks'): Promise<void> {
    for (const directory of this.directories) {
      const logs: Log[] = [];
      for (const known of this.managed.values()) {
        if (known.directory === directory && known.log.segments.length > 0) logs.push(known.log);
      }
      try {
        if (kind === 'recoveryPoints') await directory.writeRecoveryPoints(logs);
        else if (kind === 'logStarts') await directory.writeLogStarts(logs);
        else await directory.writeHighWatermarks(logs);
      } catch (error) {
        this.options.onProblem(`${directory.path}: checkpoint of ${kind}: ${String(error)}`);
      }
    }
  }

  /** Closes every log cleanly, writes the checkpoints and the mark that lets the next start skip recovery. */
  async close(): Promise<void> {
    if (this.isClosing) return;
    this.isClosing = true;
    for (const timer of this.timers) timer.cancel();
    await this.cleaner.stop();
    const failed = new Set<LogDirectory>();
    const waiting = this.managed.values();
    const closeNext = async (): Promise<void> => {
      // One iterator for all workers: each takes the next log.
      for (const { log, directory } of waiting) {
        if (log.offline !== null) failed.add(directory);
        await log.close().catch(() => failed.add(directory)); // Reported when the log went offline.
      }
    };
    await Promise.all(Array.from({ length: CLOSES_AT_ONCE_MAX }, closeNext));
    await this.checkpoint('recoveryPoints');
    await this.checkpoint('logStarts');
    await this.checkpoint('highWatermarks');
    for (const directory of this.directories) await directory.close(!failed.has(directory));
  }

  private every(intervalMs: number, task: () => void): void {
    if (intervalMs > TIMER_MS_MAX) return;
    this.after(intervalMs, () => {
      task();
      if (!this.isClosing) this.every(intervalMs, task);
    });
  }

  private after(delayMs: number, task: () => void): void {
    const timer = this.options.clock.setTimer(delayMs, () => {
      this.timers.delete(timer);
      task();
    });
    this.timers.add(timer);
  }
}

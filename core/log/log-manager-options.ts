import type { Clock } from '../ports/clock.ts';
import type { Files } from '../ports/files.ts';
import type { Random } from '../ports/random.ts';
import type { Log } from './log.ts';
import type { CleanerSettings } from './log-cleaner.ts';
import type { LogConfig } from './log-config.ts';
import type { LogDirectory } from './log-directory.ts';
import type { LogDirs } from './log-dirs.ts';

/** What a broker's logs are opened with: its ports, log.dirs, who is told of what, and how often the timers of all logs run. */
export interface LogManagerOptions {
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  /** log.dirs */
  readonly logDirs: readonly string[];
  /** metadata.log.dir; the first of log.dirs when absent. */
  readonly metadataLogDir?: string | undefined;
  readonly nodeId: number;
  readonly clusterId: string;
  /** The settings of a topic that lies in log.dirs at the start. */
  readonly configOf: (topic: string) => LogConfig;
  readonly onProblem: (message: string) => void;
  /** Called when the folders are locked; no log is opened before it resolves: here the metadata is caught up with, which `configOf` needs. */
  readonly whenLocked?: (dirs: LogDirs) => void | Promise<void>;
  readonly intervals?: Partial<LogManagerIntervals>;
  /** Of all logs together. */
  readonly segmentHandlesMax?: number;
  /** Asked whenever the cleaner looks for work. */
  readonly cleanerSettings?: () => CleanerSettings;
  /** replica.alter.log.dirs.io.max.bytes.per.second */
  readonly moveBytesPerSecondMax?: () => number;
  /** Of several log dirs this one failed; its logs are offline now. */
  readonly onDirectoryFailed?: (directory: LogDirectory) => void;
  /** A partition was moved: `log` took the place of the one that `get` returned before, in this very call. */
  readonly onMoved?: (log: Log) => void;
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
  /** Asked at each use: it may be altered. */
  readonly producerIdExpirationMs: () => number;
  /** producer.id.expiration.check.interval.ms */
  readonly producerIdExpirationCheckMs: number;
  /** file.delete.delay.ms for whole partitions */
  readonly fileDeleteDelayMs: () => number;
}

export const DEFAULT_INTERVALS: LogManagerIntervals = {
  retentionCheckMs: 300_000,
  flushSchedulerMs: Number.MAX_SAFE_INTEGER,
  recoveryPointCheckpointMs: 60_000,
  logStartCheckpointMs: 60_000,
  highWatermarkCheckpointMs: 5_000,
  producerIdExpirationMs: () => 86_400_000,
  producerIdExpirationCheckMs: 600_000,
  fileDeleteDelayMs: () => 60_000,
};

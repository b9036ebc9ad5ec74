/**
 * A topic's settings as far as the log needs them: Kafka's topic configs, in camelCase, with the unit at the end as Kafka has it.
 *
 * Only data: parsing, validation and inheritance from the broker's own settings belong to `broker/config`. Infinite values (`-1` for the
 * retentions, `Long.MAX_VALUE` elsewhere) are `-1` and `Number.MAX_SAFE_INTEGER`.
 */
export type CleanupPolicy = 'delete' | 'compact';
export type MessageTimestampType = 'CreateTime' | 'LogAppendTime';
export type TopicCompressionType = 'producer' | 'uncompressed' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

export interface LogConfig {
  /** segment.bytes */
  readonly segmentBytes: number;
  /** segment.ms */
  readonly segmentMs: number;
  /** segment.jitter.ms: the largest random amount by which a roll by time comes earlier. */
  readonly segmentJitterMs: number;
  /** segment.index.bytes: the largest size of an index file; a full index rolls the segment. */
  readonly segmentIndexBytes: number;
  /** index.interval.bytes */
  readonly indexIntervalBytes: number;
  /** retention.ms; −1 = no limit. */
  readonly retentionMs: number;
  /** retention.bytes; −1 = no limit. */
  readonly retentionBytes: number;
  /** file.delete.delay.ms */
  readonly fileDeleteDelayMs: number;
  /** max.message.bytes: of the batch, with its header. */
  readonly maxMessageBytes: number;
  /** flush.messages */
  readonly flushMessages: number;
  /** flush.ms */
  readonly flushMs: number;
  /** cleanup.policy: a set; empty only where Kafka allows it. */
  readonly cleanupPolicy: readonly CleanupPolicy[];
  /** message.timestamp.type */
  readonly messageTimestampType: MessageTimestampType;
  /** message.timestamp.before.max.ms */
  readonly messageTimestampBeforeMaxMs: number;
  /** message.timestamp.after.max.ms */
  readonly messageTimestampAfterMaxMs: number;
  /** compression.type */
  readonly compressionType: TopicCompressionType;
  /** compression.gzip.level, compression.zstd.level, compression.lz4.level: of the codec in `compressionType`; undefined = the codec's default. */
  readonly compressionLevel?: number;
  /** min.insync.replicas */
  readonly minInSyncReplicas: number;
  /** preallocate */
  readonly preallocate: boolean;
  /** delete.retention.ms, min.compaction.lag.ms, max.compaction.lag.ms, min.cleanable.dirty.ratio: the cleaner's. */
  readonly deleteRetentionMs: number;
  readonly minCompactionLagMs: number;
  readonly maxCompactionLagMs: number;
  readonly minCleanableDirtyRatio: number;
  /** unclean.leader.election.enable */
  readonly uncleanLeaderElectionEnable: boolean;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** Kafka 4.x's defaults. */
export const DEFAULT_LOG_CONFIG: LogConfig = {
  segmentBytes: 1024 * 1024 * 1024,
  segmentMs: 7 * DAY_MS,
  segmentJitterMs: 0,
  segmentIndexBytes: 10 * 1024 * 1024,
  indexIntervalBytes: 4096,
  retentionMs: 7 * DAY_MS,
  retentionBytes: -1,
  fileDeleteDelayMs: 60_000,
  maxMessageBytes: 1024 * 1024 + 12,
  flushMessages: Number.MAX_SAFE_INTEGER,
  flushMs: Number.MAX_SAFE_INTEGER,
  cleanupPolicy: ['delete'],
  messageTimestampType: 'CreateTime',
  messageTimestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  messageTimestampAfterMaxMs: 60 * 60 * 1000,
  compressionType: 'producer',
  minInSyncReplicas: 1,
  preallocate: false,
  deleteRetentionMs: DAY_MS,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
  minCleanableDirtyRatio: 0.5,
  uncleanLeaderElectionEnable: false,
};

export function isCompacted(config: LogConfig): boolean {
  return config.cleanupPolicy.includes('compact');
}

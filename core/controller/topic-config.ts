import type { CleanupPolicy, LogConfig, MessageTimestampType, TopicCompressionType } from '../log/log-config.ts';
import { type ConfigDefinition, type ConfigValue, parseConfig } from './config-definition.ts';

/**
 * The settings of a topic: what they are, from which setting of the broker a topic without its own value takes them, and the LogConfig they make.
 *
 * Invariant: a value in the cluster's image was checked here before its record was written, so `logConfigOf` cannot fail on it.
 */
export interface TopicConfigDefinition extends ConfigDefinition {
  /** The broker's settings that stand in, best first, with what turns their number into this one's unit. */
  readonly brokerSynonyms: readonly { readonly name: string; readonly factor?: number }[];
}

const FOREVER = '9223372036854775807';
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

function define(
  name: string,
  type: ConfigDefinition['type'],
  defaultValue: string,
  brokerSynonyms: readonly (string | readonly [string, number])[],
  limits: Pick<ConfigDefinition, 'min' | 'max' | 'noneOf' | 'oneOf' | 'pattern'> = {},
): TopicConfigDefinition {
  const synonyms = brokerSynonyms.map((each) =>
    typeof each === 'string' ? { name: each } : { name: each[0], factor: each[1] },
  );
  return { name, type, defaultValue, brokerSynonyms: synonyms, ...limits };
}

const THROTTLED_REPLICAS = {
  test: /^(\*|\d+:\d+(\s*,\s*\d+:\d+)*)?$/,
  words: "'*', or a list of PARTITION:BROKER",
};

// biome-ignore format: a table, one setting a line
const DEFINITIONS: readonly TopicConfigDefinition[] = [
  define('cleanup.policy', 'list', 'delete', ['log.cleanup.policy'], { oneOf: ['compact', 'delete'] }),
  define('compression.gzip.level', 'int', '-1', ['compression.gzip.level'], { min: -1, max: 9, noneOf: [0] }),
  define('compression.lz4.level', 'int', '9', ['compression.lz4.level'], { min: 1, max: 17 }),
  define('compression.type', 'string', 'producer', ['compression.type'], { oneOf: ['uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer'] }),
  define('compression.zstd.level', 'int', '3', ['compression.zstd.level'], { min: -131072, max: 22 }),
  define('delete.retention.ms', 'long', '86400000', ['log.cleaner.delete.retention.ms'], { min: 0 }),
  define('file.delete.delay.ms', 'long', '60000', ['log.segment.delete.delay.ms'], { min: 0 }),
  define('flush.messages', 'long', FOREVER, ['log.flush.interval.messages'], { min: 1 }),
  define('flush.ms', 'long', FOREVER, ['log.flush.interval.ms'], { min: 0 }),
  define('follower.replication.throttled.replicas', 'list', '', [], { pattern: THROTTLED_REPLICAS }),
  define('index.interval.bytes', 'int', '4096', ['log.index.interval.bytes'], { min: 0 }),
  define('leader.replication.throttled.replicas', 'list', '', [], { pattern: THROTTLED_REPLICAS }),
  define('local.retention.bytes', 'long', '-2', ['log.local.retention.bytes'], { min: -2 }),
  define('local.retention.ms', 'long', '-2', ['log.local.retention.ms'], { min: -2 }),
  define('max.compaction.lag.ms', 'long', FOREVER, ['log.cleaner.max.compaction.lag.ms'], { min: 1 }),
  define('max.message.bytes', 'int', '1048588', ['message.max.bytes'], { min: 0 }),
  define('message.timestamp.after.max.ms', 'long', '3600000', ['log.message.timestamp.after.max.ms'], { min: 0 }),
  define('message.timestamp.before.max.ms', 'long', FOREVER, ['log.message.timestamp.before.max.ms'], { min: 0 }),
  define('message.timestamp.type', 'string', 'CreateTime', ['log.message.timestamp.type'], { oneOf: ['CreateTime', 'LogAppendTime'] }),
  define('min.cleanable.dirty.ratio', 'double', '0.5', ['log.cleaner.min.cleanable.ratio'], { min: 0, max: 1 }),
  define('min.compaction.lag.ms', 'long', '0', ['log.cleaner.min.compaction.lag.ms'], { min: 0 }),
  define('min.insync.replicas', 'int', '1', ['min.insync.replicas'], { min: 1 }),
  define('preallocate', 'boolean', 'false', ['log.preallocate']),
  define('remote.log.copy.disable', 'boolean', 'false', []),
  define('remote.log.delete.on.disable', 'boolean', 'false', []),
  define('remote.storage.enable', 'boolean', 'false', [], {}),
  define('retention.bytes', 'long', '-1', ['log.retention.bytes']),
  define('retention.ms', 'long', '604800000', ['log.retention.ms', ['log.retention.minutes', MINUTE_MS], ['log.retention.hours', HOUR_MS]], { min: -1 }),
  define('segment.bytes', 'int', '1073741824', ['log.segment.bytes'], { min: 1048576 }),
  define('segment.index.bytes', 'int', '10485760', ['log.index.size.max.bytes'], { min: 4 }),
  define('segment.jitter.ms', 'long', '0', ['log.roll.jitter.ms', ['log.roll.jitter.hours', HOUR_MS]], { min: 0 }),
  define('segment.ms', 'long', '604800000', ['log.roll.ms', ['log.roll.hours', HOUR_MS]], { min: 1 }),
  define('unclean.leader.election.enable', 'boolean', 'false', ['unclean.leader.election.enable']),
];

export const TOPIC_CONFIGS: ReadonlyMap<string, TopicConfigDefinition> = new Map(
  DEFINITIONS.map((each) => [each.name, each]),
);

/** null, or why a topic cannot have these settings. */
export function checkTopicConfigs(configs: ReadonlyMap<string, string>): string | null {
  for (const [name, value] of configs) {
    const definition = TOPIC_CONFIGS.get(name);
    if (definition === undefined) return `Unknown topic config name: ${name}`;
    const parsed = parseConfig(definition, value);
    if (!parsed.ok) return parsed.message;
  }
  const number = (name: string) => Number(configs.get(name) ?? TOPIC_CONFIGS.get(name)!.defaultValue);
  if (number('min.compaction.lag.ms') > number('max.compaction.lag.ms')) {
    return `conflict topic config setting min.compaction.lag.ms (${configs.get('min.compaction.lag.ms')}) > max.compaction.lag.ms (${configs.get('max.compaction.lag.ms')})`;
  }
  if (configs.get('remote.storage.enable')?.trim().toLowerCase() === 'true') {
    return 'Invalid value true for configuration remote.storage.enable: this broker has no tiered storage';
  }
  return null;
}

/** Where a topic's value comes from when the topic has none of its own: the broker's setting, as text, or null. */
export type BrokerSetting = (name: string) => string | null;

/** The value that holds for a topic as text, and the broker's setting it came from (null = Kafka's default). */
export function inheritedTopicConfig(
  definition: TopicConfigDefinition,
  broker: BrokerSetting,
): { readonly value: string; readonly from: string | null } {
  for (const { name, factor } of definition.brokerSynonyms) {
    const text = broker(name);
    if (text === null) continue;
    if (factor === undefined) return { value: text, from: name };
    const number = Number(text);
    return { value: String(number < 0 ? -1 : number * factor), from: name };
  }
  return { value: definition.defaultValue ?? '', from: null };
}

export function logConfigOf(configs: ReadonlyMap<string, string>, broker: BrokerSetting): LogConfig {
  const value = (name: string): ConfigValue => {
    const definition = TOPIC_CONFIGS.get(name)!;
    const parsed = parseConfig(definition, configs.get(name) ?? inheritedTopicConfig(definition, broker).value);
    if (!parsed.ok) throw new Error(parsed.message);
    return parsed.value;
  };
  const number = (name: string) => value(name) as number;
  const compressionType = value('compression.type') as TopicCompressionType;
  return {
    segmentBytes: number('segment.bytes'),
    segmentMs: number('segment.ms'),
    segmentJitterMs: number('segment.jitter.ms'),
    segmentIndexBytes: number('segment.index.bytes'),
    indexIntervalBytes: number('index.interval.bytes'),
    retentionMs: number('retention.ms'),
    retentionBytes: number('retention.bytes'),
    fileDeleteDelayMs: number('file.delete.delay.ms'),
    maxMessageBytes: number('max.message.bytes'),
    flushMessages: number('flush.messages'),
    flushMs: number('flush.ms'),
    cleanupPolicy: value('cleanup.policy') as readonly CleanupPolicy[],
    messageTimestampType: value('message.timestamp.type') as MessageTimestampType,
    messageTimestampBeforeMaxMs: number('message.timestamp.before.max.ms'),
    messageTimestampAfterMaxMs: number('message.timestamp.after.max.ms'),
    compressionType,
    compressionLevel: compressionLevelOf(compressionType, number),
    minInSyncReplicas: number('min.insync.replicas'),
    preallocate: value('preallocate') as boolean,
    deleteRetentionMs: number('delete.retention.ms'),
    minCompactionLagMs: number('min.compaction.lag.ms'),
    maxCompactionLagMs: number('max.compaction.lag.ms'),
    minCleanableDirtyRatio: number('min.cleanable.dirty.ratio'),
    uncleanLeaderElectionEnable: value('unclean.leader.election.enable') as boolean,
  };
}

function compressionLevelOf(type: TopicCompressionType, number: (name: string) => number): number | undefined {
  if (type !== 'gzip' && type !== 'lz4' && type !== 'zstd') return undefined;
  return number(`compression.${type}.level`);
}

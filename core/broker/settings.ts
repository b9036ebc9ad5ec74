import type { BrokerConfigRules } from '../controller/config-decisions.ts';
import { parseConfig } from '../controller/config-definition.ts';
import { BROKER_RESOURCE, type ClusterImage, TOPIC_RESOURCE } from '../controller/image.ts';
import { logConfigOf } from '../controller/topic-config.ts';
import { compileTopicRegex } from '../groups/topic-regex.ts';
import type { CleanerSettings } from '../log/log-cleaner.ts';
import type { LogConfig } from '../log/log-config.ts';
import { type BrokerConfig, brokerConfigDefinition } from './config.ts';
import type { ConnectionLimits } from './quotas/connection-quota.ts';

/** Kafka's numbers for where a value comes from, in DescribeConfigs. */
export const CONFIG_SOURCE = {
  DYNAMIC_TOPIC: 1,
  DYNAMIC_BROKER: 2,
  DYNAMIC_DEFAULT_BROKER: 3,
  STATIC_BROKER: 4,
  DEFAULT: 5,
  CLIENT_METRICS: 7,
  DYNAMIC_GROUP: 8,
} as const;

export interface SourcedValue {
  readonly value: string;
  readonly source: number;
}

/**
 * Which value of a setting holds now: the one altered for this broker, for all brokers, given at the start, or Kafka's default, in this order.
 *
 * Invariant: an altered setting holds from the next look on: what is kept is as old as the image's settings.
 */
export class Settings {
  private readonly config: BrokerConfig;
  private readonly image: ClusterImage;
  /** Of topics without settings of their own: most of them, and there are thousands. */
  private common: { readonly revision: number; readonly config: LogConfig } | null = null;

  constructor(config: BrokerConfig, image: ClusterImage) {
    this.config = config;
    this.image = image;
  }

  /** Every value that was set, the one that holds first; without the default. */
  valuesOf(name: string): SourcedValue[] {
    const found: SourcedValue[] = [];
    const add = (value: string | undefined, source: number): void => {
      if (value !== undefined) found.push({ value, source });
    };
    add(this.image.configsOf(BROKER_RESOURCE, String(this.config.nodeId)).get(name), CONFIG_SOURCE.DYNAMIC_BROKER);
    add(this.image.configsOf(BROKER_RESOURCE, '').get(name), CONFIG_SOURCE.DYNAMIC_DEFAULT_BROKER);
    add(this.config.given.get(name), CONFIG_SOURCE.STATIC_BROKER);
    return found;
  }

  /** For topics without their own value; null = nobody set it. */
  inherited = (name: string): string | null => {
    const { image, config } = this;
    return (
      image.configsOf(BROKER_RESOURCE, String(config.nodeId)).get(name) ??
      image.configsOf(BROKER_RESOURCE, '').get(name) ??
      config.given.get(name) ??
      null
    );
  };

  /** What holds for a setting of the broker that has a default. */
  text(name: string): string {
    return this.inherited(name) ?? this.config.text(name) ?? '';
  }

  /** The number that holds now, of a setting that may be altered. */
  number(name: string): number {
    const definition = brokerConfigDefinition(name);
    const text = this.inherited(name) ?? definition?.defaultValue;
    if (definition === undefined || text === undefined || text === null) throw new Error(`${name} has no value`);
    const parsed = parseConfig(definition, text);
    if (!parsed.ok) throw new Error(parsed.message);
    return parsed.value as number;
  }

  boolean(name: string): boolean {
    return this.text(name).trim().toLowerCase() === 'true';
  }

  connectionLimits(): ConnectionLimits {
    const overrides = this.inherited('max.connections.per.ip.overrides') ?? '';
    const perIp = overrides.split(',').filter((each) => each !== '');
    return {
      connectionsMax: this.number('max.connections'),
      connectionsPerIpMax: this.number('max.connections.per.ip'),
      perIpOverrides: new Map(
        perIp.map((each) => {
          const colon = each.lastIndexOf(':');
          return [each.slice(0, colon).trim(), Number(each.slice(colon + 1))];
        }),
      ),
      creationRateMax: this.number('max.connection.creation.rate'),
    };
  }

  logConfigOf(topic: string): LogConfig {
    const own = this.image.configsOf(TOPIC_RESOURCE, topic);
    if (own.size > 0) return logConfigOf(own, this.inherited);
    const revision = this.image.configRevision;
    if (this.common?.revision !== revision) this.common = { revision, config: logConfigOf(own, this.inherited) };
    return this.common.config;
  }

  cleanerSettings(): CleanerSettings {
    const number = (name: string): number => Number(this.inherited(name) ?? this.config.text(name));
    return {
      isEnabled: this.config.boolean('log.cleaner.enable'),
      dedupeBufferBytes: number('log.cleaner.dedupe.buffer.size'),
      loadFactor: number('log.cleaner.io.buffer.load.factor'),
      bytesPerSecondMax: number('log.cleaner.io.max.bytes.per.second'),
      backoffMs: number('log.cleaner.backoff.ms'),
    };
  }
}

/** Kafka's pools of threads grow and shrink by steps. */
const POOL_SIZES: ReadonlySet<string> = new Set([
  'num.io.threads',
  'num.network.threads',
  'num.replica.fetchers',
  'num.recovery.threads.per.data.dir',
  'background.threads',
  'log.cleaner.threads',
]);

/** What AlterConfigs may do to brokers, and within which settings of theirs it may set those of groups. */
export function brokerConfigRules(settings: Settings): BrokerConfigRules {
  return {
    definition: brokerConfigDefinition,
    dynamicProblem(name, value) {
      if (brokerConfigDefinition(name)?.isDynamic !== true) return `Cannot update ${name} while the broker runs`;
      if (!POOL_SIZES.has(name)) return null;
      const [wanted, current] = [Number(value), settings.number(name)];
      if (wanted >= current / 2 && wanted <= current * 2) return null;
      return `${name} can be changed by a factor of two at most, from ${current} to ${wanted} is too far`;
    },
    valueOf: (name) => settings.text(name),
    isExpression: (text) => compileTopicRegex(text).problem === null,
  };
}

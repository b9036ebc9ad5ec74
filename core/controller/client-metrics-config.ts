import { type ConfigDefinition, parseConfig } from './config-definition.ts';

/** The settings of a client metrics subscription (KIP-714): which metrics, how often, of which clients. */
export const CLIENT_METRICS_DEFAULTS = { intervalMs: 300_000 };
const INTERVAL_MS_MIN = 100;
const INTERVAL_MS_MAX = 3_600_000;

const DEFINITIONS: readonly ConfigDefinition[] = [
  { name: 'metrics', type: 'list', defaultValue: '' },
  { name: 'interval.ms', type: 'int', defaultValue: String(CLIENT_METRICS_DEFAULTS.intervalMs) },
  { name: 'match', type: 'list', defaultValue: '' },
];

export const CLIENT_METRICS_CONFIGS: ReadonlyMap<string, ConfigDefinition> = new Map(
  DEFINITIONS.map((each) => [each.name, each]),
);

const CLIENT_ATTRIBUTES: ReadonlySet<string> = new Set([
  'client_instance_id',
  'client_id',
  'client_software_name',
  'client_software_version',
  'client_source_address',
  'client_source_port',
]);

export interface ConfigProblem {
  /** The value itself cannot be read, or the request makes no sense: Kafka tells the two apart. */
  readonly kind: 'config' | 'request';
  readonly message: string;
}

/** null, or why a subscription cannot have these settings. `isExpression`: whether the broker can match clients by that. */
export function checkClientMetricsConfigs(
  configs: ReadonlyMap<string, string>,
  isExpression: (text: string) => boolean,
): ConfigProblem | null {
  for (const [name, text] of configs) {
    const definition = CLIENT_METRICS_CONFIGS.get(name);
    if (definition === undefined) {
      return { kind: 'request', message: `Unknown client metrics configuration: ${name}` };
    }
    const parsed = parseConfig(definition, text);
    if (!parsed.ok) return { kind: 'config', message: parsed.message };
    if (name === 'interval.ms') {
      const value = parsed.value as number;
      if (value < INTERVAL_MS_MIN || value > INTERVAL_MS_MAX) {
        const message = `Invalid value ${value} for interval.ms, interval must be between ${INTERVAL_MS_MIN} and ${INTERVAL_MS_MAX} (1 hour)`;
        return { kind: 'request', message };
      }
    }
    if (name === 'match') {
      const illegal = (parsed.value as readonly string[]).find((each) => {
        const pattern = patternOf(each);
        return pattern === null || !isExpression(pattern.expression);
      });
      if (illegal !== undefined) return { kind: 'config', message: `Illegal client matching pattern: ${illegal}` };
    }
  }
  return null;
}

export interface ClientPattern {
  readonly attribute: string;
  /** Has to match the whole of the client's attribute. */
  readonly expression: string;
}

export interface Subscription {
  readonly metrics: readonly string[];
  readonly intervalMs: number;
  /** All have to match; of two for one attribute the last counts. */
  readonly patterns: readonly ClientPattern[];
}

/** Of settings that were checked. */
export function subscriptionOf(configs: ReadonlyMap<string, string>): Subscription {
  const value = (name: string) => {
    const definition = CLIENT_METRICS_CONFIGS.get(name)!;
    const parsed = parseConfig(definition, configs.get(name) ?? definition.defaultValue!);
    if (!parsed.ok) throw new Error(parsed.message);
    return parsed.value;
  };
  const patterns = new Map((value('match') as readonly string[]).map((each) => [each.split('=')[0], patternOf(each)!]));
  return {
    metrics: value('metrics') as readonly string[],
    intervalMs: value('interval.ms') as number,
    patterns: [...patterns.values()],
  };
}

/** `attribute=expression` */
function patternOf(text: string): ClientPattern | null {
  const parts = text.split('=');
  const attribute = parts[0]!.trim();
  if (parts.length !== 2 || !CLIENT_ATTRIBUTES.has(attribute)) return null;
  return { attribute, expression: parts[1]!.trim() };
}

import { CONFIG_TYPE_CODES, type ConfigDefinition } from '../controller/config-definition.ts';
import { inheritedTopicConfig, type TopicConfigDefinition } from '../controller/topic-config.ts';
import { brokerConfigDefinition } from './config.ts';
import { CONFIG_SOURCE, type Settings, type SourcedValue } from './settings.ts';

/** A setting as DescribeConfigs and CreateTopics tell it: the value that holds, where it comes from, and what stands behind it. */
export interface ConfigEntry {
  readonly name: string;
  readonly value: string | null;
  readonly readOnly: boolean;
  readonly configSource: number;
  readonly isSensitive: boolean;
  readonly synonyms: readonly { readonly name: string; readonly value: string | null; readonly source: number }[];
  readonly configType: number;
  readonly documentation: string | null;
}

export function topicConfigEntry(
  settings: Settings,
  definition: TopicConfigDefinition,
  own: ReadonlyMap<string, string>,
): ConfigEntry {
  const synonyms: { name: string; value: string; source: number }[] = [];
  const ownValue = own.get(definition.name);
  if (ownValue !== undefined) {
    synonyms.push({ name: definition.name, value: ownValue, source: CONFIG_SOURCE.DYNAMIC_TOPIC });
  }
  for (const { name } of definition.brokerSynonyms) {
    for (const each of settings.valuesOf(name)) synonyms.push({ name, ...each });
  }
  const inherited = inheritedTopicConfig(definition, settings.inherited);
  const last = definition.brokerSynonyms.at(-1)?.name ?? definition.name;
  // The default stands at the end where the first of the broker's settings has one, or where something stands before it.
  const [first] = definition.brokerSynonyms;
  const defaultText = brokerConfigDefinition(last)?.defaultValue ?? null;
  const isShown = first !== undefined && (first.name === last || synonyms.length > 0);
  if (isShown && defaultText !== null) {
    synonyms.push({ name: last, value: defaultText, source: CONFIG_SOURCE.DEFAULT });
  }
  return {
    name: definition.name,
    value: ownValue ?? inherited.value,
    readOnly: false,
    configSource: synonyms[0]?.source ?? CONFIG_SOURCE.DEFAULT,
    isSensitive: false,
    synonyms,
    configType: CONFIG_TYPE_CODES[definition.type],
    documentation: definition.documentation ?? null,
  };
}

/** Settings without a default, and those with one that stand in for them. */
const COARSER_UNIT: ReadonlyMap<string, string> = new Map([
  ['log.retention.ms', 'log.retention.hours'],
  ['log.retention.minutes', 'log.retention.hours'],
  ['log.roll.ms', 'log.roll.hours'],
  ['log.roll.jitter.ms', 'log.roll.jitter.hours'],
  ['log.flush.interval.ms', 'log.flush.scheduler.interval.ms'],
]);

/** `values` in the order in which they hold. Secrets keep their value to themselves. */
export function brokerConfigEntry(
  definition: ConfigDefinition & { readonly isDynamic?: boolean },
  values: readonly SourcedValue[],
): ConfigEntry {
  const isSensitive = definition.type === 'password';
  const shown = (value: string | null): string | null => (isSensitive ? null : value);
  const synonyms = values.map(({ value, source }) => ({ name: definition.name, value: shown(value), source }));
  // A value that was set hides the default of a coarser unit too.
  const defaultName = values.length > 0 ? (COARSER_UNIT.get(definition.name) ?? definition.name) : definition.name;
  const defaultValue = brokerConfigDefinition(defaultName)?.defaultValue ?? definition.defaultValue;
  if (defaultValue !== null) {
    synonyms.push({ name: defaultName, value: shown(defaultValue), source: CONFIG_SOURCE.DEFAULT });
  }
  return {
    name: definition.name,
    value: shown(values[0]?.value ?? definition.defaultValue),
    readOnly: definition.isDynamic !== true,
    configSource: values[0]?.source ?? CONFIG_SOURCE.DEFAULT,
    isSensitive,
    synonyms,
    configType: CONFIG_TYPE_CODES[definition.type],
    documentation: definition.documentation ?? null,
  };
}

export function clientMetricsConfigEntry(definition: ConfigDefinition, own: ReadonlyMap<string, string>): ConfigEntry {
  const { name, type, defaultValue } = definition;
  const value = own.get(name);
  return {
    name,
    value: value ?? defaultValue,
    readOnly: false,
    configSource: value === undefined ? CONFIG_SOURCE.DEFAULT : CONFIG_SOURCE.CLIENT_METRICS,
    isSensitive: false,
    synonyms: value === undefined ? [] : [{ name, value, source: CONFIG_SOURCE.CLIENT_METRICS }],
    configType: CONFIG_TYPE_CODES[type],
    documentation: null,
  };
}

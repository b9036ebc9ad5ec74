import { type ConfigDefinition, parseConfig } from './config-definition.ts';

/**
 * The settings of a group (KIP-848, KIP-932, KIP-1071): what they are, which setting of the broker stands in for one that is not set, and between which
 * settings of the broker it has to lie.
 *
 * Invariant: a value in the cluster's image was checked here before its record was written. The broker's bounds may have changed since: whoever reads a
 * value brings it back between them.
 */
export interface GroupConfigDefinition extends ConfigDefinition {
  readonly defaultValue: string;
  readonly brokerSynonym: string | null;
  /** Names of the broker's settings. */
  readonly lowest: string | null;
  readonly highest: string | null;
}

function bounded(name: string, defaultValue: number, min: number): GroupConfigDefinition {
  const [kind, ...rest] = name.split('.') as [string, ...string[]];
  const brokerName = (part: string): string => `group.${kind}.${part}${rest.join('.')}`;
  const synonyms = { brokerSynonym: brokerName(''), lowest: brokerName('min.'), highest: brokerName('max.') };
  return { name, type: 'int', defaultValue: String(defaultValue), min, ...synonyms };
}

const NO_SYNONYM = { brokerSynonym: null, lowest: null, highest: null };

// biome-ignore format: a table, one setting a line
const DEFINITIONS: readonly GroupConfigDefinition[] = [
  bounded('consumer.session.timeout.ms', 45_000, 1),
  bounded('consumer.heartbeat.interval.ms', 5_000, 1),
  bounded('consumer.assignment.interval.ms', 1_000, 0),
  bounded('share.session.timeout.ms', 45_000, 1),
  bounded('share.heartbeat.interval.ms', 5_000, 1),
  bounded('share.record.lock.duration.ms', 30_000, 1_000),
  bounded('share.delivery.count.limit', 5, 2),
  bounded('share.partition.max.record.locks', 2_000, 100),
  { name: 'share.auto.offset.reset', type: 'string', defaultValue: 'latest', ...NO_SYNONYM },
  { name: 'share.isolation.level', type: 'string', defaultValue: 'read_uncommitted', oneOf: ['read_committed', 'read_uncommitted'], ...NO_SYNONYM },
  { name: 'share.renew.acknowledge.enable', type: 'boolean', defaultValue: 'true', ...NO_SYNONYM },
  bounded('share.assignment.interval.ms', 1_000, 0),
  bounded('streams.session.timeout.ms', 45_000, 1),
  bounded('streams.heartbeat.interval.ms', 5_000, 1),
  { name: 'streams.num.standby.replicas', type: 'int', defaultValue: '0', min: 0, brokerSynonym: 'group.streams.num.standby.replicas', lowest: null, highest: 'group.streams.max.standby.replicas' },
  { name: 'streams.initial.rebalance.delay.ms', type: 'int', defaultValue: '3000', min: 0, brokerSynonym: 'group.streams.initial.rebalance.delay.ms', lowest: null, highest: null },
  bounded('streams.assignment.interval.ms', 1_000, 0),
];

export const GROUP_CONFIGS: ReadonlyMap<string, GroupConfigDefinition> = new Map(
  DEFINITIONS.map((each) => [each.name, each]),
);

export const AUTO_OFFSET_RESET = 'share.auto.offset.reset';
const BY_DURATION = 'by_duration:';

/** Why these settings of one group cannot stand together; null: they can. `brokerValue` tells what the broker has for a setting of its own. */
export function checkGroupConfigs(
  configs: ReadonlyMap<string, string>,
  brokerValue: (name: string) => string,
): string | null {
  for (const [name, text] of configs) {
    const definition = GROUP_CONFIGS.get(name);
    if (definition === undefined) return `Unknown group config name: ${name}`;
    const parsed = parseConfig(definition, text);
    if (!parsed.ok) return parsed.message;
    if (name === AUTO_OFFSET_RESET && autoOffsetResetOf(text) === null) {
      return `Invalid value ${text} for configuration ${name}: earliest, latest, or by_duration: and a duration like PT1H`;
    }
  }
  for (const definition of GROUP_CONFIGS.values()) {
    const text = configs.get(definition.name);
    if (text === undefined) continue;
    const { name, lowest, highest } = definition;
    if (lowest !== null && Number(text) < Number(brokerValue(lowest)))
      return `${name} must be greater than or equal to ${lowest}`;
    if (highest !== null && Number(text) > Number(brokerValue(highest)))
      return `${name} must be less than or equal to ${highest}`;
  }
  for (const kind of ['consumer', 'share', 'streams']) {
    const [session, heartbeat] = [`${kind}.session.timeout.ms`, `${kind}.heartbeat.interval.ms`];
    const set = (name: string): number => Number(configs.get(name) ?? brokerValue(`group.${name}`));
    if (set(session) <= set(heartbeat)) return `${session} must be greater than ${heartbeat}`;
  }
  return null;
}

/** A number of the group that lies between the bounds that the broker has now. */
export function boundedGroupValue(
  definition: GroupConfigDefinition,
  value: number,
  brokerValue: (name: string) => string,
): number {
  const { lowest, highest } = definition;
  const atLeast = lowest === null ? value : Math.max(value, Number(brokerValue(lowest)));
  return highest === null ? atLeast : Math.min(atLeast, Number(brokerValue(highest)));
}

/** `earliest`, `latest`, how many ms back to begin, or null: the text means none of them. */
export function autoOffsetResetOf(text: string): 'earliest' | 'latest' | number | null {
  const value = text.trim();
  if (value === 'earliest' || value === 'latest') return value;
  return value.startsWith(BY_DURATION) ? durationMsOf(value.slice(BY_DURATION.length)) : null;
}

const DURATION = /^\+?P(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:[.,](\d{0,9}))?S)?)?$/i;

/** An ISO 8601 duration of days and less, not negative: `P2DT3H4M5.5S`. */
function durationMsOf(text: string): number | null {
  const found = DURATION.exec(text);
  if (found === null || found.slice(1).every((part) => part === undefined)) return null;
  const [days, hours, minutes, seconds] = found.slice(1, 5).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
  ];
  const fractionMs = Math.floor(Number(`0.${found[5] || '0'}`) * 1000);
  const durationMs = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + fractionMs;
  return Number.isSafeInteger(durationMs) ? durationMs : null;
}

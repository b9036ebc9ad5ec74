import { type ConfigValue, nearestName, parseConfig } from '../controller/config-definition.ts';
import { checkTopicConfigs, TOPIC_CONFIGS } from '../controller/topic-config.ts';
import { BROKER_CONFIGS, type BrokerConfigDefinition } from './config-definitions.ts';
import { KNOWN_KAFKA_CONFIGS } from './config-known.ts';
import { type EndPoint, isWildcard, parseEndPoint, parseProtocolMap } from './listeners.ts';
import { checkQuorum, controllerNamesOf } from './quorum-config.ts';

/**
 * The settings that a broker starts with. Kafka's names; text in, values out.
 *
 * Invariant: a BrokerConfig that exists is valid: every name is known, every value parsed, and the rules between settings hold. What cannot be carried
 * out here (TLS, SASL, authorizers) is refused, since to ignore it would be a lie.
 */
export type ParsedBrokerConfig =
  | { readonly ok: true; readonly config: BrokerConfig; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly errors: readonly string[] };

const DEFINITIONS: ReadonlyMap<string, BrokerConfigDefinition> = new Map(
  BROKER_CONFIGS.map((each) => [each.name, each]),
);
const KNOWN: ReadonlyMap<string, BrokerConfigDefinition> = new Map(
  KNOWN_KAFKA_CONFIGS.map((each) => [each.name, each]),
);
/** Names that Kafka builds at run time: settings of one listener, of plug-ins. */
const OPEN_PREFIXES: readonly string[] = ['listener.name.', 'config.providers.', 'rsm.config.', 'rlmm.config.'];

export function brokerConfigDefinition(name: string): BrokerConfigDefinition | undefined {
  return DEFINITIONS.get(name) ?? KNOWN.get(name);
}

export class BrokerConfig {
  /** What was given, as text. */
  readonly given: ReadonlyMap<string, string>;
  readonly endPoints: readonly EndPoint[];
  /** By listener name; a listener without one advertises where it listens. */
  readonly advertised: ReadonlyMap<string, EndPoint>;
  /** Parsed once: they are asked for with every request. */
  private readonly values = new Map<string, ConfigValue | null>();
  private ownId: number | null = null;

  private constructor(
    given: ReadonlyMap<string, string>,
    endPoints: readonly EndPoint[],
    advertised: ReadonlyMap<string, EndPoint>,
  ) {
    this.given = given;
    this.endPoints = endPoints;
    this.advertised = advertised;
  }

  static parse(given: ReadonlyMap<string, string>): ParsedBrokerConfig {
    const errors: string[] = [];
    const warnings: string[] = [];
    for (const [name, text] of given) checkSetting(name, text, errors, warnings);
    if (errors.length > 0) return { ok: false, errors };
    const config = new BrokerConfig(given, [], new Map());
    const listeners = parseListeners(config, errors, warnings);
    checkRules(config, errors);
    if (errors.length > 0) return { ok: false, errors };
    return { ok: true, config: new BrokerConfig(given, listeners.endPoints, listeners.advertised), warnings };
  }

  get nodeId(): number {
    this.ownId ??= this.idGiven();
    return this.ownId;
  }

  private idGiven(): number {
    const brokerId = this.number('broker.id');
    return !this.given.has('node.id') && brokerId >= 0 ? brokerId : this.number('node.id');
  }

  get isBroker(): boolean {
    return this.list('process.roles').includes('broker');
  }

  get isController(): boolean {
    return this.list('process.roles').includes('controller');
  }

  /** The listener at which brokers reach each other: the named one, else the first (only PLAINTEXT is spoken here). */
  get interBrokerListener(): string {
    const named = this.text('inter.broker.listener.name');
    return named?.toUpperCase() ?? this.endPoints[0]?.name ?? 'PLAINTEXT';
  }

  get logDirs(): readonly string[] {
    const logDirs = this.list('log.dirs');
    return logDirs.length > 0 ? logDirs : this.list('log.dir');
  }

  /** Where the metadata log lies. */
  get metadataLogDir(): string {
    return this.text('metadata.log.dir') ?? this.logDirs[0]!;
  }

  /** As text, or null when neither given nor with a default. */
  text(name: string): string | null {
    const definition = brokerConfigDefinition(name);
    if (definition === undefined) throw new Error(`no setting is called ${name}`);
    return this.given.get(name) ?? definition.defaultValue;
  }

  number(name: string): number {
    return this.value(name) as number;
  }

  boolean(name: string): boolean {
    return this.value(name) as boolean;
  }

  list(name: string): readonly string[] {
    return (this.value(name) as readonly string[] | null) ?? [];
  }

  private value(name: string): ConfigValue | null {
    let value = this.values.get(name);
    if (value === undefined) this.values.set(name, (value = this.parsed(name)));
    return value;
  }

  private parsed(name: string): ConfigValue | null {
    const text = this.text(name);
    if (text === null) return null;
    const parsed = parseConfig(brokerConfigDefinition(name)!, text);
    if (!parsed.ok) throw new Error(parsed.message);
    return parsed.value;
  }
}

function checkSetting(name: string, text: string, errors: string[], warnings: string[]): void {
  const definition = brokerConfigDefinition(name);
  if (definition === undefined) {
    if (OPEN_PREFIXES.some((prefix) => name.startsWith(prefix))) {
      warnings.push(`${name} has no effect here`);
      return;
    }
    const near = nearestName(name, [...DEFINITIONS.keys(), ...KNOWN.keys()]);
    errors.push(`Unknown configuration ${name}${near === null ? '' : `; did you mean ${near}?`}`);
    return;
  }
  const parsed = parseConfig(definition, text);
  if (!parsed.ok) {
    errors.push(parsed.message);
    return;
  }
  if (KNOWN.has(name) && text.trim() !== (definition.defaultValue ?? '')) warnings.push(`${name} has no effect here`);
}

function checkRules(config: BrokerConfig, errors: string[]): void {
  checkQuorum(config, errors);
  checkGroupLimits(config, errors);
  checkRebalanceProtocols(config, errors);
  if (config.logDirs.length === 0) errors.push("Invalid value '' for configuration log.dirs: at least one folder");
  if ((config.text('authorizer.class.name') ?? '') !== '') {
    errors.push('Invalid value for configuration authorizer.class.name: this broker has no authorizer; leave it empty');
  }
  for (const definition of TOPIC_CONFIGS.values()) {
    for (const { name } of definition.brokerSynonyms) {
      const text = config.given.get(name);
      if (text === undefined || brokerConfigDefinition(name) === undefined) continue;
      // The same limits as for the topic's own setting, where the units are the same.
      const { factor } = definition.brokerSynonyms.find((each) => each.name === name)!;
      const problem = factor === undefined ? checkTopicConfigs(new Map([[definition.name, text]])) : null;
      if (problem !== null) errors.push(problem.replace(definition.name, name));
    }
  }
}

/** Kafka starts without any of the protocols but this one. */
function checkRebalanceProtocols(config: BrokerConfig, errors: string[]): void {
  const name = 'group.coordinator.rebalance.protocols';
  if (config.list(name).includes('classic')) return;
  errors.push(`Invalid value ${config.text(name)} for configuration ${name}: it must name classic`);
}

/** What Kafka demands of the settings of groups among each other. */
function checkGroupLimits(config: BrokerConfig, errors: string[]): void {
  const times = ['session.timeout.ms', 'heartbeat.interval.ms', 'assignment.interval.ms'];
  const ofShares = ['record.lock.duration.ms', 'delivery.count.limit', 'partition.max.record.locks'];
  for (const name of times) checkBetween(config, 'group.consumer.', name, errors);
  for (const name of [...times, ...ofShares]) checkBetween(config, 'group.share.', name, errors);
  const [sessions, size] = ['group.share.max.share.sessions', 'group.share.max.size'];
  if (config.number(sessions) < config.number(size)) {
    errors.push(`Invalid value ${config.text(sessions)} for configuration ${sessions}: it must be at least ${size}`);
  }
  for (const prefix of ['group.consumer.', 'group.share.']) {
    const [heartbeat, session] = [`${prefix}heartbeat.interval.ms`, `${prefix}session.timeout.ms`];
    if (config.number(heartbeat) < config.number(session)) continue;
    errors.push(
      `Invalid value ${config.text(heartbeat)} for configuration ${heartbeat}: it must be less than ${session}`,
    );
  }
}

function checkBetween(config: BrokerConfig, prefix: string, name: string, errors: string[]): void {
  const [value, min, max] = ['', 'min.', 'max.'].map((part) => config.number(`${prefix}${part}${name}`));
  if (value! >= min! && value! <= max!) return;
  errors.push(
    `Invalid value ${value} for configuration ${prefix}${name}: it must lie between ${prefix}min.${name} (${min}) and ${prefix}max.${name} (${max})`,
  );
}

function parseListeners(
  config: BrokerConfig,
  errors: string[],
  warnings: string[],
): { readonly endPoints: EndPoint[]; readonly advertised: Map<string, EndPoint> } {
  const protocols = parseProtocolMap(config.text('listener.security.protocol.map') ?? '');
  const controllerNames = controllerNamesOf(config);
  const endPoints: EndPoint[] = [];
  for (const text of config.list('listeners')) {
    const endPoint = parseEndPoint(text);
    if (endPoint === null) {
      errors.push(`Invalid value ${text} for configuration listeners: NAME://HOST:PORT is expected`);
      continue;
    }
    // Those of the controller: quorum-config.ts
    if (controllerNames.has(endPoint.name)) continue;
    const protocol = protocols.get(endPoint.name);
    if (protocol !== 'PLAINTEXT') {
      errors.push(
        protocol === undefined
          ? `Invalid value ${text} for configuration listeners: ${endPoint.name} is not in listener.security.protocol.map`
          : `Invalid value ${text} for configuration listeners: the security protocol ${protocol} is not supported, only PLAINTEXT`,
      );
      continue;
    }
    if (endPoints.some((each) => each.name === endPoint.name)) {
      errors.push(`Invalid value ${text} for configuration listeners: ${endPoint.name} is named twice`);
      continue;
    }
    endPoints.push(endPoint);
  }
  if (endPoints.length === 0 && config.isBroker && errors.length === 0) {
    errors.push(`Invalid value ${config.text('listeners')} for configuration listeners: no listener for clients`);
  }
  const interBroker = config.text('inter.broker.listener.name')?.toUpperCase();
  if (config.isBroker && interBroker !== undefined && !endPoints.some((each) => each.name === interBroker)) {
    errors.push(
      `Invalid value ${interBroker} for configuration inter.broker.listener.name: no listener is called so; there are ${endPoints.map((each) => each.name).join(', ')}`,
    );
  }
  const advertised = new Map<string, EndPoint>();
  for (const text of config.list('advertised.listeners')) {
    const endPoint = parseEndPoint(text);
    if (endPoint === null || isWildcard(endPoint.host)) {
      errors.push(`Invalid value ${text} for configuration advertised.listeners: NAME://HOST:PORT is expected`);
    } else if (endPoints.some((each) => each.name === endPoint.name)) advertised.set(endPoint.name, endPoint);
    else if (!controllerNames.has(endPoint.name)) {
      errors.push(
        `Invalid value ${text} for configuration advertised.listeners: no listener is called ${endPoint.name}`,
      );
    }
  }
  for (const endPoint of endPoints) {
    if (isWildcard(endPoint.host) && !advertised.has(endPoint.name)) {
      warnings.push(
        `listeners ${endPoint.name} is on every interface and advertised.listeners is not set: clients are told localhost`,
      );
    }
  }
  return { endPoints, advertised };
}

import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import type { Admin, ConfigChange, ConfigEntry, ConfigResource } from '../../client/admin/admin.ts';
import type { QuotaEntity, QuotaEntityType, QuotaFilterPart } from '../../client/admin/quotas.ts';
import { bootstrapServers, collect } from '../client-options.ts';
import { listedProperties } from '../listed-properties.ts';
import { table } from '../table.ts';
import { oneOf, UsageError } from '../usage-error.ts';

/**
 * `mqlab configs`: shows and changes the settings of topics, brokers, groups, loggers and subscriptions to client metrics, and the quotas of users,
 * client ids and addresses. Flags of Kafka's kafka-configs.
 */
const SOURCES: Readonly<Record<number, string>> = {
  1: 'topic',
  2: 'broker',
  3: 'all brokers',
  4: 'properties file',
  5: 'default',
  6: 'broker logger',
  7: 'client metrics',
  8: 'group',
};
const DEFAULT_SOURCE = 5;

const RESOURCES = {
  topics: 'topic',
  brokers: 'broker',
  'broker-loggers': 'broker-logger',
  groups: 'group',
  'client-metrics': 'client-metrics',
} as const;
const QUOTA_ENTITIES = { users: 'user', clients: 'client-id', ips: 'ip' } as const;
const ENTITY_TYPES = [...Object.keys(RESOURCES), ...Object.keys(QUOTA_ENTITIES)];
/** Flags that name type and entity at once. */
const SHORT = {
  topic: 'topics',
  broker: 'brokers',
  brokerLogger: 'broker-loggers',
  group: 'groups',
  clientMetrics: 'client-metrics',
  user: 'users',
  client: 'clients',
  ip: 'ips',
} as const;

interface Options extends Partial<Record<keyof typeof SHORT, string>> {
  readonly bootstrapServer?: string;
  readonly describe?: boolean;
  readonly alter?: boolean;
  readonly entityType: readonly string[];
  readonly entityName: readonly string[];
  readonly entityDefault?: boolean;
  readonly addConfig: readonly string[];
  readonly addConfigFile?: string;
  readonly deleteConfig: readonly string[];
  readonly all?: boolean;
  readonly json?: boolean;
}

export function configsCommand(): Command {
  return new Command('configs')
    .description('show and change settings of topics, brokers, groups; quotas of users and clients')
    .option('--bootstrap-server <servers>', 'HOST:PORT, several with commas')
    .option('--describe', 'show settings')
    .option('--alter', 'change settings')
    .option('--add-config <k=v,...>', 'with --alter: set; a value with commas goes in brackets: k=[a,b]', collect, [])
    .option('--add-config-file <file>', 'with --alter: set what a properties file holds')
    .option('--delete-config <k,...>', 'with --alter: back to the default', collect, [])
    .option('--entity-type <type>', `${ENTITY_TYPES.join(', ')}; users and clients go together`, collect, [])
    .option('--entity-name <name>', 'which one, in the order of the types', collect, [])
    .option('--entity-default', 'those that have nothing of their own (brokers: all of them)')
    .option('--topic <name>', 'short for --entity-type topics --entity-name NAME')
    .option('--broker <id>', 'likewise')
    .option('--broker-logger <id>', 'likewise')
    .option('--group <id>', 'likewise')
    .option('--client-metrics <name>', 'likewise')
    .option('--user <name>', 'likewise')
    .option('--client <id>', 'likewise')
    .option('--ip <address>', 'likewise')
    .option('--all', 'with --describe: defaults too')
    .option('--json', 'print a JSON object for each setting')
    .action(run);
}

/** A null name: the default of the type. `undefined`: not given. */
interface Entity {
  readonly type: string;
  readonly name: string | null | undefined;
}

async function run(options: Options): Promise<void> {
  const servers = bootstrapServers(options.bootstrapServer);
  if (Boolean(options.describe) === Boolean(options.alter)) throw new UsageError('exactly one of --describe, --alter');
  const entities = entitiesOf(options);
  const changes = options.alter ? changesOf(options) : [];
  const { Admin: AdminClass } = await import('../../client/admin/admin.ts');
  const { realPorts } = await import('../../ports/real/ports.ts');
  const admin = new AdminClass(realPorts(), { 'bootstrap.servers': servers, 'client.id': 'mqlab-configs' });
  try {
    const isQuota = entities[0]!.type in QUOTA_ENTITIES;
    if (isQuota) await (options.alter ? alterQuotas : describeQuotas)(admin, entities, changes, options);
    else await (options.alter ? alterResource : describeResources)(admin, entities[0]!, changes, options);
  } finally {
    await admin.close();
  }
}

function entitiesOf(options: Options): Entity[] {
  const entities: Entity[] = [];
  for (const [flag, type] of Object.entries(SHORT)) {
    const name = options[flag as keyof typeof SHORT];
    if (name !== undefined) entities.push({ type, name });
  }
  const { entityType, entityName, entityDefault } = options;
  if (entities.length === 0 && entityType.length === 0)
    throw new UsageError(`--entity-type is needed: ${ENTITY_TYPES.join(', ')}`);
  if (entityName.length > entityType.length) throw new UsageError('more --entity-name than --entity-type');
  for (const [i, given] of entityType.entries()) {
    const type = oneOf('--entity-type', given, ENTITY_TYPES);
    // A default stands for the first type that has no name.
    const isDefault = entityDefault === true && i === entityName.length;
    entities.push({ type, name: entityName[i] ?? (isDefault ? null : undefined) });
  }
  const types = entities.map(({ type }) => type).sort();
  if (types.length > 1 && types.join() !== 'clients,users')
    throw new UsageError(`entity types ${types.join(', ')}: only users and clients go together`);
  for (const { type, name } of entities) {
    const isBrokers = type === 'brokers' || type === 'broker-loggers';
    if (isBrokers && typeof name === 'string' && !/^\d{1,9}$/.test(name))
      throw new UsageError(`--entity-name ${name}: allowed is the id of a broker`);
    if (name === null && type !== 'brokers' && !(type in QUOTA_ENTITIES))
      throw new UsageError(`--entity-default: allowed with brokers, ${Object.keys(QUOTA_ENTITIES).join(', ')}`);
  }
  return entities;
}

function changesOf(options: Options): ConfigChange[] {
  const changes: ConfigChange[] = [];
  const add = (name: string, value: string): void => void changes.push({ name, operation: 'set', value });
  if (options.addConfigFile !== undefined) {
    let text: string;
    try {
      text = readFileSync(options.addConfigFile, 'utf8');
    } catch (error) {
      throw new UsageError(`--add-config-file ${options.addConfigFile}: ${(error as Error).message}`);
    }
    for (const line of text.split('\n').map((each) => each.trim())) {
      if (line === '' || line.startsWith('#') || line.startsWith('!')) continue;
      const at = line.indexOf('=');
      if (at <= 0) throw new UsageError(`--add-config-file ${options.addConfigFile}: ${line}: allowed is NAME=VALUE`);
      add(line.slice(0, at).trim(), line.slice(at + 1).trim());
    }
  }
  for (const given of options.addConfig)
    for (const [name, value] of listedProperties('--add-config', given)) add(name, value);
  for (const name of options.deleteConfig.flatMap((each) => each.split(',')))
    changes.push({ name: name.trim(), operation: 'delete' });
  if (changes.length === 0) throw new UsageError('--alter needs --add-config, --add-config-file or --delete-config');
  return changes;
}

// ── settings ──

function resourceOf({ type, name }: Entity): ConfigResource {
  if (name === undefined) throw new UsageError(`--entity-name is needed for ${type}`);
  return { type: RESOURCES[type as keyof typeof RESOURCES], name: name ?? '' };
}

async function alterResource(
  admin: Admin,
  entity: Entity,
  changes: readonly ConfigChange[],
  options: Options,
): Promise<void> {
  const resource = resourceOf(entity);
  await admin.alterConfigs([{ ...resource, changes }]);
  told(options, `${resource.type} ${resource.name === '' ? 'default' : resource.name}`, changes);
}

async function describeResources(
  admin: Admin,
  entity: Entity,
  _: readonly ConfigChange[],
  options: Options,
): Promise<void> {
  const resources = entity.name === undefined ? await allOf(admin, entity.type) : [resourceOf(entity)];
  const described = await admin.describeConfigs(resources);
  const several = entity.name === undefined;
  const rows: (string | null)[][] = [];
  for (const resource of resources) {
    const entries = (described.get(`${resource.type}:${resource.name}`) ?? []).filter(
      (each) => options.all || each.source !== DEFAULT_SOURCE,
    );
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    if (options.json) for (const each of entries) console.log(JSON.stringify({ ...resource, ...each }));
    else rows.push(...entries.map((each) => [...(several ? [resource.name] : []), ...cellsOf(each)]));
  }
  if (options.json) return;
  const what = several ? entity.type : `${resources[0]!.type} ${resources[0]!.name || 'default'}`;
  if (rows.length === 0) console.log(`${what}: all settings have their defaults`);
  else
    console.log(
      table(
        [
          ...(several ? [RESOURCES[entity.type as keyof typeof RESOURCES].toUpperCase()] : []),
          'SETTING',
          'VALUE',
          'FROM',
        ],
        rows,
      ),
    );
}

function cellsOf(entry: ConfigEntry): (string | null)[] {
  return [entry.name, entry.isSensitive ? '(hidden)' : entry.value, SOURCES[entry.source] ?? 'unknown'];
}

async function allOf(admin: Admin, type: string): Promise<ConfigResource[]> {
  const resource = (name: string): ConfigResource => ({ type: RESOURCES[type as keyof typeof RESOURCES], name });
  switch (type) {
    case 'topics':
      return (await admin.listTopics({ includeInternal: true })).map(resource);
    case 'brokers':
    case 'broker-loggers':
      return (await admin.describeCluster()).brokers.map(({ nodeId }) => resource(String(nodeId)));
    default:
      return (await admin.listConfigResources(RESOURCES[type as keyof typeof RESOURCES])).map(resource);
  }
}

// ── quotas ──

async function describeQuotas(
  admin: Admin,
  entities: readonly Entity[],
  _: readonly ConfigChange[],
  options: Options,
): Promise<void> {
  const filter = entities.map(
    ({ type, name }): QuotaFilterPart => ({
      type: QUOTA_ENTITIES[type as keyof typeof QUOTA_ENTITIES],
      match: name === undefined ? 'any' : name === null ? 'default' : { name },
    }),
  );
  const found = await admin.describeQuotas(filter, false);
  const nameOf = (entity: QuotaEntity, type: QuotaEntityType): string | null => {
    const part = entity.find((each) => each.type === type);
    return part === undefined ? null : (part.name ?? '(default)');
  };
  const rows = found.flatMap(({ entity, quotas }) =>
    Object.entries(quotas).map(([key, value]) => [
      nameOf(entity, 'user'),
      nameOf(entity, 'client-id'),
      nameOf(entity, 'ip'),
      key,
      value,
    ]),
  );
  if (options.json) for (const each of found) console.log(JSON.stringify(each));
  else console.log(rows.length === 0 ? 'no quotas' : table(['USER', 'CLIENT-ID', 'IP', 'QUOTA', 'VALUE'], rows));
}

async function alterQuotas(
  admin: Admin,
  entities: readonly Entity[],
  changes: readonly ConfigChange[],
  options: Options,
): Promise<void> {
  const entity = entities.map(({ type, name }) => {
    if (name === undefined) throw new UsageError(`--entity-name or --entity-default is needed for ${type}`);
    return { type: QUOTA_ENTITIES[type as keyof typeof QUOTA_ENTITIES], name };
  });
  const quotas: Record<string, number | null> = {};
  for (const { name, value } of changes) {
    if (name.startsWith('SCRAM-'))
      throw new UsageError(`--add-config ${name}: this command changes quotas; credentials are for kafka-configs`);
    quotas[name] = value === undefined ? null : Number(value);
    if (Number.isNaN(quotas[name])) throw new UsageError(`--add-config ${name}=${value}: a number is wanted`);
  }
  await admin.alterQuotas(entity, quotas);
  told(options, entity.map(({ type, name }) => `${type} ${name ?? 'default'}`).join(', '), changes);
}

function told(options: Options, what: string, changes: readonly ConfigChange[]): void {
  if (options.json) console.log(JSON.stringify({ entity: what, changes }));
  else console.log(`changed ${changes.map(({ name }) => name).join(', ')} of ${what}`);
}

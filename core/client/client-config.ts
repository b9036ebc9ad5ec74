import { assignorOfClass } from './consumer/assignors/names.ts';
import {
  ConfigError,
  choice,
  flag,
  type InputOf,
  integer,
  list,
  parseSettings,
  text,
  type ValuesOf,
} from './settings.ts';

/**
 * The settings of producer, consumer and admin under Kafka's property names, with the defaults of Kafka 4.x's Java client.
 *
 * Invariant: a parsed configuration is consistent: idempotence has acks=all, retries and at most five requests in flight; the delivery timeout covers
 * linger and one request; heartbeats fit in the session. Where the user named both sides of a conflict it is refused; where one side is only
 * a default, the default yields, as in the Java client.
 */
const LONG_MAX = Number.MAX_SAFE_INTEGER;

const common = {
  'bootstrap.servers': list([], 1),
  'client.id': text(''),
  'request.timeout.ms': integer(30_000, 0),
  'retry.backoff.ms': integer(100, 0, LONG_MAX),
  'retry.backoff.max.ms': integer(1_000, 0, LONG_MAX),
  'reconnect.backoff.ms': integer(50, 0, LONG_MAX),
  'reconnect.backoff.max.ms': integer(1_000, 0, LONG_MAX),
  'connections.max.idle.ms': integer(540_000, -1, LONG_MAX),
  'metadata.max.age.ms': integer(300_000, 0, LONG_MAX),
  'socket.connection.setup.timeout.ms': integer(10_000, 0, LONG_MAX),
  'socket.connection.setup.timeout.max.ms': integer(30_000, 0, LONG_MAX),
} as const;

const COMPRESSIONS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;

const producerSettings = {
  ...common,
  'client.id': text('mqlab-producer'),
  acks: choice('all', ['all', '-1', '0', '1']),
  'enable.idempotence': flag(true),
  'linger.ms': integer(5, 0, LONG_MAX),
  'batch.size': integer(16_384, 0),
  'buffer.memory': integer(33_554_432, 0, LONG_MAX),
  'max.block.ms': integer(60_000, 0, LONG_MAX),
  'max.request.size': integer(1_048_576, 0),
  'delivery.timeout.ms': integer(120_000, 0),
  retries: integer(0x7fff_ffff, 0),
  'max.in.flight.requests.per.connection': integer(5, 1),
  'compression.type': choice('none', COMPRESSIONS),
  'partitioner.ignore.keys': flag(false),
  'partitioner.adaptive.partitioning.enable': flag(true),
  'transactional.id': text(null),
  'transaction.timeout.ms': integer(60_000, 1),
} as const;

const consumerSettings = {
  ...common,
  'client.id': text('mqlab-consumer'),
  'group.id': text(null),
  'group.instance.id': text(null),
  'client.rack': text(''),
  'session.timeout.ms': integer(45_000, 1),
  'heartbeat.interval.ms': integer(3_000, 1),
  'max.poll.interval.ms': integer(300_000, 1),
  'max.poll.records': integer(500, 1),
  'enable.auto.commit': flag(true),
  'auto.commit.interval.ms': integer(5_000, 0),
  'auto.offset.reset': choice('latest', ['earliest', 'latest', 'none']),
  'fetch.min.bytes': integer(1, 0),
  'fetch.max.bytes': integer(52_428_800, 0),
  'fetch.max.wait.ms': integer(500, 0),
  'max.partition.fetch.bytes': integer(1_048_576, 0),
  'isolation.level': choice('read_uncommitted', ['read_uncommitted', 'read_committed']),
  'partition.assignment.strategy': list(['range', 'cooperative-sticky'], 1),
  'exclude.internal.topics': flag(true),
  'allow.auto.create.topics': flag(true),
  'check.crcs': flag(true),
  'default.api.timeout.ms': integer(60_000, 0),
} as const;

const adminSettings = {
  ...common,
  'client.id': text('mqlab-admin'),
  'default.api.timeout.ms': integer(60_000, 0),
} as const;

export type CommonConfig = ValuesOf<typeof common>;
export type ProducerConfig = ValuesOf<typeof producerSettings>;
export type ConsumerConfig = ValuesOf<typeof consumerSettings>;
export type AdminConfig = ValuesOf<typeof adminSettings>;
export type ProducerConfigInput = InputOf<typeof producerSettings>;
export type ConsumerConfigInput = InputOf<typeof consumerSettings>;
export type AdminConfigInput = InputOf<typeof adminSettings>;

export function parseProducerConfig(input: ProducerConfigInput): ProducerConfig {
  const parsed = parseSettings(producerSettings, input);
  requireServers(parsed);
  const config = { ...parsed, acks: parsed.acks === '-1' ? ('all' as const) : parsed.acks };
  const named = (name: keyof ProducerConfig) => input[name] !== undefined;
  if (config['enable.idempotence']) {
    const conflict = idempotenceConflict(config);
    if (conflict !== undefined) {
      if (config['transactional.id'] !== null)
        throw new ConfigError('transactional.id', `transactional.id: ${conflict}`);
      if (named('enable.idempotence')) throw new ConfigError('enable.idempotence', `enable.idempotence: ${conflict}`);
      config['enable.idempotence'] = false;
    }
  }
  if (config['transactional.id'] !== null && !config['enable.idempotence']) {
    throw new ConfigError('transactional.id', 'transactional.id: needs enable.idempotence=true');
  }
  const shortest = config['linger.ms'] + config['request.timeout.ms'];
  if (config['delivery.timeout.ms'] < shortest) {
    if (named('delivery.timeout.ms')) {
      const message = `delivery.timeout.ms: ${config['delivery.timeout.ms']} is below linger.ms + request.timeout.ms (${shortest})`;
      throw new ConfigError('delivery.timeout.ms', message);
    }
    config['delivery.timeout.ms'] = shortest;
  }
  return config;
}

function idempotenceConflict(config: ProducerConfig): string | undefined {
  if (config.acks !== 'all') return `idempotence needs acks=all, not acks=${config.acks}`;
  if (config.retries === 0) return 'idempotence needs retries above 0';
  const inFlight = config['max.in.flight.requests.per.connection'];
  if (inFlight > 5) return `idempotence needs max.in.flight.requests.per.connection from 1 to 5, not ${inFlight}`;
  return undefined;
}

export function parseConsumerConfig(input: ConsumerConfigInput): ConsumerConfig {
  const parsed = parseSettings(consumerSettings, input);
  requireServers(parsed);
  const strategies = parsed['partition.assignment.strategy'].map(assignorOfClass);
  const config = { ...parsed, 'partition.assignment.strategy': strategies };
  if (config['heartbeat.interval.ms'] >= config['session.timeout.ms']) {
    const message = `heartbeat.interval.ms: ${config['heartbeat.interval.ms']} must be below session.timeout.ms (${config['session.timeout.ms']})`;
    throw new ConfigError('heartbeat.interval.ms', message);
  }
  if (config['group.id'] === null && config['enable.auto.commit']) {
    if (input['enable.auto.commit'] !== undefined) {
      throw new ConfigError('enable.auto.commit', 'enable.auto.commit: true needs a group.id');
    }
    config['enable.auto.commit'] = false;
  }
  return config;
}

export function parseAdminConfig(input: AdminConfigInput): AdminConfig {
  const config = parseSettings(adminSettings, input);
  requireServers(config);
  return config;
}

function requireServers(config: CommonConfig): void {
  if (config['bootstrap.servers'].length === 0) {
    throw new ConfigError('bootstrap.servers', 'bootstrap.servers: needed; allowed: HOST:PORT, several with commas');
  }
  for (const server of config['bootstrap.servers']) addressOf(server);
}

/** HOST:PORT, with an IPv6 host in brackets. Throws ConfigError. */
export function addressOf(server: string): { readonly host: string; readonly port: number } {
  const match = /^(?:[A-Za-z_]+:\/\/)?(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(server);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !(port >= 1 && port <= 65_535)) {
    throw new ConfigError(
      'bootstrap.servers',
      `bootstrap.servers: ${JSON.stringify(server)} is not allowed; allowed: HOST:PORT`,
    );
  }
  return { host, port };
}

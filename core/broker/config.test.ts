import { expect, test } from 'vitest';
import { BrokerConfig } from './config.ts';
import { parseJavaProperties } from './java-properties.ts';
import { controllerEndPointsOf, votersOf } from './quorum-config.ts';

function parse(settings: Record<string, string>) {
  return BrokerConfig.parse(new Map(Object.entries(settings)));
}

function errorsOf(settings: Record<string, string>): string {
  const parsed = parse(settings);
  return parsed.ok ? '' : parsed.errors.join('\n');
}

test('without any setting a broker can start', () => {
  const parsed = parse({});
  expect(parsed).toMatchObject({ ok: true, warnings: [] });
  if (!parsed.ok) return;
  expect(parsed.config.endPoints).toEqual([{ name: 'PLAINTEXT', host: '127.0.0.1', port: 9092 }]);
  expect(parsed.config.logDirs).toEqual(['./data']);
  expect(parsed.config.nodeId).toBe(1);
});

test.each([
  [{ 'num.partition': '1' }, 'did you mean num.partitions?'],
  [{ 'no.such.thing.at.all': '1' }, 'Unknown configuration no.such.thing.at.all'],
  [{ 'num.partitions': '0' }, 'at least 1'],
  [{ 'num.partitions': 'many' }, 'num.partitions'],
  [{ 'auto.create.topics.enable': 'yes' }, 'true or false'],
  [{ 'compression.type': 'rar' }, 'one of uncompressed, zstd, lz4, snappy, gzip, producer'],
  [{ 'log.cleanup.policy': 'delete,burn' }, 'a list of compact, delete'],
  [{ 'log.segment.bytes': '1000' }, 'at least 1048576'],
  [{ listeners: 'here' }, 'NAME://HOST:PORT'],
  [{ listeners: 'SASL_SSL://:9093' }, 'only PLAINTEXT'],
  [{ listeners: 'INSIDE://:9093' }, 'listener.security.protocol.map'],
  [{ listeners: 'CONTROLLER://:9093' }, 'no listener for clients'],
  [{ listeners: 'PLAINTEXT://:70000' }, 'NAME://HOST:PORT'],
  [{ 'advertised.listeners': 'OUTSIDE://example:9092' }, 'no listener is called OUTSIDE'],
  [{ 'process.roles': 'controller' }, 'it must name the voters'],
  [{ 'process.roles': 'butler' }, 'broker, controller'],
  [{ 'authorizer.class.name': 'org.example.Guard' }, 'no authorizer'],
  [{ 'group.coordinator.rebalance.protocols': 'consumer' }, 'must name classic'],
])('%j is refused with %s', (settings, message) => {
  expect(errorsOf(settings)).toContain(message);
});

test('every error is named, not only the first', () => {
  expect(errorsOf({ 'num.partitions': '0', 'node.id': '-5' }).split('\n')).toHaveLength(2);
});

test("a server.properties of Kafka's works; what has no effect here is named", () => {
  const text = [
    '# the usual',
    'process.roles=broker,controller',
    'node.id = 3',
    'controller.quorum.voters=3@localhost:9093',
    'listeners=PLAINTEXT://:9092,CONTROLLER://:9093',
    'advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093',
    'controller.listener.names=CONTROLLER',
    'listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'num.network.threads=3',
    'num.io.threads=16',
    'log.dirs=/tmp/a,\\',
    '         /tmp/b',
    'log.retention.hours=168',
  ].join('\n');
  const parsed = BrokerConfig.parse(parseJavaProperties(text));
  expect(parsed).toMatchObject({ ok: true });
  if (!parsed.ok) return;
  expect(parsed.config.nodeId).toBe(3);
  expect(parsed.config.logDirs).toEqual(['/tmp/a', '/tmp/b']);
  expect(parsed.config.endPoints.map((each) => each.name)).toEqual(['PLAINTEXT']);
  expect(parsed.warnings).toEqual(['num.io.threads has no effect here']);
  expect(votersOf(parsed.config)).toEqual([{ nodeId: 3, host: 'localhost', port: 9093 }]);
  expect(controllerEndPointsOf(parsed.config).map((each) => each.name)).toEqual(['CONTROLLER']);
});

test('broker.id stands in for node.id; values beyond 2^53 mean never', () => {
  const parsed = parse({ 'broker.id': '7', 'log.flush.interval.messages': '9223372036854775807' });
  expect(parsed.ok && parsed.config.nodeId).toBe(7);
  expect(parsed.ok && parsed.config.number('log.flush.interval.messages')).toBe(Number.MAX_SAFE_INTEGER);
});

test('java properties: separators, comments, escapes, lines that go on', () => {
  const text = [
    'a=1',
    'b: 2',
    'c 3',
    '! no',
    '  # no',
    'd\\ e = x\\ty',
    'f=\\u00e9',
    'g=one\\',
    '   two',
    'h',
    'a=last',
  ];
  expect([...parseJavaProperties(text.join('\r\n'))]).toEqual([
    ['a', 'last'],
    ['b', '2'],
    ['c', '3'],
    ['d e', 'x\ty'],
    ['f', 'é'],
    ['g', 'onetwo'],
    ['h', ''],
  ]);
});

test('roles, voters and listeners fit together, or it is said what does not', () => {
  const cluster = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': '1@a:9093,2@b:9093,3@c:9093',
    listeners: 'PLAINTEXT://a:9092,CONTROLLER://a:9093',
  };
  expect(errorsOf(cluster)).toBe('');
  expect(errorsOf({ ...cluster, 'node.id': '4' })).toContain('this node, 4, is a controller and must be in it');
  expect(errorsOf({ ...cluster, 'process.roles': 'broker' })).toContain('is no controller and must not be in it');
  expect(errorsOf({ ...cluster, 'process.roles': 'broker', 'node.id': '4' })).toContain("CONTROLLER is a controller's");
  const broker = { ...cluster, 'process.roles': 'broker', 'node.id': '4', listeners: 'PLAINTEXT://d:9092' };
  expect(errorsOf(broker)).toBe('');
  expect(errorsOf({ ...broker, 'controller.quorum.voters': '' })).toContain('it must name the voters');
  expect(errorsOf({ ...cluster, 'process.roles': 'controller', listeners: 'CONTROLLER://a:9093' })).toBe('');
  expect(errorsOf({ ...cluster, listeners: 'PLAINTEXT://a:9092' })).toContain('a controller needs one of CONTROLLER');
  expect(errorsOf({ ...cluster, 'controller.quorum.voters': '1@a:9093,2@b' })).toContain('ID@HOST:PORT is expected');
  expect(errorsOf({ ...cluster, 'controller.quorum.voters': '1@a:1,1@b:2' })).toContain('a node id is named twice');
  expect(errorsOf({ ...broker, 'inter.broker.listener.name': 'NONE' })).toContain('no listener is called so');
});

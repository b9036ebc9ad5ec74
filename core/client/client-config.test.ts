import { expect, test } from 'vitest';
import { addressOf, parseConsumerConfig, parseProducerConfig } from './client-config.ts';
import { ConfigError } from './settings.ts';

const servers = { 'bootstrap.servers': 'localhost:9092' };

test('the defaults are those of the Java client', () => {
  const config = parseProducerConfig(servers);
  expect(config).toMatchObject({
    acks: 'all',
    'enable.idempotence': true,
    'linger.ms': 5,
    'batch.size': 16_384,
    'buffer.memory': 33_554_432,
    'delivery.timeout.ms': 120_000,
    'max.in.flight.requests.per.connection': 5,
    retries: 2_147_483_647,
  });
  expect(parseConsumerConfig({ ...servers, 'group.id': 'g' })).toMatchObject({
    'auto.offset.reset': 'latest',
    'enable.auto.commit': true,
    'session.timeout.ms': 45_000,
    'partition.assignment.strategy': ['range', 'cooperative-sticky'],
  });
});

test('values may be text', () => {
  const config = parseProducerConfig({ ...servers, 'linger.ms': '20', 'enable.idempotence': 'false', acks: '-1' });
  expect(config).toMatchObject({ 'linger.ms': 20, 'enable.idempotence': false, acks: 'all' });
});

test.each([
  [{ 'linger.m': 5 }, /unknown setting "linger.m"; did you mean linger.ms/],
  [{ nonsense: 5 }, /unknown setting "nonsense"; known: acks/],
  [{ acks: '2' }, /acks: "2" is not allowed; allowed: one of all, -1, 0, 1/],
  [{ 'linger.ms': -1 }, /linger.ms: -1 is not allowed; allowed: an integer from 0/],
  [{ 'batch.size': '1k' }, /batch.size/],
  [{ 'bootstrap.servers': 'localhost' }, /bootstrap.servers: "localhost" is not allowed; allowed: HOST:PORT/],
  [{ 'bootstrap.servers': '' }, /bootstrap.servers/],
  [{ 'enable.idempotence': true, acks: '1' }, /idempotence needs acks=all/],
  [{ 'enable.idempotence': true, 'max.in.flight.requests.per.connection': 6 }, /from 1 to 5, not 6/],
  [{ 'delivery.timeout.ms': 1000 }, /delivery.timeout.ms: 1000 is below/],
])('a producer refuses %j', (input, message) => {
  expect(() => parseProducerConfig({ ...servers, ...input })).toThrow(ConfigError);
  expect(() => parseProducerConfig({ ...servers, ...input })).toThrow(message);
});

test('a default yields to what was named', () => {
  expect(parseProducerConfig({ ...servers, acks: '1' })['enable.idempotence']).toBe(false);
  expect(parseProducerConfig({ ...servers, 'request.timeout.ms': 200_000 })['delivery.timeout.ms']).toBe(200_005);
  expect(parseConsumerConfig(servers)['enable.auto.commit']).toBe(false);
});

test.each([
  [{ 'auto.offset.reset': 'first' }, /one of earliest, latest, none/],
  [{ 'group.id': 'g', 'heartbeat.interval.ms': 45_000 }, /heartbeat.interval.ms/],
  [{ 'partition.assignment.strategy': 'best' }, /range, roundrobin, sticky, cooperative-sticky/],
  [{ 'enable.auto.commit': true }, /needs a group.id/],
])('a consumer refuses %j', (input, message) => {
  expect(() => parseConsumerConfig({ ...servers, ...input })).toThrow(message);
});

test('assignors may have the names of Java classes', () => {
  const strategy = 'org.apache.kafka.clients.consumer.CooperativeStickyAssignor';
  const config = parseConsumerConfig({ ...servers, 'partition.assignment.strategy': strategy });
  expect(config['partition.assignment.strategy']).toEqual(['cooperative-sticky']);
});

test('addresses', () => {
  expect(addressOf('a.b:1')).toEqual({ host: 'a.b', port: 1 });
  expect(addressOf('[::1]:9092')).toEqual({ host: '::1', port: 9092 });
  expect(addressOf('PLAINTEXT://h:9092')).toEqual({ host: 'h', port: 9092 });
  expect(() => addressOf('h:70000')).toThrow(ConfigError);
});

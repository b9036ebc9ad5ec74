// C54, C55: what is configured, where it comes from, and how it is changed.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DescribeConfigs } from '../../protocol/messages/32-describe-configs.ts';
import { AlterConfigs } from '../../protocol/messages/33-alter-configs.ts';
import { IncrementalAlterConfigs } from '../../protocol/messages/44-incremental-alter-configs.ts';
import { eventually, type ForeignBroker, freshName, owned, startBroker } from '../foreign/harness.ts';
import { batchOf, createTopic, produce, Wire } from './wire.ts';

const TOPIC = 2;
const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3];

describe('configs', () => {
  let broker: ForeignBroker;
  let wire: Wire;
  let topic: string;

  beforeAll(async () => {
    broker = await startBroker({ set: { 'log.retention.bytes': 123456789 } });
    wire = await Wire.open(broker);
    topic = freshName('configs');
    await createTopic(wire, topic, 1, { 'retention.ms': '1000000' });
  });
  afterAll(async () => {
    wire?.close();
    await broker?.dispose();
  });

  async function describeTopic(configurationKeys: string[] | null, resourceName = topic) {
    const resources = [{ resourceType: TOPIC, resourceName, configurationKeys }];
    const { results } = await wire.ask(DescribeConfigs, 4, {
      resources,
      includeSynonyms: true,
      includeDocumentation: false,
    });
    return results[0]!;
  }
  const alter = async (name: string, configOperation: number, value: string | null, validateOnly = false) => {
    const resources = [{ resourceType: TOPIC, resourceName: topic, configs: [{ name, configOperation, value }] }];
    return (await wire.ask(IncrementalAlterConfigs, 1, { resources, validateOnly })).responses[0]!.errorCode;
  };
  const becomes = (name: string, value: string) =>
    eventually(`${name} is ${value}`, async () => (await describeTopic([name])).configs[0]!.value === value);

  test('C54 null asks for all with defaults; each has type, source and synonyms', async () => {
    const { errorCode, configs } = await describeTopic(null);
    expect(errorCode).toBe(0);
    const of = (name: string) => configs.find((each) => each.name === name)!;
    for (const name of ['cleanup.policy', 'compression.type', 'max.message.bytes', 'segment.bytes']) {
      expect([name, of(name).configSource, of(name).isSensitive]).toEqual([name, 5, false]);
    }
    expect(of('retention.ms')).toMatchObject({ value: '1000000', configSource: 1, configType: 5, readOnly: false });
    expect(of('retention.ms').synonyms[0]).toEqual({ name: 'retention.ms', value: '1000000', source: 1 });
    expect(of('retention.bytes').synonyms.map(({ name }) => name)).toContain('log.retention.bytes');
    expect(of('cleanup.policy')).toMatchObject({ value: 'delete', configType: 7 });
    expect(of('preallocate')).toMatchObject({ value: 'false', configType: 1 });
    expect((await describeTopic(['retention.ms', 'no.such.setting'])).configs.map(({ name }) => name)).toEqual([
      'retention.ms',
    ]);
    expect((await describeTopic(null, 'no-such-topic')).errorCode).toBe(3);
  });

  test('C54 the settings of a broker', async () => {
    const nodeId = '1';
    const { results } = await wire.ask(DescribeConfigs, 4, {
      resources: [
        { resourceType: 4, resourceName: nodeId, configurationKeys: ['log.retention.bytes', 'num.io.threads'] },
      ],
    });
    const { errorCode, configs } = results[0]!;
    expect(errorCode).toBe(0);
    const sources = new Map(configs.map(({ name, configSource }) => [name, configSource]));
    expect(sources.get('num.io.threads')).toBe(5);
    // Given at the start, where the broker is ours.
    expect(sources.get('log.retention.bytes')).toBe(owned ? 4 : 5);
  });

  test('C55 IncrementalAlterConfigs: SET, DELETE, APPEND, SUBTRACT; AlterConfigs replaces', async () => {
    expect(await alter('cleanup.policy', APPEND!, 'compact')).toBe(0);
    await becomes('cleanup.policy', 'delete,compact');
    expect(await alter('cleanup.policy', SUBTRACT!, 'delete')).toBe(0);
    await becomes('cleanup.policy', 'compact');
    expect(await alter('cleanup.policy', DELETE!, null)).toBe(0);
    await becomes('cleanup.policy', 'delete');
    expect(await alter('retention.ms', APPEND!, '5')).toBe(40);
    expect(await alter('retention.ms', SET!, 'soon')).toBe(40);
    expect(await alter('no.such.setting', SET!, '1')).toBe(40);
    expect(await alter('segment.bytes', SET!, '2000000', true)).toBe(0);
    await becomes('segment.bytes', '1073741824');
    expect(await alter('segment.bytes', SET!, '2000000')).toBe(0);
    await becomes('segment.bytes', '2000000');
    const resources = [{ resourceType: TOPIC, resourceName: topic, configs: [{ name: 'retention.ms', value: '7' }] }];
    const replaced = await wire.ask(AlterConfigs, 2, { resources, validateOnly: false });
    expect(replaced.responses[0]!.errorCode).toBe(0);
    await becomes('retention.ms', '7');
    await becomes('segment.bytes', '1073741824');
  });

  const alterBroker = async (resourceName: string, name: string, configOperation: number, value: string | null) => {
    const resources = [{ resourceType: 4, resourceName, configs: [{ name, configOperation, value }] }];
    return (await wire.ask(IncrementalAlterConfigs, 1, { resources, validateOnly: false })).responses[0]!.errorCode;
  };
  const sourcesOf = async (name: string) => {
    const { configs } = await describeTopic([name]);
    return configs[0]!.synonyms.map((each) => [each.source, each.value]);
  };

  test('C54 C55 one broker before all brokers before the file before the default, and each of them at once', async () => {
    const own = freshName('inherits');
    await createTopic(wire, own);
    const batch = (bytes: number) => batchOf([{ key: 'k', value: Buffer.alloc(bytes) }]);
    const inherited = () => sourcesOf('max.message.bytes').then((found) => found.map(([source]) => source));
    expect(await inherited()).toEqual([5]);
    expect((await produce(wire, own, batch(5000))).errorCode).toBe(0);
    expect(await alterBroker('', 'message.max.bytes', SET!, '4000')).toBe(0);
    await eventually('the default of all holds', async () => (await produce(wire, own, batch(5000))).errorCode === 10);
    expect(await alterBroker('1', 'message.max.bytes', SET!, '6000')).toBe(0);
    await eventually(
      'the one of this broker holds',
      async () => (await produce(wire, own, batch(5000))).errorCode === 0,
    );
    expect(await inherited()).toEqual([2, 3, 5]);
    expect(await alter('max.message.bytes', SET!, '7000')).toBe(0);
    await eventually("the topic's own is first", async () => (await inherited())[0] === 1);
    expect(await alter('max.message.bytes', DELETE!, null)).toBe(0);
    expect(await alterBroker('1', 'message.max.bytes', DELETE!, null)).toBe(0);
    expect(await alterBroker('', 'message.max.bytes', DELETE!, null)).toBe(0);
    await eventually('the default is back', async () => (await inherited()).toString() === '5');
  });

  test('C55 what cannot be altered: 42 for brokers, 40 for topics, 3 and 17 for topics that are none', async () => {
    expect(await alterBroker('1', 'num.partitions', SET!, '2')).toBe(42);
    expect(await alterBroker('1', 'advertised.listeners', SET!, 'PLAINTEXT://h:1')).toBe(42);
    expect(await alterBroker('1', 'log.retention.ms', SET!, 'soon')).toBe(42);
    expect(await alterBroker('1', 'message.max.bytes', SET!, '-1')).toBe(42);
    expect(await alterBroker('1', 'num.io.threads', SET!, '1000')).toBe(42);
    expect(await alterBroker('1', 'log.retention.ms', APPEND!, '1')).toBe(40);
    expect(await alterBroker('7', 'log.retention.ms', SET!, '1')).toBe(42);
    expect(await alterBroker('seven', 'log.retention.ms', SET!, '1')).toBe(42);
    expect(await alter('compression.gzip.level', SET!, '0')).toBe(40);
    expect(await alter('leader.replication.throttled.replicas', SET!, 'all')).toBe(40);
    const alterTopic = async (resourceName: string, ...names: [string, string][]) => {
      const configs = names.map(([name, value]) => ({ name, value, configOperation: SET! }));
      const resources = [{ resourceType: TOPIC, resourceName, configs }];
      return (await wire.ask(IncrementalAlterConfigs, 1, { resources, validateOnly: true })).responses[0]!.errorCode;
    };
    expect(await alterTopic(topic, ['min.compaction.lag.ms', '10'], ['max.compaction.lag.ms', '5'])).toBe(40);
    expect(await alterTopic(topic, ['retention.ms', '1'], ['retention.ms', '2'])).toBe(42);
    expect(await alterTopic('no-such-topic', ['retention.ms', '1'])).toBe(3);
    expect(await alterTopic('no topic', ['retention.ms', '1'])).toBe(17);
    expect(await alterTopic('', ['retention.ms', '1'])).toBe(42);
  });

  test('C55 loggers are a resource of their own (KIP-412)', async () => {
    const loggers = async (resourceName: string) =>
      (await wire.ask(DescribeConfigs, 4, { resources: [{ resourceType: 8, resourceName, configurationKeys: null }] }))
        .results[0]!.errorCode;
    expect([await loggers('1'), await loggers(''), await loggers('7')]).toEqual([0, 42, 42]);
    const alterLogger = async (name: string, configOperation: number, resourceName = '1') => {
      const resources = [{ resourceType: 8, resourceName, configs: [{ name, configOperation, value: 'INFO' }] }];
      return (await wire.ask(IncrementalAlterConfigs, 1, { resources, validateOnly: true })).responses[0]!.errorCode;
    };
    expect(await alterLogger('no.such.logger', SET!)).toBe(40);
    expect(await alterLogger('no.such.logger', APPEND!)).toBe(42);
    expect(await alterLogger('no.such.logger', SET!, '7')).toBe(42);
  });
});

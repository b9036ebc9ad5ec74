// C54, C55: what is configured, where it comes from, and how it is changed.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DescribeConfigs } from '../../protocol/messages/32-describe-configs.ts';
import { AlterConfigs } from '../../protocol/messages/33-alter-configs.ts';
import { IncrementalAlterConfigs } from '../../protocol/messages/44-incremental-alter-configs.ts';
import { eventually, type ForeignBroker, freshName, owned, startBroker } from '../foreign/harness.ts';
import { createTopic, Wire } from './wire.ts';

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
});

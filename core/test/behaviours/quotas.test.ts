// C40, C56: quotas over the wire. What they hold clients to, in bytes a second, is measured in virtual time (core/broker/quotas/enforcement.test.ts).
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Produce } from '../../protocol/messages/00-produce.ts';
import { Fetch } from '../../protocol/messages/01-fetch.ts';
import { CreateTopics } from '../../protocol/messages/19-create-topics.ts';
import { DescribeClientQuotas } from '../../protocol/messages/48-describe-client-quotas.ts';
import { AlterClientQuotas } from '../../protocol/messages/49-alter-client-quotas.ts';
import { eventually, type ForeignBroker, freshName, startBroker } from '../foreign/harness.ts';
import { batchOf, createTopic, fetchBody, produceBody, Wire } from './wire.ts';

type Entity = Readonly<Record<string, string | null>>;
const [EXACT, DEFAULT, ANY] = [0, 1, 2];
/** The client id of every request of `Wire`. */
const SELF = { 'client-id': 'wire' };

describe('quotas', () => {
  let broker: ForeignBroker;
  let wire: Wire;

  beforeAll(async () => {
    broker = await startBroker({ set: { 'quota.window.num': 2, 'controller.quota.window.num': 2 } });
    wire = await Wire.open(broker);
  });
  afterAll(async () => {
    wire?.close();
    await broker?.dispose();
  });

  async function alter(entity: Entity, ops: Readonly<Record<string, number | null>>, validateOnly = false) {
    const parts = Object.entries(entity).map(([entityType, entityName]) => ({ entityType, entityName }));
    const changes = Object.entries(ops).map(([key, value]) => ({ key, value: value ?? 0, remove: value === null }));
    const entries = [{ entity: parts, ops: changes }];
    return (await wire.ask(AlterClientQuotas, 1, { entries, validateOnly })).entries[0]!.errorCode;
  }

  async function found(
    filters: readonly [string, number | undefined, (string | null)?][],
    strict: boolean,
    version = 1,
  ) {
    const components = filters.map(([entityType, matchType, match]) => ({
      entityType,
      matchType: matchType!,
      match: match ?? null,
    }));
    const { errorCode, entries } = await wire.ask(DescribeClientQuotas, version, { components, strict });
    if (errorCode !== 0) return errorCode;
    return entries!.flatMap(({ values }) => values.map(({ key, value }) => `${key}=${value}`)).sort();
  }

  test('C56 entities, defaults and filters, strict or not', async () => {
    const [user, id] = [freshName('user'), freshName('id')];
    expect(await alter({ user }, { producer_byte_rate: 1000, request_percentage: 12.5 })).toBe(0);
    expect(await alter({ user, 'client-id': id }, { consumer_byte_rate: 5000 })).toBe(0);
    expect(await alter({ 'client-id': null }, { consumer_byte_rate: 1e9 })).toBe(0);
    expect(await alter({ ip: '10.1.2.3' }, { connection_creation_rate: 7 })).toBe(0);
    expect(await alter({ user }, { producer_byte_rate: 5 }, true)).toBe(0);
    const own = ['producer_byte_rate=1000', 'request_percentage=12.5'];
    await eventually('the last is there', async () => (await found([['ip', ANY]], true)).toString() !== '');
    for (const version of [0, 1]) expect(await found([['user', EXACT, user]], true, version)).toEqual(own);
    expect(await found([['user', EXACT, user]], false)).toEqual(['consumer_byte_rate=5000', ...own]);
    expect(
      await found(
        [
          ['user', ANY],
          ['client-id', EXACT, id],
        ],
        true,
      ),
    ).toEqual(['consumer_byte_rate=5000']);
    expect(await found([['client-id', DEFAULT]], true)).toEqual(['consumer_byte_rate=1000000000']);
    expect(await found([['ip', EXACT, '10.1.2.3']], true)).toEqual(['connection_creation_rate=7']);
    expect(await alter({ user }, { producer_byte_rate: null, request_percentage: null })).toBe(0);
    await eventually('it is gone', async () => (await found([['user', EXACT, user]], true)).toString() === '');
    expect(await alter({ 'client-id': null }, { consumer_byte_rate: null })).toBe(0);
    expect(await alter({ ip: '10.1.2.3' }, { connection_creation_rate: null })).toBe(0);
  });

  test('C56 what is no quota', async () => {
    expect(await alter({ user: 'u' }, { colour: 1 })).toBe(42);
    expect(await alter({ user: 'u' }, { producer_byte_rate: -1 })).toBe(42);
    expect(await alter({ user: 'u' }, { producer_byte_rate: 0.5 })).toBe(42);
    expect(await alter({ user: 'u' }, { connection_creation_rate: 1 })).toBe(42);
    expect(await alter({ ip: '1.2.3.4' }, { producer_byte_rate: 1 })).toBe(42);
    expect(await alter({ ip: '1.2.3.444' }, { connection_creation_rate: 1 })).toBe(42);
    expect(await alter({ ip: '1.2.3.4', user: 'u' }, { producer_byte_rate: 1 })).toBe(42);
    expect(await alter({ planet: 'u' }, { producer_byte_rate: 1 })).toBe(42);
    expect(await alter({ user: '' }, { producer_byte_rate: 1 })).toBe(42);
    expect(await alter({}, { producer_byte_rate: 1 })).toBe(42);
    expect(await found([['planet', ANY]], false)).toBe(35);
    expect(await found([['user', EXACT]], false)).toBe(42);
    expect(await found([['user', ANY, 'u']], false)).toBe(42);
    expect(await found([['user', 9]], false)).toBe(42);
    expect(
      await found(
        [
          ['user', ANY],
          ['user', ANY],
        ],
        false,
      ),
    ).toBe(42);
    expect(
      await found(
        [
          ['user', ANY],
          ['ip', ANY],
        ],
        false,
      ),
    ).toBe(42);
  });

  test('C40 over the quota: the records are taken, a fetch is empty, and the connection is muted after the answer', async () => {
    const topic = freshName('quota');
    await createTopic(wire, topic);
    const records = batchOf([{ key: 'k', value: Buffer.alloc(60_000) }]);
    const quiet = async () => {
      const startedMs = performance.now();
      await wire.ask(DescribeClientQuotas, 1, { components: [], strict: true });
      return performance.now() - startedMs;
    };
    expect(await alter(SELF, { producer_byte_rate: 50_000 })).toBe(0);
    const produced = await eventually('a producer is throttled', async () => {
      const answer = await wire.ask(Produce, 9, produceBody(topic, records));
      expect(answer.responses[0]!.partitionResponses[0]!.errorCode).toBe(0);
      return answer.throttleTimeMs > 100 ? answer : undefined;
    });
    expect(await quiet()).toBeGreaterThan(produced.throttleTimeMs * 0.7);
    expect(await alter(SELF, { producer_byte_rate: null, consumer_byte_rate: 50_000 })).toBe(0);
    const fetched = await eventually('a consumer is throttled', async () => {
      const answer = await wire.ask(Fetch, 12, fetchBody([{ topic, offset: 0 }], { partitionMaxBytes: 1000 }));
      return answer.throttleTimeMs > 0 ? answer : undefined;
    });
    expect(fetched).toMatchObject({ errorCode: 0, responses: [] });
    expect(await alter(SELF, { consumer_byte_rate: null })).toBe(0);
  });

  test('C56 controller_mutation_rate: 89 while the allowance is overdrawn', async () => {
    expect(await alter(SELF, { controller_mutation_rate: 1 })).toBe(0);
    // A connection of its own: it is muted for seconds.
    const creator = await Wire.open(broker);
    const create = async () => {
      const topics = [
        { name: freshName('many'), numPartitions: 6, replicationFactor: 1, assignments: [], configs: [] },
      ];
      return creator.ask(CreateTopics, 7, { topics });
    };
    const refused = await eventually('a creation is refused', async () => {
      const answer = await create();
      return answer.topics[0]!.errorCode === 0 ? undefined : answer;
    });
    expect(refused.topics[0]!.errorCode).toBe(89);
    expect(refused.throttleTimeMs).toBeGreaterThan(0);
    creator.close();
    expect(await alter(SELF, { controller_mutation_rate: null })).toBe(0);
  });
});

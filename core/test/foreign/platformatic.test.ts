// The broker as @platformatic/kafka sees it: a client that speaks the newest versions it knows (flexible headers, topic ids).
// Every expectation here also holds against Apache Kafka 4.3 (see harness.ts for how to point the suite at another broker).
import {
  Admin,
  Consumer,
  type ConsumerOptions,
  type Message,
  type MessagesStream,
  ProduceAcks,
  Producer,
  type SendOptions,
  type StreamOptions,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { disposeClean } from './data-folder.ts';
import { codecs, flights } from './flights.ts';
import { eventually, type ForeignBroker, freshName, owned, startBroker } from './harness.ts';

type Text = Message<string, string, string, string>;
type TextConsumer = Consumer<string, string, string, string>;
type TextProducer = Producer<string, string, string, string>;
type TextConsumerOptions = ConsumerOptions<string, string, string, string>;

let broker: ForeignBroker;
let admin: Admin;
let producer: TextProducer;
const open: { close(force?: boolean): Promise<unknown> }[] = [];

const base = () => ({
  clientId: 'foreign-platformatic',
  bootstrapBrokers: [broker.bootstrap],
  retries: 30,
  retryDelay: 50,
  autocreateTopics: false,
});

beforeAll(async () => {
  broker = await startBroker();
  admin = new Admin(base());
  producer = makeProducer();
});

afterAll(async () => {
  await Promise.allSettled(open.map((one) => one.close(true)));
  await Promise.allSettled([admin?.close()]);
  await disposeClean(broker, 'platformatic');
});

function makeProducer(extra: object = {}): TextProducer {
  const made = new Producer({ ...base(), serializers: stringSerializers, ...extra });
  open.push(made);
  return made;
}

function makeConsumer(extra: Partial<TextConsumerOptions> = {}): TextConsumer {
  const options = {
    ...base(),
    groupId: freshName('group'),
    deserializers: stringDeserializers,
    sessionTimeout: 10_000,
    rebalanceTimeout: 10_000,
    heartbeatInterval: 200,
    maxWaitTime: 100,
    autocommit: false,
    ...extra,
  } as TextConsumerOptions;
  const made = new Consumer(options);
  open.push(made);
  return made;
}

async function createTopic(stem: string, partitions = 1, configs: { name: string; value: string }[] = []) {
  const topic = freshName(stem);
  await admin.createTopics({ topics: [topic], partitions, replicas: 1, configs });
  // Apache Kafka answers before the broker has heard of the topic from its controller.
  await eventually(`${topic} is known`, async () => (await admin.listTopics()).includes(topic));
  return topic;
}

const send = (messages: SendOptions<string, string, string, string>['messages'], extra: object = {}) =>
  producer.send({ messages, acks: ProduceAcks.ALL, ...extra });

function collect(stream: MessagesStream<string, string, string, string>): Text[] {
  const got: Text[] = [];
  stream.on('data', (message) => void got.push(message));
  stream.on('error', () => {});
  return got;
}

async function consume(
  topic: string,
  count: number,
  extra: Partial<TextConsumerOptions> = {},
  how: Partial<StreamOptions> = {},
) {
  const consumer = makeConsumer(extra);
  const stream = await consumer.consume({ topics: [topic], mode: 'earliest', ...how });
  const got = collect(stream);
  await eventually(`${count} messages of ${topic}`, () => got.length >= count);
  await consumer.close(true);
  return got;
}

/** Kafka's error id of a rejected promise, through the client's aggregate errors. */
async function errorIdOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return idIn(error) ?? `${error}`;
  }
  return 'no error';
}

function idIn(error: unknown): string | undefined {
  const { apiId, errors = [], cause } = error as { apiId?: string; errors?: unknown[]; cause?: unknown };
  if (typeof apiId === 'string') return apiId;
  for (const inner of [...errors, cause]) {
    const found = inner === undefined || inner === null ? undefined : idIn(inner);
    if (found !== undefined) return found;
  }
  return undefined;
}

describe('produce and consume', () => {
  test.each(codecs)('%s: keys, values, headers and timestamps come back', async (compression) => {
    const topic = await createTopic(`codec-${compression}`);
    const records = flights(300);
    const messages = records.map(({ n, key, value }) => ({
      topic,
      key,
      value,
      timestamp: BigInt(1_700_000_000_000 + n),
      headers: { codec: compression },
    }));
    const { offsets } = await send(messages, { compression });
    expect(offsets).toEqual([{ topic, partition: 0, offset: 0n }]);
    const got = await consume(topic, records.length);
    expect(got.map(({ offset }) => offset)).toEqual(records.map(({ n }) => BigInt(n)));
    expect(got.map(({ key }) => key)).toEqual(records.map(({ key }) => key));
    expect(got.map(({ value }) => value)).toEqual(records.map(({ value }) => value));
    expect(got[7]!.timestamp).toBe(1_700_000_000_007n);
    expect([...got[7]!.headers]).toEqual([['codec', compression]]);
  });

  test('idempotent producer', async () => {
    const topic = await createTopic('idempotent', 2);
    const idempotent = makeProducer({ idempotent: true });
    for (let i = 0; i < 5; i++) {
      await idempotent.send({ messages: flights(100).map(({ key, value }) => ({ topic, key, value })) });
    }
    await idempotent.close();
    expect(await consume(topic, 500)).toHaveLength(500);
  });

  test('from the end: only what comes later', async () => {
    const topic = await createTopic('latest');
    await send([{ topic, value: 'before' }]);
    const consumer = makeConsumer();
    const stream = await consumer.consume({ topics: [topic], mode: 'latest' });
    const got = collect(stream);
    await eventually('positions known', () => stream.offsetsToFetch.size === 1);
    await send([{ topic, value: 'after' }]);
    await eventually('one message', () => got.length === 1);
    expect(got[0]!.value).toBe('after');
    await consumer.close(true);
  });

  test('from a given offset', async () => {
    const topic = await createTopic('manual');
    await send(flights(20).map(({ value }) => ({ topic, value })));
    const got = await consume(topic, 3, {}, { mode: 'manual', offsets: [{ topic, partition: 0, offset: 17n }] });
    expect(got.map(({ offset }) => offset)).toEqual([17n, 18n, 19n]);
  });
});

describe('groups', () => {
  test('two members split the partitions; one leaves, the other takes all', async () => {
    const topic = await createTopic('rebalance', 4);
    const groupId = freshName('group');
    const partitions = (member: TextConsumer) =>
      member.assignments?.find((one) => one.topic === topic)?.partitions.toSorted() ?? [];
    const first = makeConsumer({ groupId });
    const fromFirst = collect(await first.consume({ topics: [topic], mode: 'earliest' }));
    await eventually('first owns all', () => partitions(first).length === 4);
    const second = makeConsumer({ groupId });
    const fromSecond = collect(await second.consume({ topics: [topic], mode: 'earliest' }));
    await eventually('both share', () => partitions(first).length === 2 && partitions(second).length === 2);
    expect([...partitions(first), ...partitions(second)].sort()).toEqual([0, 1, 2, 3]);
    await send([0, 1, 2, 3].map((partition) => ({ topic, partition, value: 'both' })));
    await eventually('both read', () => fromFirst.length >= 2 && fromSecond.length >= 2);
    const group = (await admin.describeGroups({ groups: [groupId] })).get(groupId)!;
    expect(group).toMatchObject({ protocolType: 'consumer' });
    expect(group.members.size).toBe(2);
    await first.close(true);
    await eventually('second owns all', () => partitions(second).length === 4);
    fromSecond.length = 0;
    await send([0, 1, 2, 3].map((partition) => ({ topic, partition, value: 'alone' })));
    await eventually('second reads all', () => fromSecond.filter(({ value }) => value === 'alone').length === 4);
    await second.close(true);
  });

  test('a committed group resumes where it stopped', async () => {
    const topic = await createTopic('resume');
    const groupId = freshName('group');
    await send(flights(10).map(({ value }) => ({ topic, value })));
    const consumer = makeConsumer({ groupId });
    const got = collect(await consumer.consume({ topics: [topic], mode: 'committed', fallbackMode: 'earliest' }));
    await eventually('ten', () => got.length === 10);
    await got[5]!.commit();
    const [committed] = (await consumer.listCommittedOffsets({ topics: [{ topic, partitions: [0] }] })).get(topic)!;
    await consumer.close(true);
    const rest = await consume(topic, 4, { groupId }, { mode: 'committed', fallbackMode: 'earliest' });
    expect(committed).toBe(6n);
    expect(rest.map(({ offset }) => offset)).toEqual([6n, 7n, 8n, 9n]);
  });

  test('static member: the same instance takes its place back', async () => {
    const topic = await createTopic('static', 2);
    const groupId = freshName('group');
    await send([0, 1].map((partition) => ({ topic, partition, value: 'x' })));
    const options = { groupId, groupInstanceId: 'one' };
    for (let life = 0; life < 2; life++) {
      const got = await consume(topic, 2, options);
      expect(new Set(got.map(({ partition }) => partition))).toEqual(new Set([0, 1]));
    }
  });

  test('a session timeout outside the bounds is refused', async () => {
    const topic = await createTopic('session');
    const consumer = makeConsumer({ sessionTimeout: 100, heartbeatInterval: 50, retries: 0 });
    expect(await errorIdOf(consumer.consume({ topics: [topic] }))).toBe('INVALID_SESSION_TIMEOUT');
  });
});

describe('offsets', () => {
  test('the ends, and by timestamp', async () => {
    const topic = await createTopic('times');
    const start = 1_700_000_000_000n;
    for (let i = 0; i < 5; i++) await send([{ topic, value: String(i), timestamp: start + BigInt(i) * 1000n }]);
    const at = async (timestamp: bigint) => {
      const [found] = await admin.listOffsets({
        topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp }] }],
      });
      const { offset, timestamp: time } = found!.partitions[0]!;
      return [offset, time];
    };
    expect(await at(-2n)).toEqual([0n, -1n]);
    expect(await at(-1n)).toEqual([5n, -1n]);
    expect(await at(-3n)).toEqual([4n, start + 4000n]);
    expect(await at(start)).toEqual([0n, start]);
    expect(await at(start + 1n)).toEqual([1n, start + 1000n]);
    expect(await at(start + 4001n)).toEqual([-1n, -1n]);
  });

  test('out of range: to the beginning, to the end, or an error', async () => {
    const topic = await createTopic('range');
    await send(flights(5).map(({ value }) => ({ topic, value })));
    const far = (fallbackMode: 'earliest' | 'fail'): StreamOptions => ({
      topics: [topic],
      mode: 'manual',
      offsets: [{ topic, partition: 0, offset: 1000n }],
      fallbackMode,
    });
    const got = await consume(topic, 5, {}, far('earliest'));
    expect(got.map(({ offset }) => offset)).toEqual([0n, 1n, 2n, 3n, 4n]);
    const consumer = makeConsumer();
    const stream = await consumer.consume(far('fail'));
    const failed = new Promise<never>((_resolve, reject) => stream.once('error', reject));
    stream.on('data', () => {});
    expect(await errorIdOf(failed)).toBe('OFFSET_OUT_OF_RANGE');
    await consumer.close(true);
  });
});

describe('admin', () => {
  test('topics: create, list, metadata, grow, delete', async () => {
    const topic = freshName('admin');
    const [created] = await admin.createTopics({ topics: [topic], partitions: 2, replicas: 1 });
    expect(created).toMatchObject({ name: topic, partitions: 2, replicas: 1 });
    expect(created!.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
    expect(await errorIdOf(admin.createTopics({ topics: [topic] }))).toBe('TOPIC_ALREADY_EXISTS');
    expect(await admin.listTopics()).toContain(topic);
    await admin.createPartitions({ topics: [{ name: topic, count: 5 }], validateOnly: false });
    const metadata = await eventually('five partitions', async () => {
      const found = await admin.metadata({ topics: [topic], forceUpdate: true });
      return found.topics.get(topic)?.partitionsCount === 5 && found;
    });
    expect(metadata.topics.get(topic)!.id).toBe(created!.id);
    expect([...metadata.brokers.values()]).toMatchObject([{ host: broker.host, port: broker.port }]);
    await admin.deleteTopics({ topics: [topic] });
    await eventually('deleted', async () => !(await admin.listTopics()).includes(topic));
    const [again] = await admin.createTopics({ topics: [topic], partitions: 1 });
    expect(again!.id).not.toBe(created!.id);
  });

  test('configs: set at creation, and the defaults', async () => {
    const topic = await createTopic('configs', 1, [{ name: 'retention.ms', value: '12345' }]);
    const [found] = await admin.describeConfigs({ resources: [{ resourceType: 2, resourceName: topic }] });
    const byName = new Map(found!.configs.map((config) => [config.name, config]));
    expect(byName.get('retention.ms')).toMatchObject({ value: '12345', configSource: 1, readOnly: false });
    expect(byName.get('max.message.bytes')).toMatchObject({ value: '1048588', configSource: 5 });
  });

  test('groups: list, describe, delete only when empty', async () => {
    const topic = await createTopic('groups');
    const groupId = freshName('group');
    const consumer = makeConsumer({ groupId });
    collect(await consumer.consume({ topics: [topic] }));
    const listed = await eventually('stable', async () => {
      const group = (await admin.listGroups({ states: ['STABLE'] })).get(groupId);
      return group;
    });
    expect(listed).toMatchObject({ id: groupId, protocolType: 'consumer' });
    expect(await errorIdOf(admin.deleteGroups({ groups: [groupId] }))).toBe('NON_EMPTY_GROUP');
    await consumer.close(true);
    await admin.deleteGroups({ groups: [groupId] });
    expect((await admin.listGroups()).has(groupId)).toBe(false);
    expect(await errorIdOf(admin.deleteGroups({ groups: [groupId] }))).toBe('GROUP_ID_NOT_FOUND');
  });
});

describe('errors', () => {
  test('an unknown topic is not created when the broker forbids it', async () => {
    const topic = freshName('unknown');
    const impatient = makeProducer({ retries: 0, autocreateTopics: true });
    expect(await errorIdOf(impatient.send({ messages: [{ topic, value: 'x' }] }))).toMatch(
      /UNKNOWN_TOPIC_OR_PARTITION|Unknown topic/,
    );
    expect(await admin.listTopics()).not.toContain(topic);
  });

  test('invalid names, counts and settings', async () => {
    const create = (options: object) => errorIdOf(admin.createTopics({ topics: [freshName('bad')], ...options }));
    expect(await create({ topics: ['a:b'] })).toBe('INVALID_TOPIC_EXCEPTION');
    expect(await create({ partitions: 1, replicas: 7 })).toBe('INVALID_REPLICATION_FACTOR');
    expect(await create({ configs: [{ name: 'no.such.setting', value: '1' }] })).toBe('INVALID_CONFIG');
  });

  test('a batch above max.message.bytes', async () => {
    const topic = await createTopic('large', 1, [{ name: 'max.message.bytes', value: '2000' }]);
    const large = makeProducer({ retries: 0 }).send({ messages: [{ topic, value: 'x'.repeat(4000) }], acks: -1 });
    expect(await errorIdOf(large)).toBe('MESSAGE_TOO_LARGE');
  });

  test.skipIf(!owned)('a clean shutdown ends with exit code 0 and loses nothing', async () => {
    const topic = await createTopic('shutdown');
    await send(flights(100).map(({ key, value }) => ({ topic, key, value })));
    expect(await broker.stop()).toBe(0);
    await broker.restart();
    const got = await consume(topic, 100);
    expect(got.map(({ value }) => value)).toEqual(flights(100).map(({ value }) => value));
  });
});

// The broker as kafkajs sees it: a client that still speaks old versions (Fetch to 11, Metadata to 6, JoinGroup to 5).
// Every expectation here also holds against Apache Kafka 4.3 (see harness.ts for how to point the suite at another broker).
import kafkajs, { type Admin, type Consumer, type EachMessagePayload, type KafkaMessage, type Producer } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { disposeClean } from './data-folder.ts';
import { codecs, flights } from './flights.ts';
import { eventually, type ForeignBroker, freshName, owned, startBroker } from './harness.ts';
import { compressionTypes, registerKafkajsCodecs } from './kafkajs-codecs.ts';

registerKafkajsCodecs();

let broker: ForeignBroker;
let kafka: kafkajs.Kafka;
let admin: Admin;
let producer: Producer;
const consumers: Consumer[] = [];

beforeAll(async () => {
  broker = await startBroker();
  kafka = new kafkajs.Kafka({
    clientId: 'foreign-kafkajs',
    brokers: [broker.bootstrap],
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 8 },
  });
  admin = kafka.admin();
  producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await Promise.all([admin.connect(), producer.connect()]);
});

afterAll(async () => {
  await Promise.allSettled([...consumers.map((one) => one.disconnect()), producer?.disconnect(), admin?.disconnect()]);
  await disposeClean(broker, 'kafkajs');
});

async function createTopic(stem: string, numPartitions = 1, configEntries: { name: string; value: string }[] = []) {
  const topic = freshName(stem);
  await admin.createTopics({ topics: [{ topic, numPartitions, configEntries }] });
  return topic;
}

function consumer(config: Partial<kafkajs.ConsumerConfig> = {}): Consumer {
  const made = kafka.consumer({
    groupId: freshName('group'),
    heartbeatInterval: 200,
    maxWaitTimeInMs: 100,
    rebalanceTimeout: 10_000,
    ...config,
  });
  consumers.push(made);
  return made;
}

/** Joins, reads until `count` messages arrived, and leaves. */
async function consume(topic: string, count: number, config: Partial<kafkajs.ConsumerConfig> = {}) {
  const reader = consumer(config);
  const got: { partition: number; message: KafkaMessage }[] = [];
  await reader.connect();
  await reader.subscribe({ topics: [topic], fromBeginning: true });
  await reader.run({ eachMessage: async ({ partition, message }) => void got.push({ partition, message }) });
  await eventually(`${count} messages of ${topic}`, () => got.length >= count);
  await reader.disconnect();
  return got;
}

/** Joins a group of its own, reads nothing, commits and leaves. */
async function commit(groupId: string, topic: string, offsets: kafkajs.TopicPartitionOffsetAndMetadata[]) {
  const member = consumer({ groupId });
  await member.connect();
  await member.subscribe({ topics: [topic], fromBeginning: true });
  let joined = false;
  member.on('consumer.group_join', () => void (joined = true));
  await member.run({ autoCommit: false, eachMessage: async () => {} });
  await eventually('joined', () => joined);
  await member.commitOffsets(offsets);
  await member.disconnect();
}

/** Kafka's error type of a rejected promise, through kafkajs's wrappers. */
async function errorTypeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    let at = error as { type?: string; cause?: unknown; errors?: unknown[]; name?: string; message?: string };
    for (let depth = 0; depth < 5; depth++) {
      if (typeof at.type === 'string') return at.type;
      const next = at.errors?.[0] ?? at.cause;
      if (next === undefined || next === null) break;
      at = next as typeof at;
    }
    return `${at.name}: ${at.message}`;
  }
  return 'no error';
}

describe('produce and consume', () => {
  test.each(codecs)('%s: keys, values, headers and timestamps come back', async (codec) => {
    const topic = await createTopic(`codec-${codec}`);
    const records = flights(300);
    const answer = await producer.send({
      topic,
      acks: -1,
      compression: compressionTypes[codec],
      messages: records.map(({ n, key, value }) => ({
        key,
        value,
        timestamp: String(1_700_000_000_000 + n),
        headers: { codec, n: Buffer.from([n & 0xff]) },
      })),
    });
    expect(answer[0]).toMatchObject({ topicName: topic, partition: 0, errorCode: 0, baseOffset: '0' });
    const got = await consume(topic, records.length);
    expect(got.map(({ message }) => message.offset)).toEqual(records.map(({ n }) => String(n)));
    expect(got.map(({ message }) => message.key?.toString())).toEqual(records.map(({ key }) => key));
    expect(got.map(({ message }) => message.value?.toString())).toEqual(records.map(({ value }) => value));
    expect(got[7]!.message.timestamp).toBe('1700000000007');
    expect(got[7]!.message.headers).toEqual({ codec: Buffer.from(codec), n: Buffer.from([7]) });
  });

  test('null keys, null values and empty values stay apart', async () => {
    const topic = await createTopic('nulls');
    await producer.send({
      topic,
      messages: [
        { key: null, value: 'a' },
        { key: 'k', value: null },
        { key: '', value: '' },
      ],
    });
    const got = await consume(topic, 3);
    expect(got.map(({ message }) => [message.key, message.value])).toEqual([
      [null, Buffer.from('a')],
      [Buffer.from('k'), null],
      [Buffer.alloc(0), Buffer.alloc(0)],
    ]);
  });

  test('acks 0 and 1 arrive too', async () => {
    const topic = await createTopic('acks');
    await producer.send({ topic, acks: 0, messages: [{ value: 'zero' }] });
    await producer.send({ topic, acks: 1, messages: [{ value: 'one' }] });
    const got = await consume(topic, 2);
    expect(got.map(({ message }) => message.value?.toString()).sort()).toEqual(['one', 'zero']);
  });

  test('idempotent producer', async () => {
    const topic = await createTopic('idempotent', 2);
    const idempotent = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
    await idempotent.connect();
    for (let i = 0; i < 5; i++) {
      await idempotent.send({ topic, messages: flights(100).map(({ key, value }) => ({ key, value })) });
    }
    await idempotent.disconnect();
    expect(await consume(topic, 500)).toHaveLength(500);
  });
});

describe('groups', () => {
  test('two members split the partitions; one leaves, the other takes all', async () => {
    const topic = await createTopic('rebalance', 4);
    const groupId = freshName('group');
    const owned = new Map<string, number[]>();
    const got: string[] = [];
    const join = async (name: string) => {
      const member = consumer({ groupId });
      member.on('consumer.group_join', ({ payload }) => void owned.set(name, payload.memberAssignment[topic] ?? []));
      await member.connect();
      await member.subscribe({ topics: [topic], fromBeginning: true });
      await member.run({
        eachMessage: async ({ partition, message }: EachMessagePayload) =>
          void got.push(`${name}:${partition}:${message.value}`),
      });
      return member;
    };
    const first = await join('a');
    await eventually('a owns all', () => owned.get('a')?.length === 4);
    const second = await join('b');
    await eventually('a and b share', () => owned.get('a')?.length === 2 && owned.get('b')?.length === 2);
    expect([...owned.get('a')!, ...owned.get('b')!].sort()).toEqual([0, 1, 2, 3]);
    await producer.send({ topic, messages: [0, 1, 2, 3].map((partition) => ({ partition, value: 'both' })) });
    await eventually('both read', () => got.length === 4);
    for (const line of got) {
      const [name, partition] = line.split(':');
      expect(owned.get(name!)).toContain(Number(partition));
    }
    const described = await admin.describeGroups([groupId]);
    expect(described.groups[0]).toMatchObject({
      state: 'Stable',
      protocolType: 'consumer',
      protocol: 'RoundRobinAssigner',
    });
    expect(described.groups[0]!.members).toHaveLength(2);
    await first.disconnect();
    await eventually('b owns all', () => owned.get('b')?.length === 4);
    got.length = 0;
    await producer.send({ topic, messages: [0, 1, 2, 3].map((partition) => ({ partition, value: 'alone' })) });
    await eventually('b reads all', () => got.length === 4);
    expect(got.every((line) => line.startsWith('b:'))).toBe(true);
    await second.disconnect();
  });

  test('a committed group resumes where it stopped', async () => {
    const topic = await createTopic('resume');
    const groupId = freshName('group');
    await producer.send({ topic, messages: flights(10).map(({ value }) => ({ value })) });
    expect(await consume(topic, 10, { groupId })).toHaveLength(10);
    const committed = await admin.fetchOffsets({ groupId, topics: [topic] });
    expect(committed[0]!.partitions).toMatchObject([{ partition: 0, offset: '10' }]);
    await producer.send({ topic, messages: [{ value: 'eleventh' }] });
    const got = await consume(topic, 1, { groupId });
    expect(got.map(({ message }) => message.value?.toString())).toEqual(['eleventh']);
  });

  test('commit metadata comes back; an offset never committed is -1', async () => {
    const topic = await createTopic('commit', 2);
    const groupId = freshName('group');
    await producer.send({ topic, messages: [0, 1, 2].map((n) => ({ partition: 1, value: String(n) })) });
    await commit(groupId, topic, [{ topic, partition: 1, offset: '2', metadata: 'note é' }]);
    const [found] = await admin.fetchOffsets({ groupId, topics: [topic] });
    expect(found!.partitions.find(({ partition }) => partition === 1)).toMatchObject({
      offset: '2',
      metadata: 'note é',
    });
    expect(found!.partitions.find(({ partition }) => partition === 0)).toMatchObject({ offset: '-1' });
  });

  test('seek', async () => {
    const topic = await createTopic('seek');
    await producer.send({ topic, messages: flights(50).map(({ value }) => ({ value })) });
    const reader = consumer();
    const got: string[] = [];
    await reader.connect();
    await reader.subscribe({ topics: [topic], fromBeginning: true });
    await reader.run({ eachMessage: async ({ message }) => void got.push(message.offset) });
    await eventually('first pass', () => got.length >= 50);
    got.length = 0;
    reader.seek({ topic, partition: 0, offset: '47' });
    await eventually('second pass', () => got.length >= 3);
    expect(got).toEqual(['47', '48', '49']);
    await reader.disconnect();
  });

  test('an offset out of range falls back to the beginning', async () => {
    const topic = await createTopic('range');
    const groupId = freshName('group');
    await producer.send({ topic, messages: flights(5).map(({ value }) => ({ value })) });
    await commit(groupId, topic, [{ topic, partition: 0, offset: '1000' }]);
    const got = await consume(topic, 5, { groupId });
    expect(got.map(({ message }) => message.offset)).toEqual(['0', '1', '2', '3', '4']);
  });

  test('a session timeout outside the bounds is refused', async () => {
    const topic = await createTopic('session');
    const member = consumer({ sessionTimeout: 10, heartbeatInterval: 5, retry: { retries: 0 } });
    await member.connect();
    await member.subscribe({ topics: [topic] });
    const crash = new Promise<Error>((resolve) => member.on('consumer.crash', ({ payload }) => resolve(payload.error)));
    await member.run({ eachMessage: async () => {} }).catch(() => {});
    expect(await errorTypeOf(Promise.reject(await crash))).toBe('INVALID_SESSION_TIMEOUT');
    await member.disconnect();
  });
});

describe('admin', () => {
  test('topics: create, list, describe, grow, delete', async () => {
    const topic = freshName('admin');
    expect(await admin.createTopics({ topics: [{ topic, numPartitions: 2, replicationFactor: 1 }] })).toBe(true);
    expect(await admin.createTopics({ topics: [{ topic, numPartitions: 2 }] })).toBe(false);
    expect(await admin.listTopics()).toContain(topic);
    await admin.createPartitions({ topicPartitions: [{ topic, count: 5 }] });
    const grown = await eventually('five partitions', async () => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      return topics[0]!.partitions.length === 5 && topics[0]!;
    });
    expect(grown.partitions.map(({ partitionId }) => partitionId).sort()).toEqual([0, 1, 2, 3, 4]);
    for (const { leader, replicas, isr } of grown.partitions) expect([replicas, isr]).toEqual([[leader], [leader]]);
    await admin.deleteTopics({ topics: [topic] });
    await eventually('deleted', async () => !(await admin.listTopics()).includes(topic));
  });

  test('validateOnly creates nothing', async () => {
    const topic = freshName('validate');
    await admin.createTopics({ validateOnly: true, waitForLeaders: false, topics: [{ topic }] });
    expect(await admin.listTopics()).not.toContain(topic);
  });

  test('cluster and configs', async () => {
    const cluster = await admin.describeCluster();
    expect(cluster.brokers).toMatchObject([{ host: broker.host, port: broker.port }]);
    expect(cluster.controller).toBe(cluster.brokers[0]!.nodeId);
    expect(cluster.clusterId).toMatch(/^[\w-]{10,22}$/);
    const topic = await createTopic('configs', 1, [{ name: 'max.message.bytes', value: '2000' }]);
    const { resources } = await admin.describeConfigs({
      includeSynonyms: true,
      resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic }],
    });
    const byName = new Map(resources[0]!.configEntries.map((entry) => [entry.configName, entry]));
    expect(byName.get('max.message.bytes')).toMatchObject({ configValue: '2000', configSource: 1, isDefault: false });
    expect(byName.get('cleanup.policy')).toMatchObject({ configValue: 'delete', configSource: 5, isSensitive: false });
    expect(byName.get('segment.bytes')).toMatchObject({ configValue: '1073741824' });
  });

  test('offsets: the ends, and by timestamp', async () => {
    const topic = await createTopic('times');
    const start = 1_700_000_000_000;
    for (let i = 0; i < 5; i++) {
      await producer.send({ topic, messages: [{ value: String(i), timestamp: String(start + i * 1000) }] });
    }
    expect(await admin.fetchTopicOffsets(topic)).toEqual([{ partition: 0, offset: '5', high: '5', low: '0' }]);
    const at = async (time: number) => (await admin.fetchTopicOffsetsByTimestamp(topic, time))[0]!.offset;
    expect(await at(start)).toBe('0');
    expect(await at(start + 1)).toBe('1');
    expect(await at(start + 4000)).toBe('4');
    expect(await at(start + 4001)).toBe('5');
  });

  test('groups: list, and delete only when empty', async () => {
    const topic = await createTopic('groups');
    const groupId = freshName('group');
    const member = consumer({ groupId });
    await member.connect();
    await member.subscribe({ topics: [topic] });
    let joined = false;
    member.on('consumer.group_join', () => void (joined = true));
    await member.run({ eachMessage: async () => {} });
    await eventually('joined', () => joined);
    expect((await admin.listGroups()).groups).toContainEqual({ groupId, protocolType: 'consumer' });
    expect(await errorTypeOf(admin.deleteGroups([groupId]))).toMatch(/NON_EMPTY_GROUP|KafkaJSDeleteGroupsError/);
    await member.disconnect();
    await eventually('deleted', async () => {
      const [result] = await admin.deleteGroups([groupId]).catch(() => []);
      return result?.errorCode === 0;
    });
    expect((await admin.listGroups()).groups.map((group) => group.groupId)).not.toContain(groupId);
    expect((await admin.describeGroups([groupId])).groups[0]!.state).toBe('Dead');
  });
});

describe('errors', () => {
  test('an unknown topic is not created by a producer when the broker forbids it', async () => {
    const topic = freshName('unknown');
    const impatient = kafka.producer({ retry: { retries: 1, initialRetryTime: 10 } });
    await impatient.connect();
    const sent = impatient.send({ topic, messages: [{ value: 'x' }] });
    expect(await errorTypeOf(sent)).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    await impatient.disconnect();
    expect(await admin.listTopics()).not.toContain(topic);
  });

  test.each(['a b', '..', 'x'.repeat(250), 'ümlaut'])('invalid topic name %s', async (topic) => {
    expect(await errorTypeOf(admin.createTopics({ topics: [{ topic }] }))).toBe('INVALID_TOPIC_EXCEPTION');
  });

  test('invalid counts and an unknown setting', async () => {
    const create = (extra: Partial<kafkajs.ITopicConfig>) =>
      errorTypeOf(admin.createTopics({ topics: [{ topic: freshName('bad'), ...extra }] }));
    expect(await create({ numPartitions: 0 })).toBe('INVALID_PARTITIONS');
    expect(await create({ numPartitions: 1, replicationFactor: 5 })).toBe('INVALID_REPLICATION_FACTOR');
    expect(await create({ configEntries: [{ name: 'no.such.setting', value: '1' }] })).toBe('INVALID_CONFIG');
    expect(await create({ configEntries: [{ name: 'retention.ms', value: 'soon' }] })).toBe('INVALID_CONFIG');
  });

  test('fewer partitions than there are', async () => {
    const topic = await createTopic('shrink', 3);
    const shrink = admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] });
    expect(await errorTypeOf(shrink)).toBe('INVALID_PARTITIONS');
  });

  test('deleting a topic that does not exist', async () => {
    const impatient = kafka.admin({ retry: { retries: 0 } });
    await impatient.connect();
    expect(await errorTypeOf(impatient.deleteTopics({ topics: [freshName('nowhere')] }))).toBe(
      'UNKNOWN_TOPIC_OR_PARTITION',
    );
    await impatient.disconnect();
  });

  test('a batch above max.message.bytes', async () => {
    const topic = await createTopic('large', 1, [{ name: 'max.message.bytes', value: '2000' }]);
    const large = producer.send({ topic, messages: [{ value: Buffer.alloc(4000, 1) }] });
    expect(await errorTypeOf(large)).toBe('MESSAGE_TOO_LARGE');
    await producer.send({ topic, messages: [{ value: 'small' }] });
  });

  test.skipIf(!owned)('with auto-create on, the first produce makes the topic', async () => {
    const own = await startBroker({ set: { 'auto.create.topics.enable': true, 'num.partitions': 3 } });
    try {
      const client = new kafkajs.Kafka({ brokers: [own.bootstrap], logLevel: kafkajs.logLevel.NOTHING });
      const maker = client.producer();
      await maker.connect();
      await maker.send({ topic: 'made', messages: [{ value: 'x' }] });
      await maker.disconnect();
      const looker = client.admin();
      await looker.connect();
      expect((await looker.fetchTopicMetadata({ topics: ['made'] })).topics[0]!.partitions).toHaveLength(3);
      await looker.disconnect();
    } finally {
      await own.dispose();
    }
  });
});

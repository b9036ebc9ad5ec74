/**
 * kafkajs behind the driver interface.
 *
 * Its own defaults stay where a lab says nothing. It has no assignment by hand: a consumer without a group gets a group of its own that never commits. A
 * polled record counts as processed at the next poll, when kafkajs may commit it by itself.
 */
import { randomUUID } from 'node:crypto';
import {
  type Admin,
  CompressionTypes,
  type Consumer,
  type IHeaders,
  Kafka,
  logLevel,
  type Producer,
  type Transaction,
} from 'kafkajs';
import type { TopicPartition } from '../history.ts';
import type {
  AdminDriver,
  Answer,
  ClientDriver,
  CommitOffset,
  ConsumerDriver,
  ConsumerSettings,
  OutgoingRecord,
  PolledRecord,
  ProducerDriver,
  ProducerSettings,
  SendAnswer,
  TransactionalDriver,
  TransactionalSettings,
} from './driver.ts';
import { type Refusal, refusal } from './error-answer.ts';
import { HandedOver } from './handed-over.ts';
import { clientVersion } from './versions.ts';

const JOIN_MS_MAX = 60_000;

const COMPRESSION = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
} as const;

export function kafkajsDriver(bootstrap: string): ClientDriver {
  const kafka = new Kafka({ clientId: 'mqlab', brokers: bootstrap.split(','), logLevel: logLevel.NOTHING });
  return {
    name: 'kafkajs',
    version: clientVersion('kafkajs'),
    defaults: {
      acks: 'all (-1)',
      'enable.idempotence': 'false',
      'max.in.flight.requests.per.connection': 'unlimited',
      retries: '5',
      'linger.ms': 'none: every send is a request',
      'enable.auto.commit': 'true, after each batch that is resolved',
      'auto.commit.interval.ms': 'none: on resolve',
      'auto.offset.reset': 'latest',
      'session.timeout.ms': '30000',
      'heartbeat.interval.ms': '3000',
      'partition.assignment.strategy': 'roundrobin',
      'isolation.level': 'read_committed',
    },
    producer: async (settings = {}) => openProducer(kafka, settings),
    transactional: (settings) => openTransactional(kafka, settings),
    consumer: (settings) => openConsumer(kafka, settings),
    admin: async () => openAdmin(kafka),
  };
}

function refusalOf(error: unknown): Refusal {
  const { name, message, type, cause } = error as {
    name: string;
    message: string;
    type?: string;
    cause?: { type?: string };
  };
  const wasRetried = name === 'KafkaJSNumberOfRetriesExceeded';
  return refusal(type ?? cause?.type ?? null, `${name}: ${message}`, wasRetried);
}

async function openProducer(kafka: Kafka, settings: ProducerSettings): Promise<ProducerDriver> {
  const producer: Producer = kafka.producer({
    ...(settings.idempotence === undefined ? {} : { idempotent: settings.idempotence }),
    ...(settings.maxInFlight === undefined ? {} : { maxInFlightRequests: settings.maxInFlight }),
    ...(settings.retries === undefined ? {} : { retry: { retries: settings.retries } }),
  });
  await producer.connect();
  const pending = new Set<Promise<SendAnswer>>();
  const sendOne = async ({ topic, partition, key, value, headers }: OutgoingRecord): Promise<SendAnswer> => {
    const message = {
      key,
      value,
      ...(partition === undefined ? {} : { partition }),
      ...(headers === undefined ? {} : { headers: { ...headers } }),
    };
    try {
      const [answer] = await producer.send({
        topic,
        messages: [message],
        ...(settings.acks === undefined ? {} : { acks: settings.acks }),
        ...(settings.requestTimeoutMs === undefined ? {} : { timeout: settings.requestTimeoutMs }),
        ...(settings.compression === undefined ? {} : { compression: COMPRESSION[settings.compression] }),
      });
      if (answer === undefined) return { outcome: 'ok', partition: partition ?? -1 };
      const offset = answer.baseOffset === undefined ? undefined : Number(answer.baseOffset);
      return { outcome: 'ok', partition: answer.partition, ...(offset === undefined ? {} : { offset }) };
    } catch (error) {
      return refusalOf(error);
    }
  };
  return {
    send: (record) => {
      const answer = sendOne(record);
      pending.add(answer);
      void answer.then(() => pending.delete(answer));
      return answer;
    },
    flush: async () => {
      await Promise.all(pending);
    },
    close: () => producer.disconnect(),
  };
}

/** kafkajs wants one request in flight for transactions, and stores offsets by the group's name alone. */
async function openTransactional(kafka: Kafka, settings: TransactionalSettings): Promise<TransactionalDriver> {
  const producer = kafka.producer({
    transactionalId: settings.transactionalId,
    idempotent: true,
    maxInFlightRequests: 1,
    ...(settings.transactionTimeoutMs === undefined ? {} : { transactionTimeout: settings.transactionTimeoutMs }),
  });
  await producer.connect();
  let open: Transaction | null = null;
  const answered = async (call: (transaction: Transaction) => Promise<unknown>): Promise<Answer> => {
    if (open === null) return { outcome: 'fail', error: 'no transaction is open' };
    try {
      await call(open);
      return { outcome: 'ok' };
    } catch (error) {
      return refusalOf(error);
    }
  };
  return {
    begin: async () => {
      try {
        open = await producer.transaction();
        return { outcome: 'ok' };
      } catch (error) {
        return refusalOf(error);
      }
    },
    send: async ({ topic, partition, key, value }) => {
      const message = { key, value, ...(partition === undefined ? {} : { partition }) };
      try {
        const [answer] = (await open?.send({ topic, messages: [message] })) ?? [];
        if (answer === undefined) return { outcome: 'info', error: 'no answer' };
        const offset = answer.baseOffset === undefined ? undefined : Number(answer.baseOffset);
        return { outcome: 'ok', partition: answer.partition, ...(offset === undefined ? {} : { offset }) };
      } catch (error) {
        return refusalOf(error);
      }
    },
    sendOffsets: (offsets, consumer) =>
      answered((transaction) => {
        const topics = [...new Set(offsets.map(({ topic }) => topic))].map((topic) => ({
          topic,
          partitions: offsets
            .filter((each) => each.topic === topic)
            .map(({ partition, offset }) => ({ partition, offset: String(offset) })),
        }));
        return transaction.sendOffsets({ consumerGroupId: String(consumer.native), topics });
      }),
    commit: () => answered((transaction) => transaction.commit()),
    abort: () => answered((transaction) => transaction.abort()),
    close: () => producer.disconnect(),
  };
}

function headersOf(headers: IHeaders): { readonly headers?: Readonly<Record<string, string>> } {
  const named = Object.entries(headers).map(([name, value]) => {
    const last = Array.isArray(value) ? value.at(-1) : value;
    return [name, last?.toString() ?? ''];
  });
  return named.length === 0 ? {} : { headers: Object.fromEntries(named) };
}

async function openConsumer(kafka: Kafka, settings: ConsumerSettings): Promise<ConsumerDriver> {
  const isAlone = settings.group === undefined;
  const only = settings.partitions;
  const topics = settings.topics ?? [...new Set((only ?? []).map((at) => at.topic))];
  const consumer: Consumer = kafka.consumer({
    groupId: settings.group ?? `mqlab-alone-${randomUUID()}`,
    ...(settings.sessionTimeoutMs === undefined ? {} : { sessionTimeout: settings.sessionTimeoutMs }),
    ...(settings.heartbeatIntervalMs === undefined ? {} : { heartbeatInterval: settings.heartbeatIntervalMs }),
    ...(settings.committedOnly === undefined ? {} : { readUncommitted: !settings.committedOnly }),
  });
  if (settings.offsetReset === 'none') throw new Error('kafkajs has no auto.offset.reset=none');
  const fromBeginning =
    settings.offsetReset === undefined ? settings.fromBeginning : settings.offsetReset === 'earliest';
  const handed = new HandedOver();
  let assigned: TopicPartition[] = [];
  let joins = 0;
  const joined = new Promise<void>((resolve) => {
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      joins++;
      assigned = Object.entries(payload.memberAssignment).flatMap(([topic, partitions]) =>
        partitions.map((partition) => ({ topic, partition })),
      );
      settings.onAssigned?.(assigned, joins);
      resolve();
    });
  });
  consumer.on(consumer.events.REBALANCING, () => {
    handed.drop();
    if (assigned.length > 0) void settings.onRevoked?.(assigned, joins);
    assigned = [];
  });
  await consumer.connect();
  await consumer.subscribe({
    topics: [...topics],
    ...(fromBeginning === undefined ? {} : { fromBeginning }),
  });
  await consumer.run({
    eachBatchAutoResolve: false,
    ...(isAlone ? { autoCommit: false } : settings.autoCommit === undefined ? {} : { autoCommit: settings.autoCommit }),
    ...(settings.autoCommitIntervalMs === undefined ? {} : { autoCommitInterval: settings.autoCommitIntervalMs }),
    eachBatch: async ({ batch, resolveOffset, heartbeat, isStale }) => {
      const { topic, partition } = batch;
      if (only !== undefined && !only.some((at) => at.topic === topic && at.partition === partition)) return;
      const records = batch.messages.map(
        (message): PolledRecord => ({
          topic,
          partition,
          offset: Number(message.offset),
          key: message.key === null ? null : message.key.toString(),
          value: message.value?.toString() ?? '',
          ...headersOf(message.headers ?? {}),
        }),
      );
      const beat = setInterval(() => heartbeat().catch(() => {}), 1000);
      await handed.offer(records, (upTo) => {
        if (!isStale()) resolveOffset(String(upTo.offset));
      });
      clearInterval(beat);
    },
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`kafkajs did not join its group in ${JOIN_MS_MAX} ms`)), JOIN_MS_MAX);
  });
  await Promise.race([joined, late]).finally(() => clearTimeout(timer));
  return {
    // kafkajs does not tell the group's generation.
    generation: -1,
    native: settings.group,
    poll: (maxWaitMs) => handed.poll(maxWaitMs, settings.maxPollRecords ?? Number.POSITIVE_INFINITY),
    commit: async (offsets): Promise<Answer> => {
      try {
        await consumer.commitOffsets(offsets.map((at: CommitOffset) => ({ ...at, offset: String(at.offset) })));
        return { outcome: 'ok' };
      } catch (error) {
        return refusalOf(error);
      }
    },
    seek: async ({ topic, partition, offset }) => {
      consumer.seek({ topic, partition, offset: String(offset) });
      handed.drop();
    },
    pause: (partitions) => handed.pause(partitions),
    resume: (partitions) => handed.resume(partitions),
    close: async () => {
      handed.close();
      await consumer.disconnect();
    },
  };
}

async function openAdmin(kafka: Kafka): Promise<AdminDriver> {
  const admin: Admin = kafka.admin();
  await admin.connect();
  return {
    createTopic: async (topic, numPartitions, configs = {}, replicationFactor = -1) => {
      const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }));
      await admin.createTopics({
        waitForLeaders: true,
        topics: [{ topic, numPartitions, replicationFactor, configEntries }],
      });
    },
    addPartitions: async (topic, count) => {
      await admin.createPartitions({ topicPartitions: [{ topic, count }] });
    },
    deleteTopic: (topic) => admin.deleteTopics({ topics: [topic] }),
    offsets: async (topic) =>
      (await admin.fetchTopicOffsets(topic))
        .map(({ partition, low, high }) => ({ partition, start: Number(low), end: Number(high) }))
        .sort((a, b) => a.partition - b.partition),
    committed: async (groupId, topic) => {
      const [answer] = await admin.fetchOffsets({ groupId, topics: [topic] });
      return (answer?.partitions ?? []).map(({ partition, offset }) => ({ partition, offset: Number(offset) }));
    },
    close: () => admin.disconnect(),
  };
}

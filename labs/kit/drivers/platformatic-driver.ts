/**
 * @platformatic/kafka behind the driver interface.
 *
 * Its own defaults stay where a lab says nothing. It has no assignment by hand: a consumer without a group gets a group of its own that never commits. Its
 * stream reads ahead, and with auto commit it commits what it read ahead: that is the client's behaviour, and labs show it.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  Admin,
  Consumer,
  type Message,
  type MessagesStream,
  Producer,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka';
import { partitionName, type TopicPartition } from '../history.ts';
import type {
  AdminDriver,
  Answer,
  ClientDriver,
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
import { clientVersion } from './versions.ts';

type Stream = MessagesStream<string, string, string, string>;
const EARLIEST = -2n;
const LATEST = -1n;
const RECORDS_MAX_DEFAULT = 500;

export function platformaticDriver(bootstrap: string): ClientDriver {
  const base = { clientId: 'mqlab', bootstrapBrokers: bootstrap.split(',') };
  return {
    name: 'platformatic',
    version: clientVersion('platformatic'),
    defaults: {
      acks: '1 (all with idempotence)',
      'enable.idempotence': 'false',
      'max.in.flight.requests.per.connection': '5',
      retries: '3',
      'linger.ms': 'none: every send is a request',
      'enable.auto.commit': 'true, with each fetch',
      'auto.commit.interval.ms': 'none: with each fetch',
      'auto.offset.reset': 'latest',
      'session.timeout.ms': '60000',
      'heartbeat.interval.ms': '3000',
      'partition.assignment.strategy': 'roundrobin',
      'isolation.level': 'read_committed',
    },
    producer: async (settings = {}) => openProducer(base, settings),
    transactional: (settings) => openTransactional(base, settings),
    consumer: (settings) => openConsumer(base, settings),
    admin: async () => openAdmin(base),
  };
}

interface Base {
  readonly clientId: string;
  readonly bootstrapBrokers: string[];
}

/** The broker's error anywhere inside what the client threw. */
function refusalOf(error: unknown): Refusal {
  const seen: unknown[] = [error];
  for (let at = 0; at < seen.length && at < 100; at++) {
    const one = seen[at] as { apiId?: string; cause?: unknown; errors?: unknown[]; canRetry?: boolean };
    if (typeof one.apiId === 'string') return refusal(one.apiId, '', one.canRetry === true);
    if (one.cause !== undefined) seen.push(one.cause);
    if (Array.isArray(one.errors)) seen.push(...one.errors);
  }
  const { name, message } = error as Error;
  return refusal(null, `${name}: ${message}`, true);
}

async function openProducer(base: Base, settings: ProducerSettings): Promise<ProducerDriver> {
  const producer = new Producer({
    ...base,
    serializers: stringSerializers,
    ...(settings.acks === undefined ? {} : { acks: settings.acks }),
    ...(settings.idempotence === undefined ? {} : { idempotent: settings.idempotence }),
    ...(settings.retries === undefined ? {} : { retries: settings.retries }),
    ...(settings.maxInFlight === undefined ? {} : { maxInflights: settings.maxInFlight }),
    ...(settings.requestTimeoutMs === undefined ? {} : { timeout: settings.requestTimeoutMs }),
    ...(settings.compression === undefined ? {} : { compression: settings.compression }),
  });
  const pending = new Set<Promise<SendAnswer>>();
  const sendOne = async ({ topic, partition, key, value, headers }: OutgoingRecord): Promise<SendAnswer> => {
    try {
      const { offsets } = await producer.send({
        messages: [
          {
            topic,
            value,
            ...(key === null ? {} : { key }),
            ...(partition === undefined ? {} : { partition }),
            ...(headers === undefined ? {} : { headers: { ...headers } }),
          },
        ],
      });
      const place = offsets?.[0];
      if (place === undefined) return { outcome: 'ok', partition: partition ?? -1 };
      return { outcome: 'ok', partition: place.partition, offset: Number(place.offset) };
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
    close: async () => {
      await producer.close();
    },
  };
}

type Tx = Awaited<ReturnType<Producer<string, string, string, string>['beginTransaction']>>;

/** It stores offsets message by message, under the member and generation that the message was read with. */
async function openTransactional(base: Base, settings: TransactionalSettings): Promise<TransactionalDriver> {
  const producer = new Producer({
    ...base,
    serializers: stringSerializers,
    idempotent: true,
    transactionalId: settings.transactionalId,
  });
  let open: Tx | null = null;
  const answered = async (call: (transaction: Tx) => Promise<unknown>): Promise<Answer> => {
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
        open = await producer.beginTransaction();
        return { outcome: 'ok' };
      } catch (error) {
        return refusalOf(error);
      }
    },
    send: async ({ topic, partition, key, value }) => {
      try {
        const message = {
          topic,
          value,
          ...(key === null ? {} : { key }),
          ...(partition === undefined ? {} : { partition }),
        };
        const answer = await open?.send({ messages: [message] });
        const place = answer?.offsets?.[0];
        if (place === undefined) return { outcome: 'info', error: 'no answer' };
        return { outcome: 'ok', partition: place.partition, offset: Number(place.offset) };
      } catch (error) {
        return refusalOf(error);
      }
    },
    sendOffsets: (offsets, consumer) =>
      answered(async (transaction) => {
        const { consumer: native, lastRead } = consumer.native as NativeConsumer;
        await transaction.addConsumer(native);
        for (const { topic, partition, offset } of offsets) {
          const message = lastRead.get(partitionName(topic, partition));
          if (message === undefined) throw new Error(`nothing was read of ${topic}-${partition}`);
          await transaction.addOffset({ ...message, topic, partition, offset: BigInt(offset - 1) } as typeof message);
        }
      }),
    commit: () => answered((transaction) => transaction.commit()),
    abort: () => answered((transaction) => transaction.abort()),
    close: () => producer.close(true),
  };
}

/** Offsets in a transaction are stored by a message that was read. */
interface NativeConsumer {
  readonly consumer: Consumer<string, string, string, string>;
  readonly lastRead: ReadonlyMap<string, Message<string, string, string, string>>;
}

async function openConsumer(base: Base, settings: ConsumerSettings): Promise<ConsumerDriver> {
  const isAlone = settings.group === undefined;
  const only = settings.partitions;
  const topics = settings.topics ?? [...new Set((only ?? []).map((at) => at.topic))];
  const autocommit = settings.autoCommitIntervalMs ?? settings.autoCommit;
  const consumer = new Consumer({
    ...base,
    groupId: settings.group ?? `mqlab-alone-${randomUUID()}`,
    deserializers: stringDeserializers,
    ...(settings.sessionTimeoutMs === undefined ? {} : { sessionTimeout: settings.sessionTimeoutMs }),
    ...(settings.heartbeatIntervalMs === undefined ? {} : { heartbeatInterval: settings.heartbeatIntervalMs }),
    ...(settings.committedOnly === undefined ? {} : { isolationLevel: settings.committedOnly ? 1 : 0 }),
    ...(isAlone ? { autocommit: false } : autocommit === undefined ? {} : { autocommit }),
  });
  let assigned: TopicPartition[] = [];
  consumer.on('consumer:group:join', ({ assignments, generationId }) => {
    assigned = (assignments ?? []).flatMap(({ topic, partitions }) =>
      partitions.map((partition) => ({ topic, partition })),
    );
    settings.onAssigned?.(assigned, generationId ?? -1);
  });
  consumer.on('consumer:group:rebalance', () => {
    if (assigned.length > 0) void settings.onRevoked?.(assigned, consumer.generationId);
    assigned = [];
  });
  const stream: Stream = await consumer.consume({
    topics: [...topics],
    mode: 'committed',
    fallbackMode:
      settings.offsetReset === 'none'
        ? 'fail'
        : (settings.offsetReset ?? (settings.fromBeginning === true ? 'earliest' : 'latest')),
    maxWaitTime: 500,
  });
  let failed: Error | null = null;
  stream.on('error', (error) => {
    failed = error;
  });
  const paused = new Set<string>();
  const lastRead = new Map<string, Message<string, string, string, string>>();
  /** Read from the stream, of a partition that is paused: nothing behind it is read until it goes out. */
  let held: PolledRecord | null = null;
  const take = (recordsMax: number): PolledRecord[] => {
    const records: PolledRecord[] = [];
    if (held !== null) {
      if (paused.has(partitionName(held.topic, held.partition))) return records;
      records.push(held);
      held = null;
    }
    while (records.length < recordsMax) {
      const message = stream.read() as Message<string, string, string, string> | null;
      if (message === null) break;
      lastRead.set(partitionName(message.topic, message.partition), message);
      const { topic, partition, offset, key, value, headers } = message;
      if (only !== undefined && !only.some((at) => at.topic === topic && at.partition === partition)) continue;
      const record: PolledRecord = {
        topic,
        partition,
        offset: Number(offset),
        key: key === undefined || key === '' ? null : key,
        value,
        ...(headers === undefined || headers.size === 0 ? {} : { headers: Object.fromEntries(headers) }),
      };
      if (paused.has(partitionName(topic, partition))) {
        held = record;
        break;
      }
      records.push(record);
    }
    return records;
  };
  return {
    get generation() {
      return consumer.generationId;
    },
    native: { consumer, lastRead } satisfies NativeConsumer,
    poll: async (maxWaitMs) => {
      if (failed !== null) throw failed;
      const recordsMax = settings.maxPollRecords ?? RECORDS_MAX_DEFAULT;
      const ready = take(recordsMax);
      if (ready.length > 0) return ready;
      const controller = new AbortController();
      const timer = setTimeout(() => controller.abort(), maxWaitMs);
      await once(stream, 'readable', { signal: controller.signal }).catch(() => {});
      clearTimeout(timer);
      return take(recordsMax);
    },
    commit: async (offsets): Promise<Answer> => {
      try {
        await consumer.commit({
          offsets: offsets.map((at) => ({ ...at, offset: BigInt(at.offset), leaderEpoch: -1 })),
        });
        return { outcome: 'ok' };
      } catch (error) {
        return refusalOf(error);
      }
    },
    seek: async () => {
      throw new Error('@platformatic/kafka cannot seek in an open stream');
    },
    pause: (partitions) => {
      for (const { topic, partition } of partitions) paused.add(partitionName(topic, partition));
    },
    resume: (partitions) => {
      for (const { topic, partition } of partitions) paused.delete(partitionName(topic, partition));
    },
    close: async () => {
      await stream.close();
      await consumer.close(true);
    },
  };
}

function openAdmin(base: Base): AdminDriver {
  const admin = new Admin(base);
  const partitionsOf = async (topic: string): Promise<number[]> => {
    const metadata = await admin.metadata({ topics: [topic] });
    const count = metadata.topics.get(topic)?.partitionsCount ?? 0;
    return Array.from({ length: count }, (_, partition) => partition);
  };
  const list = async (topic: string, timestamp: bigint): Promise<Map<number, number>> => {
    const partitions = (await partitionsOf(topic)).map((partitionIndex) => ({ partitionIndex, timestamp }));
    const [answer] = await admin.listOffsets({ topics: [{ name: topic, partitions }] });
    return new Map((answer?.partitions ?? []).map(({ partitionIndex, offset }) => [partitionIndex, Number(offset)]));
  };
  return {
    createTopic: async (topic, partitions, configs = {}, replicas = -1) => {
      const entries = Object.entries(configs).map(([name, value]) => ({ name, value }));
      await admin.createTopics({
        topics: [topic],
        partitions,
        replicas,
        ...(entries.length === 0 ? {} : { configs: entries }),
      });
    },
    addPartitions: async (topic, count) => {
      await admin.createPartitions({ topics: [{ name: topic, count, assignments: [] }] });
    },
    deleteTopic: (topic) => admin.deleteTopics({ topics: [topic] }),
    offsets: async (topic) => {
      const [starts, ends] = [await list(topic, EARLIEST), await list(topic, LATEST)];
      return [...ends]
        .map(([partition, end]) => ({ partition, start: starts.get(partition) ?? 0, end }))
        .sort((a, b) => a.partition - b.partition);
    },
    committed: async (group, topic) => {
      const [answer] = await admin.listConsumerGroupOffsets({ groups: [group] });
      const partitions = answer?.topics.find((known) => known.name === topic)?.partitions ?? [];
      return partitions.map(({ partitionIndex, committedOffset }) => ({
        partition: partitionIndex,
        offset: Number(committedOffset),
      }));
    },
    close: async () => {
      await admin.close();
    },
  };
}

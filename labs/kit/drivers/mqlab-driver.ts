/**
 * The project's own client behind the driver interface, on whatever ports it is given: it runs in the simulator too.
 *
 * Settings that a lab does not give stay at the client's defaults, which are Kafka's.
 */
import { ClientError } from '@mqlab/core/client/client-error.ts';
import { Consumer } from '@mqlab/core/client/consumer/consumer.ts';
import { Producer } from '@mqlab/core/client/producer/producer.ts';
import type { Ports } from '@mqlab/core/ports/ports.ts';
import type {
  Answer,
  ClientDriver,
  CommitOffset,
  ConsumerDriver,
  ConsumerSettings,
  OffsetsOptions,
  OutgoingRecord,
  PolledRecord,
  ProducerDriver,
  ProducerSettings,
  SendAnswer,
  TransactionalDriver,
  TransactionalSettings,
} from './driver.ts';
import { openMqlabAdmin } from './mqlab-admin.ts';
import { clientVersion } from './versions.ts';

export function mqlabDriver(ports: Ports, bootstrap: string): ClientDriver {
  return {
    name: 'mqlab',
    version: clientVersion('mqlab'),
    defaults: {
      acks: 'all (-1)',
      'enable.idempotence': 'true',
      'max.in.flight.requests.per.connection': '5',
      retries: '2147483647',
      'linger.ms': '5',
      'enable.auto.commit': 'true',
      'auto.commit.interval.ms': '5000',
      'auto.offset.reset': 'latest',
      'session.timeout.ms': '45000',
      'heartbeat.interval.ms': '3000',
      'partition.assignment.strategy': 'range, cooperative-sticky',
      'isolation.level': 'read_uncommitted',
    },
    producer: async (settings = {}) => openProducer(ports, bootstrap, settings),
    transactional: (settings) => openTransactional(ports, bootstrap, settings),
    consumer: async (settings) => openConsumer(ports, bootstrap, settings),
    admin: async () => openMqlabAdmin(ports, bootstrap),
  };
}

/** Leaves out what was not given, so that the default stays. */
function given(settings: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

function refusalOf(error: unknown): { readonly outcome: 'fail' | 'info'; readonly error: string } {
  if (error instanceof ClientError) return { outcome: error.outcome === 'failed' ? 'fail' : 'info', error: error.kind };
  throw error;
}

function openProducer(ports: Ports, bootstrap: string, settings: ProducerSettings): ProducerDriver {
  const producer = new Producer<string, string>(
    ports,
    given({
      'bootstrap.servers': bootstrap,
      acks: settings.acks === undefined ? undefined : String(settings.acks),
      'enable.idempotence': settings.idempotence,
      retries: settings.retries,
      'max.in.flight.requests.per.connection': settings.maxInFlight,
      'linger.ms': settings.lingerMs,
      'batch.size': settings.batchBytes,
      'request.timeout.ms': settings.requestTimeoutMs,
      'delivery.timeout.ms': settings.deliveryTimeoutMs,
      'compression.type': settings.compression,
    }),
  );
  return {
    send: (record) => sendOne(producer, record),
    flush: () => producer.flush(),
    close: () => producer.close(),
  };
}

async function sendOne(
  producer: Producer<string, string>,
  { topic, partition, key, value, headers }: OutgoingRecord,
): Promise<SendAnswer> {
  try {
    const to = await producer.send({
      topic,
      key,
      value,
      ...(partition === undefined ? {} : { partition }),
      ...(headers === undefined
        ? {}
        : { headers: Object.entries(headers).map(([name, text]) => ({ key: name, value: text })) }),
    });
    return { outcome: 'ok', partition: to.partition, ...(to.offset < 0 ? {} : { offset: to.offset }) };
  } catch (error) {
    return refusalOf(error);
  }
}

async function openTransactional(
  ports: Ports,
  bootstrap: string,
  settings: TransactionalSettings,
): Promise<TransactionalDriver> {
  const producer = new Producer<string, string>(
    ports,
    given({
      'bootstrap.servers': bootstrap,
      'transactional.id': settings.transactionalId,
      'transaction.timeout.ms': settings.transactionTimeoutMs,
      'request.timeout.ms': settings.requestTimeoutMs,
      'linger.ms': settings.lingerMs,
    }),
    settings.transactionVersionMax === undefined ? {} : { transactionVersionMax: settings.transactionVersionMax },
  );
  await producer.initTransactions();
  const answered = async (call: () => void | Promise<void>): Promise<Answer> => {
    try {
      await call();
      return { outcome: 'ok' };
    } catch (error) {
      return refusalOf(error);
    }
  };
  return {
    begin: () => answered(() => producer.beginTransaction()),
    send: (record) => sendOne(producer, record),
    sendOffsets: (offsets, consumer, { groupOnly = false }: OffsetsOptions = {}) =>
      answered(() => {
        const member = (consumer.native as Consumer).groupMetadata();
        const nobody = { groupId: member.groupId, memberId: '', generation: -1, groupInstanceId: null };
        return producer.sendOffsetsToTransaction(offsets, groupOnly ? nobody : member);
      }),
    commit: () => answered(() => producer.commitTransaction()),
    abort: () => answered(() => producer.abortTransaction()),
    close: () => producer.close(),
  };
}

function resetOf(fromBeginning: boolean | undefined): 'earliest' | 'latest' | undefined {
  return fromBeginning === undefined ? undefined : fromBeginning ? 'earliest' : 'latest';
}

function openConsumer(ports: Ports, bootstrap: string, settings: ConsumerSettings): ConsumerDriver {
  const text = (_topic: string, data: Buffer): string => data.toString('utf8');
  const consumer = new Consumer<string, string>(
    ports,
    given({
      'bootstrap.servers': bootstrap,
      'group.id': settings.group,
      'enable.auto.commit': settings.group === undefined ? undefined : settings.autoCommit,
      'auto.commit.interval.ms': settings.autoCommitIntervalMs,
      'auto.offset.reset': settings.offsetReset ?? resetOf(settings.fromBeginning),
      'isolation.level':
        settings.committedOnly === undefined
          ? undefined
          : settings.committedOnly
            ? 'read_committed'
            : 'read_uncommitted',
      'max.poll.records': settings.maxPollRecords,
      'request.timeout.ms': settings.requestTimeoutMs,
      'session.timeout.ms': settings.sessionTimeoutMs,
      'heartbeat.interval.ms': settings.heartbeatIntervalMs,
      'max.poll.interval.ms': settings.maxPollIntervalMs,
      'partition.assignment.strategy': settings.assignor,
    }),
    { keyDeserializer: text, valueDeserializer: text },
  );
  const generation = (): number => (settings.group === undefined ? -1 : consumer.groupMetadata().generation);
  if (settings.partitions !== undefined) consumer.assign(settings.partitions);
  else {
    consumer.subscribe(settings.topics ?? [], {
      onPartitionsAssigned: (partitions) => settings.onAssigned?.(partitions, generation()),
      onPartitionsRevoked: (partitions) => settings.onRevoked?.(partitions, generation()),
    });
  }
  return {
    get generation() {
      return generation();
    },
    native: consumer,
    poll: async (maxWaitMs) =>
      (await consumer.poll(maxWaitMs)).map(
        ({ topic, partition, offset, key, value, headers }): PolledRecord => ({
          topic,
          partition,
          offset,
          key,
          value: value ?? '',
          ...(headers.length === 0
            ? {}
            : { headers: Object.fromEntries(headers.map((one) => [one.key, one.value?.toString() ?? ''])) }),
        }),
      ),
    commit: async (offsets: readonly CommitOffset[]): Promise<Answer> => {
      try {
        await consumer.commitSync(offsets);
        return { outcome: 'ok' };
      } catch (error) {
        return refusalOf(error);
      }
    },
    seek: async (at) => consumer.seek(at, at.offset),
    pause: (partitions) => consumer.pause(partitions),
    resume: (partitions) => consumer.resume(partitions),
    close: () => consumer.close(),
  };
}

/** Ways of kafkajs: a handler for each message or each batch, and the library that decides when what is resolved is committed. */
import { Kafka, logLevel } from 'kafkajs';
import type { Way, WaySettings, WayShift } from './ways.ts';
import { queueOf } from './work-queue.ts';

type KafkaJsRun = NonNullable<Parameters<ReturnType<Kafka['consumer']>['run']>[0]>;

const kafkajs =
  (run: (shift: WayShift, settings: WaySettings) => KafkaJsRun): Way =>
  async (settings, shift, whenEnding) => {
    const kafka = new Kafka({ brokers: [settings.bootstrap], logLevel: logLevel.NOTHING });
    const consumer = kafka.consumer({ groupId: settings.group });
    await consumer.connect();
    await consumer.subscribe({ topics: [settings.topic], fromBeginning: true });
    await consumer.run(run(shift, settings));
    await whenEnding;
    await consumer.disconnect();
  };

const eachMessage = (extra: (settings: WaySettings) => KafkaJsRun = () => ({})): Way =>
  kafkajs((shift, settings) => ({
    ...extra(settings),
    eachMessage: async ({ topic, partition, message }) => {
      const record = { topic, partition, offset: Number(message.offset) };
      shift.polled([record]);
      await shift.work(record);
    },
  }));

const eachMessageQueue: Way = (settings, shift, whenEnding) => {
  const queue = queueOf(shift);
  return kafkajs(() => ({
    eachMessage: async ({ topic, partition, message }) => {
      const record = { topic, partition, offset: Number(message.offset) };
      shift.polled([record]);
      queue.push([record]);
    },
  }))(settings, shift, whenEnding);
};

const eachBatch = (resolvesItself: boolean): Way =>
  kafkajs((shift) => ({
    ...(resolvesItself ? { eachBatchAutoResolve: false } : {}),
    eachBatch: async ({ batch, isRunning, isStale, resolveOffset, heartbeat }) => {
      const { topic, partition } = batch;
      shift.polled(batch.messages.map(({ offset }) => ({ topic, partition, offset: Number(offset) })));
      for (const message of batch.messages) {
        if (!isRunning() || isStale()) break;
        await shift.work({ topic, partition, offset: Number(message.offset) });
        if (resolvesItself) resolveOffset(message.offset);
        await heartbeat();
      }
    },
  }));

export const ways: Readonly<Record<string, Way>> = {
  'kafkajs-message': eachMessage(),
  'kafkajs-threshold': eachMessage(() => ({ autoCommitThreshold: 1 })),
  'kafkajs-interval': eachMessage(({ intervalMs }) => ({ autoCommitInterval: intervalMs })),
  'kafkajs-queue': eachMessageQueue,
  'kafkajs-batch': eachBatch(false),
  'kafkajs-resolve': eachBatch(true),
};

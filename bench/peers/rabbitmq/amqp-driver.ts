// RabbitMQ's queues and streams over AMQP 0-9-1 by amqplib. A producer has one connection and a few channels on it; a queue keeps to one channel, so that its order holds.

import type { Channel, ChannelModel, ConfirmChannel, ConsumeMessage } from 'amqplib';
import { connect } from 'amqplib';
import type { ConsumerOptions, PeerConsumer, PeerDriver, PeerProducer, PeerTopic, ProducerOptions } from '../peer.ts';

const channelCountMax = 4;
const prefetchCount = 500;
/** Declarations in flight. */
const declareCount = 50;
/** A node that was started again listens before each of its streams has a leader. */
const notRecovered = /down or inaccessible/;
const recoveryTryCount = 50;
const recoveryPauseMs = 200;
const persistent = { persistent: true, deliveryMode: 2 };

/** What makes a durable queue of one kind, and a consumer that reads it from its beginning. */
export function amqpDriver(
  queueArguments: Readonly<Record<string, string>>,
  consumerArguments: Readonly<Record<string, string>> = {},
): PeerDriver {
  return {
    createTopics: (address, topics) =>
      eachQueue(address, topics, (channel, queue) =>
        channel.assertQueue(queue, { durable: true, arguments: queueArguments }),
      ),
    deleteTopics: (address, topics) => eachQueue(address, topics, (channel, queue) => channel.deleteQueue(queue)),
    openProducer,
    async openConsumer(options) {
      for (let triesLeft = recoveryTryCount; ; triesLeft--)
        try {
          return await openConsumer(options, consumerArguments);
        } catch (error) {
          if (triesLeft === 0 || !notRecovered.test((error as Error).message)) throw error;
          await new Promise((resolve) => setTimeout(resolve, recoveryPauseMs));
        }
    },
  };
}

async function openProducer({ address, topics, acks }: ProducerOptions): Promise<PeerProducer> {
  const { connection, failure } = await open(address);
  const queueCount = topics.reduce((sum, { partitions }) => sum + partitions, 0);
  const channels: ConfirmChannel[] = [];
  for (let i = 0; i < Math.min(channelCountMax, queueCount); i++) {
    // Not confirming is a channel that was never put into confirm mode: its type lacks the callback alone.
    const channel =
      acks === '0' ? ((await connection.createChannel()) as ConfirmChannel) : await connection.createConfirmChannel();
    channel.on('error', (error) => void (failure.error ??= error));
    channels.push(channel);
  }
  const ways = new Map<string, { readonly channel: ConfirmChannel; readonly queue: string }[]>();
  let next = 0;
  for (const { name, partitions } of topics)
    ways.set(
      name,
      Array.from({ length: partitions }, (_, partition) => ({
        channel: channels[next++ % channels.length]!,
        queue: queueName(name, partition),
      })),
    );
  return {
    send(topic, partition, value, settled) {
      const { channel, queue } = ways.get(topic)![partition]!;
      if (failure.error !== null) return settled(failure.error);
      if (acks === '0') {
        channel.sendToQueue(queue, value, persistent);
        return settled(null);
      }
      channel.sendToQueue(queue, value, persistent, (error) =>
        settled(error === null ? null : (failure.error ?? error)),
      );
    },
    async close() {
      for (const channel of channels) await channel.close();
      await connection.close();
    },
  };
}

async function openConsumer(
  { address, assignment, onMessage }: ConsumerOptions,
  consumerArguments: Readonly<Record<string, string>>,
): Promise<PeerConsumer> {
  const { connection, failure } = await open(address);
  const channel = await connection.createChannel();
  channel.on('error', (error) => void (failure.error ??= error));
  await channel.prefetch(prefetchCount);
  let last: ConsumeMessage | null = null;
  let isPending = false;
  const acknowledge = (): void => {
    isPending = false;
    // Everything up to it on this channel. After a failure there is nobody to tell.
    if (last !== null && failure.error === null) channel.ack(last, true);
    last = null;
  };
  const consume = (queue: string) =>
    channel.consume(
      queue,
      (message) => {
        if (message === null) {
          failure.error ??= new Error(`the server ended the consumer of ${queue}`);
          return;
        }
        onMessage(message.content);
        last = message;
        if (!isPending) {
          isPending = true;
          setImmediate(acknowledge);
        }
      },
      { arguments: consumerArguments },
    );
  try {
    await Promise.all(assignment.map(({ topic, partition }) => consume(queueName(topic, partition))));
  } catch (error) {
    // It may be closed already; `error` says why.
    await connection.close().catch(() => {});
    throw error;
  }
  return {
    async close() {
      acknowledge();
      if (failure.error !== null) throw failure.error;
      await channel.close();
      await connection.close();
    },
  };
}

/** `failure`: the first error of the connection or a channel; everything outstanding then fails with it. */
async function open(address: string): Promise<{ connection: ChannelModel; failure: { error: Error | null } }> {
  const connection = await connect(`amqp://guest:guest@${address}`, { noDelay: true });
  const failure: { error: Error | null } = { error: null };
  connection.on('error', (error) => void (failure.error ??= error));
  connection.on('close', (error) => void (failure.error ??= error ?? new Error('the connection is closed')));
  return { connection, failure };
}

async function eachQueue(
  address: string,
  topics: readonly PeerTopic[],
  action: (channel: Channel, queue: string) => Promise<unknown>,
): Promise<void> {
  const { connection, failure } = await open(address);
  try {
    const channel = await connection.createChannel();
    channel.on('error', (error) => void (failure.error ??= error));
    const queues = topics.flatMap(({ name, partitions }) =>
      Array.from({ length: partitions }, (_, partition) => queueName(name, partition)),
    );
    for (let i = 0; i < queues.length; i += declareCount)
      await Promise.all(queues.slice(i, i + declareCount).map((queue) => action(channel, queue)));
  } catch (error) {
    // What is outstanding is rejected first, without the server's reason.
    await new Promise((resolve) => setImmediate(resolve));
    throw failure.error ?? error;
  }
  await connection.close();
}

function queueName(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}

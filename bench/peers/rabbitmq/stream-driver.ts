// RabbitMQ's streams over their own protocol by rabbitmq-stream-js-client, which opens a connection for each stream and direction.

import type { Client, Consumer, Publisher } from 'rabbitmq-stream-js-client';
import { connect, Offset } from 'rabbitmq-stream-js-client';
import { creditsOnChunkReceived } from 'rabbitmq-stream-js-client/dist/consumer_credit_policy.js';
import type { ConsumerOptions, PeerConsumer, PeerDriver, PeerProducer, PeerTopic, ProducerOptions } from '../peer.ts';

/** Well below the server's frames of 1 MiB. */
const batchBytesMax = 512 * 1024;
const batchBytesMin = 64 * 1024;
/** Of one frame: the client limits frames in messages alone, this driver in bytes. */
const chunkCountMax = 4096;
const chunksInFlight = 10;
const storeEveryCount = 10_000;
const consumerName = 'mqlab';

const driver: PeerDriver = {
  async createTopics(address, topics) {
    await withClient(address, async (client) => {
      for (const stream of streamsOf(topics)) await client.createStream({ stream, arguments: {} });
    });
  },
  async deleteTopics(address, topics) {
    await withClient(address, async (client) => {
      for (const stream of streamsOf(topics)) await client.deleteStream({ stream });
    });
  },
  openProducer,
  openConsumer,
};
export default driver;

async function openProducer({ address, topics, acks, batchBytes }: ProducerOptions): Promise<PeerProducer> {
  const { client, failure } = await open(address);
  const flushBytes = Math.min(Math.max(batchBytes, batchBytesMin), batchBytesMax);
  const ways = new Map<string, StreamWay[]>();
  const onLost = (): void => {
    if (isClosing) return;
    failure.error ??= new Error('the connection is closed');
    for (const way of [...ways.values()].flat()) way.fail(failure.error);
  };
  let isClosing = false;
  for (const { name, partitions } of topics) {
    const list: StreamWay[] = [];
    ways.set(name, list);
    for (let partition = 0; partition < partitions; partition++) {
      const stream = streamName(name, partition);
      list.push(
        new StreamWay(
          await client.declarePublisher({
            stream,
            maxChunkLength: chunkCountMax,
            connectionClosedListener: onLost,
          }),
          flushBytes,
        ),
      );
    }
  }
  return {
    send(topic, partition, value, settled) {
      if (failure.error !== null) return settled(failure.error);
      const way = ways.get(topic)![partition]!;
      way.send(value, acks === '0' ? null : settled);
      if (acks === '0') settled(null);
    },
    async close() {
      for (const way of [...ways.values()].flat()) if (failure.error === null) await way.flush();
      isClosing = true;
      if (failure.error === null) await client.close();
    },
  };
}

type Settled = (error: Error | null) => void;

/** A publisher and who waits for its confirms. */
class StreamWay {
  private readonly publisher: Publisher;
  private readonly flushBytes: number;
  private readonly waiting = new Map<bigint, Settled>();
  private publishingId = 0n;
  /** Since the last flush by this driver; the client flushes at the end of a turn by itself. */
  private gatheredBytes = 0;

  constructor(publisher: Publisher, flushBytes: number) {
    this.publisher = publisher;
    this.flushBytes = flushBytes;
    publisher.on('publish_confirm', (code, ids) => {
      const error = code === null ? null : new Error(`the stream refused a message (code ${code})`);
      for (const id of ids) {
        const settled = this.waiting.get(id);
        this.waiting.delete(id);
        settled?.(error);
      }
    });
  }

  send(value: Buffer, settled: Settled | null): void {
    const id = ++this.publishingId;
    if (settled !== null) this.waiting.set(id, settled);
    const fail = (error: Error): void => {
      if (this.waiting.delete(id)) settled?.(error);
    };
    this.publisher.basicSend(id, value).catch(fail);
    this.gatheredBytes += value.length;
    if (this.gatheredBytes < this.flushBytes) return;
    this.gatheredBytes = 0;
    this.publisher.flush().catch(fail);
  }

  async flush(): Promise<void> {
    while (await this.publisher.flush());
  }

  fail(error: Error): void {
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    for (const settled of waiting) settled(error);
  }
}

async function openConsumer({ address, assignment, onMessage }: ConsumerOptions): Promise<PeerConsumer> {
  const { client, failure } = await open(address);
  const ways: { readonly consumer: Consumer; read: number; stored: number }[] = [];
  for (const { topic, partition } of assignment) {
    let way: (typeof ways)[number] | undefined;
    let early = 0;
    const consumer = await client.declareConsumer(
      {
        stream: streamName(topic, partition),
        offset: Offset.first(),
        consumerRef: consumerName,
        creditPolicy: creditsOnChunkReceived(chunksInFlight, 1),
      },
      ({ content }) => {
        onMessage(content);
        if (way === undefined) early++;
        else if (++way.read - way.stored >= storeEveryCount) {
          way.stored = way.read;
          way.consumer.storeOffset().catch((error: Error) => void (failure.error ??= error));
        }
      },
    );
    way = { consumer, read: early, stored: 0 };
    ways.push(way);
  }
  return {
    async close() {
      if (failure.error === null)
        for (const { consumer, read, stored } of ways) if (read > stored) await consumer.storeOffset();
      await client.close();
      if (failure.error !== null) throw failure.error;
    },
  };
}

async function open(address: string): Promise<{ client: Client; failure: { error: Error | null } }> {
  const [hostname, port] = address.split(':') as [string, string];
  const client = await connect({
    hostname,
    port: Number(port),
    username: 'guest',
    password: 'guest',
    vhost: '/',
    heartbeat: 0,
  });
  return { client, failure: { error: null } };
}

async function withClient(address: string, action: (client: Client) => Promise<void>): Promise<void> {
  const { client } = await open(address);
  try {
    await action(client);
  } finally {
    await client.close();
  }
}

function streamsOf(topics: readonly PeerTopic[]): string[] {
  return topics.flatMap(({ name, partitions }) =>
    Array.from({ length: partitions }, (_, partition) => streamName(name, partition)),
  );
}

function streamName(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}

// NATS JetStream by its own client. A topic is a stream, a partition one of its subjects; a consumer is a durable one with that subject as its filter.

import type { ConsumerMessages } from '@nats-io/jetstream';
import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { connect, createInbox } from '@nats-io/transport-node';
import type { ConsumerOptions, PeerConsumer, PeerDriver, PeerProducer, ProducerOptions } from '../peer.ts';
import { SendWindow } from '../send-window.ts';

const ackMsMax = 60_000;
/** Without an answer; what the Go client allows. Newer servers refuse more than 10,000. */
const pendingMax = 4_000;
const messagesInFlight = 1000;
/** Declarations in flight. */
const declareCount = 50;

type Settled = (error: Error | null) => void;
interface Message {
  readonly subject: string;
  readonly value: Buffer;
  readonly settled: Settled;
}

const driver: PeerDriver = {
  async createTopics(address, topics) {
    await withConnection(address, async (connection) => {
      const { streams } = await jetstreamManager(connection, { timeout: ackMsMax });
      for (let i = 0; i < topics.length; i += declareCount)
        await Promise.all(
          topics.slice(i, i + declareCount).map(({ name }) =>
            streams.add({
              name,
              subjects: [`${name}.*`],
              storage: StorageType.File,
              retention: RetentionPolicy.Limits,
              discard: DiscardPolicy.New,
              num_replicas: 1,
            }),
          ),
        );
    });
  },
  async deleteTopics(address, topics) {
    await withConnection(address, async (connection) => {
      const { streams } = await jetstreamManager(connection, { timeout: ackMsMax });
      for (const { name } of topics) await streams.delete(name);
    });
  },
  openProducer,
  openConsumer,
};
export default driver;

/**
 * As the asynchronous publishing of NATS's Go and Java clients: one subscription takes all answers, and the last token of an answer's subject says whose it is. This client's
 * own `publish` makes a request with a timer and several promises of each message, and is what limits then.
 */
async function openProducer({ address, acks }: ProducerOptions): Promise<PeerProducer> {
  const connection = await open(address);
  const inbox = createInbox();
  const unanswered = new Map<number, Settled>();
  let next = 0;
  const publish = (subject: string, value: Buffer, settled: Settled, id: number | null): void => {
    try {
      connection.publish(subject, value, id === null ? undefined : { reply: `${inbox}.${id}` });
      if (id === null) settled(null);
      else unanswered.set(id, settled);
    } catch (error) {
      settled(error as Error);
      if (id !== null) window.done();
    }
  };
  const window = new SendWindow<Message>(pendingMax, ({ subject, value, settled }) =>
    publish(subject, value, settled, ++next),
  );
  const answer = (id: number, error: Error | null): void => {
    const settled = unanswered.get(id);
    if (!unanswered.delete(id)) return;
    settled!(error);
    window.done();
  };
  connection.subscribe(`${inbox}.*`, {
    callback: (error, message) => {
      if (error === null) answer(Number(message.subject.slice(inbox.length + 1)), refusal(message));
    },
  });
  // What waited for its turn meets the closed connection when this lets it go.
  connection.closed().then((reason) => {
    const error = reason || new Error('the connection is closed');
    for (const id of unanswered.keys()) answer(id, error);
  });
  return {
    send(topic, partition, value, settled) {
      const subject = `${topic}.${partition}`;
      if (acks === '0') publish(subject, value, settled, null);
      else window.push({ subject, value, settled });
    },
    close: () => connection.drain(),
  };
}

/** A stream's answer is JSON, with `error` in it or not; nobody's answer has no body and status 503. */
function refusal(answer: Msg): Error | null {
  if (answer.headers?.hasError) return new Error(`no stream took a message: ${answer.headers.status}`);
  const text = answer.string();
  return text.includes('"error"') ? new Error(`the stream refused a message: ${text}`) : null;
}

async function openConsumer({ address, assignment, onMessage }: ConsumerOptions): Promise<PeerConsumer> {
  const connection = await open(address);
  const client = jetstream(connection, { timeout: ackMsMax });
  const { consumers } = await jetstreamManager(connection, { timeout: ackMsMax });
  const running: ConsumerMessages[] = [];
  for (const { topic, partition } of assignment) {
    const durable = `mqlab-${partition}`;
    await consumers.add(topic, {
      durable_name: durable,
      filter_subject: `${topic}.${partition}`,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      max_ack_pending: 2 * messagesInFlight,
    });
    const consumer = await client.consumers.get(topic, durable);
    running.push(
      await consumer.consume({
        max_messages: messagesInFlight,
        callback: (message) => {
          const { data } = message;
          onMessage(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
          message.ack();
        },
      }),
    );
  }
  return {
    async close() {
      if (connection.isClosed()) throw (await connection.closed()) || new Error('the connection is closed');
      for (const messages of running) await messages.close();
      await connection.drain();
    },
  };
}

function open(address: string): Promise<NatsConnection> {
  return connect({ servers: address, reconnect: false });
}

async function withConnection(address: string, action: (connection: NatsConnection) => Promise<void>): Promise<void> {
  const connection = await open(address);
  try {
    await action(connection);
  } finally {
    await connection.drain();
  }
}

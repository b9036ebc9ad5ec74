// ActiveMQ Artemis over AMQP 1.0 by rhea. A partition is an anycast queue with a link of its own; all links of a producer share a session.
import type { Connection, Delivery, EventContext, Sender, Session } from 'rhea';
import rhea from 'rhea';
import type { ConsumerOptions, PeerConsumer, PeerDriver, PeerProducer, PeerTopic, ProducerOptions } from '../peer.ts';
import { Link, type Settled } from './link.ts';

/** Unsettled deliveries of a session; what is beyond waits in the driver. */
const sessionDeliveryCount = 16_384;
const creditCount = 1000;
const closePollMs = 2;
/** Declarations in flight. */
const declareCount = 50;

const driver: PeerDriver = {
  async createTopics(address, topics) {
    await manage(
      address,
      'createQueue',
      queuesOf(topics).map((name) => [
        JSON.stringify({ name, address: name, 'routing-type': 'ANYCAST', durable: true }),
      ]),
    );
  },
  async deleteTopics(address, topics) {
    await manage(
      address,
      'deleteAddress',
      queuesOf(topics).map((name) => [name, true]),
    );
  },
  openProducer,
  openConsumer,
};
export default driver;

async function openProducer({ address, topics, acks }: ProducerOptions): Promise<PeerProducer> {
  const { connection, session, failure } = await open(address);
  const settling = new Map<Delivery, Settled>();
  const links = new Map<string, Link[]>();
  for (const { name, partitions } of topics) {
    const opening = Array.from({ length: partitions }, async (_, partition) => {
      const sender = await openSender(session, queueName(name, partition), acks === '0');
      return new Link(sender, acks === '0' ? null : settling);
    });
    links.set(name, await Promise.all(opening));
  }
  const settle = (delivery: Delivery, error: Error | null): void => {
    const settled = settling.get(delivery);
    if (settling.delete(delivery)) settled!(error);
  };
  const refuse = (how: string) => (context: EventContext) =>
    settle(context.delivery!, new Error(`the server ${how} a message`));
  const all = [...links.values()].flat();
  for (const { sender } of all) {
    sender.on('accepted', (context: EventContext) => settle(context.delivery!, null));
    sender.on('rejected', refuse('rejected'));
    sender.on('released', refuse('released'));
  }
  // Room comes with credit for a link and with settling for the session, many times in one turn.
  const blocked = new Set<Link>();
  let isDraining = false;
  const drain = (): void => {
    isDraining = false;
    for (const link of blocked) if (link.drain()) blocked.delete(link);
    // What is sent settled leaves the session with the end of a turn, and no event tells.
    if (acks === '0') drainSoon();
  };
  const drainSoon = (): void => {
    if (isDraining || blocked.size === 0) return;
    isDraining = true;
    setImmediate(drain);
  };
  connection.on('sendable', drainSoon);
  connection.on('settled', drainSoon);
  failure.listener = (error) => {
    const lost = [...settling.values()];
    settling.clear();
    for (const settled of lost) settled(error);
    for (const link of all) link.fail(error);
    blocked.clear();
  };
  return {
    send(topic, partition, value, settled) {
      if (failure.error !== null) return settled(failure.error);
      const link = links.get(topic)![partition]!;
      if (link.send(value, settled)) return;
      blocked.add(link);
      if (acks === '0') drainSoon();
    },
    async close() {
      while (acks === '0' && failure.error === null && !all.every(({ hasLeft }) => hasLeft))
        await new Promise((resolve) => setTimeout(resolve, closePollMs));
      await closeConnection(connection, failure);
    },
  };
}

async function openConsumer({ address, assignment, onMessage }: ConsumerOptions): Promise<PeerConsumer> {
  const { connection, session, failure } = await open(address);
  for (const { topic, partition } of assignment) {
    const receiver = session.open_receiver({
      source: { address: queueName(topic, partition), capabilities: ['queue'] },
      credit_window: creditCount,
      autoaccept: true,
    });
    receiver.on('message', ({ message }: EventContext) => onMessage((message!.body as { content: Buffer }).content));
    await opened(receiver, 'receiver');
  }
  return {
    async close() {
      const { error } = failure;
      await closeConnection(connection, failure);
      if (error !== null) throw error;
    },
  };
}

interface Failure {
  error: Error | null;
  listener: (error: Error) => void;
}

/** `failure`: the first error of the connection, its session or a link. */
async function open(address: string): Promise<{ connection: Connection; session: Session; failure: Failure }> {
  const [host, port] = address.split(':') as [string, string];
  const failure: Failure = { error: null, listener: () => {} };
  const connection = rhea.create_container().connect({
    host,
    port: Number(port),
    reconnect: false,
    session_buffer_size: { incoming: 2 * creditCount + 48, outgoing: sessionDeliveryCount },
  });
  await new Promise<void>((resolve, reject) => {
    const fail = (why: string) => (context: EventContext) => {
      const error = new Error(`${why}: ${context.error ?? context.connection?.error ?? 'no reason given'}`);
      failure.error ??= error;
      failure.listener(failure.error);
      reject(error);
    };
    connection.once('connection_open', () => resolve());
    connection.on('disconnected', fail('the connection is lost'));
    connection.on('connection_error', fail('the server ended the connection'));
    connection.on('session_error', fail('the server ended the session'));
    connection.on('sender_error', fail('the server ended a sending link'));
    connection.on('receiver_error', fail('the server ended a receiving link'));
    connection.on('error', (error: Error) => reject(error));
  });
  const session = connection.create_session();
  session.begin();
  return { connection, session, failure };
}

async function closeConnection(connection: Connection, failure: Failure): Promise<void> {
  if (failure.error !== null) return;
  const closed = new Promise<void>((resolve) => {
    connection.once('connection_close', () => resolve());
    connection.once('disconnected', () => resolve());
  });
  connection.close();
  await closed;
}

async function openSender(session: Session, address: string, isSettledAtOnce: boolean): Promise<Sender> {
  const sender = session.open_sender({
    target: { address, capabilities: ['queue'] },
    snd_settle_mode: isSettledAtOnce ? 1 : 0,
  });
  await opened(sender, 'sender');
  return sender;
}

function opened(link: NodeJS.EventEmitter, kind: 'sender' | 'receiver'): Promise<void> {
  return new Promise((resolve, reject) => {
    link.once(`${kind}_open`, () => resolve());
    link.once(`${kind}_error`, (context: EventContext) => reject(new Error(`${context[kind]?.error}`)));
  });
}

/** Calls an operation of the broker's management address, once for each list of arguments. */
async function manage(address: string, operation: string, calls: readonly (readonly unknown[])[]): Promise<void> {
  const { connection, session, failure } = await open(address);
  try {
    const receiver = session.open_receiver({ source: { dynamic: true } });
    const sender = session.open_sender('activemq.management');
    await Promise.all([opened(receiver, 'receiver'), opened(sender, 'sender')]);
    for (let i = 0; i < calls.length; i += declareCount) {
      const some = calls.slice(i, i + declareCount);
      await new Promise<void>((resolve, reject) => {
        failure.listener = reject;
        let left = some.length;
        receiver.removeAllListeners('message');
        receiver.on('message', ({ message }: EventContext) => {
          if (message!.application_properties?._AMQ_OperationSucceeded !== true)
            reject(new Error(`${operation}: ${JSON.stringify(message!.body)}`));
          if (--left === 0) resolve();
        });
        for (const call of some)
          sender.send({
            reply_to: receiver.source.address,
            application_properties: { _AMQ_ResourceName: 'broker', _AMQ_OperationName: operation },
            body: JSON.stringify(call),
          });
      });
    }
  } finally {
    await closeConnection(connection, failure);
  }
}

function queuesOf(topics: readonly PeerTopic[]): string[] {
  return topics.flatMap(({ name, partitions }) =>
    Array.from({ length: partitions }, (_, partition) => queueName(name, partition)),
  );
}

function queueName(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}

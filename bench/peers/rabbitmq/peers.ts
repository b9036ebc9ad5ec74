// RabbitMQ three times: its queue kinds differ more from each other than from other systems.
import type { Peer } from '../peer.ts';
import { findRabbitmq, startRabbitmq } from './server.ts';

const confirms =
  'publisher confirms for acks 1 and all; a partition is a queue of its own, to which the producer publishes by its name';
const consumers = 'consumers: 500 messages in flight, acknowledged in groups once a turn of the event loop';
const oneNode = 'one node: acks 1 and all are the same';

const classic: Peer = {
  name: 'rabbitmq-classic',
  title: 'RabbitMQ, classic queues',
  driver: new URL('classic-driver.ts', import.meta.url),
  speaksKafka: false,
  settings: [
    'durable classic queues, persistent messages',
    confirms,
    'a message is confirmed after it was written and synced by the queue, many at a time; there is no switch: the same with and without flush before ack',
    consumers,
    oneNode,
  ],
  find: async () => findRabbitmq(),
  start: ({ dataDir }) => startAmqp(dataDir),
};

const quorum: Peer = {
  name: 'rabbitmq-quorum',
  title: 'RabbitMQ, quorum queues',
  driver: new URL('quorum-driver.ts', import.meta.url),
  speaksKafka: false,
  settings: [
    'quorum queues (one member), persistent messages',
    confirms,
    'the write-ahead log is synced before a confirm (fdatasync, many messages at a time): the same with and without flush before ack',
    consumers,
    oneNode,
  ],
  find: async () => findRabbitmq(),
  start: ({ dataDir }) => startAmqp(dataDir),
};

const stream: Peer = {
  name: 'rabbitmq-stream',
  title: 'RabbitMQ, streams',
  driver: new URL('stream-driver.ts', import.meta.url),
  speaksKafka: false,
  settings: [
    'a stream for each partition, over the stream protocol',
    'publisher confirms for acks 1 and all; the client gathers up to 100 messages, or batchBytes of them, in a frame',
    'RabbitMQ never syncs a stream: flush before ack is not to be had, and is the same as without',
    'consumers: 10 chunks in flight; the offset is stored on the server every 10,000 messages and at the end',
    oneNode,
  ],
  find: async () => findRabbitmq(),
  start: async ({ dataDir }) => {
    const { streamPort, amqpPort: _, ...node } = await startRabbitmq(dataDir, true);
    return { ...node, address: `127.0.0.1:${streamPort}` };
  },
};

export const rabbitmqPeers: readonly Peer[] = [classic, quorum, stream];

async function startAmqp(dataDir: string) {
  const { amqpPort, streamPort: _, ...node } = await startRabbitmq(dataDir, false);
  return { ...node, address: `127.0.0.1:${amqpPort}` };
}

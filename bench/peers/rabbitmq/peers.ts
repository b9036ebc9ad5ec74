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
  start: ({ dataDir }) => startRabbitmq(dataDir),
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
    'version 3.10 killed right after a queue was declared does not find the queue again, nor what was confirmed in it',
    consumers,
    oneNode,
  ],
  find: async () => findRabbitmq(),
  start: ({ dataDir }) => startRabbitmq(dataDir),
};

const stream: Peer = {
  name: 'rabbitmq-stream',
  title: 'RabbitMQ, streams',
  driver: new URL('stream-driver.ts', import.meta.url),
  speaksKafka: false,
  settings: [
    'streams, over AMQP 0-9-1 (the stream protocol client for Node needs RabbitMQ 3.11)',
    confirms,
    'RabbitMQ never syncs a stream: flush before ack is not to be had, and is the same as without',
    `${consumers}; no offset is stored: over AMQP that is left to the application`,
    oneNode,
  ],
  find: async () => findRabbitmq(),
  start: ({ dataDir }) => startRabbitmq(dataDir),
};

export const rabbitmqPeers: readonly Peer[] = [classic, quorum, stream];

import type { Peer } from '../peer.ts';
import { findArtemis, startArtemis } from './server.ts';

export const artemis: Peer = {
  name: 'artemis',
  title: 'ActiveMQ Artemis',
  driver: new URL('driver.ts', import.meta.url),
  speaksKafka: false,
  settings: [
    'durable anycast queues, durable messages; a partition is a queue of its own',
    'over AMQP 1.0; a message is settled once it is in the journal (acks 1 and all), or sent settled (acks 0)',
    'journal NIO, buffer written at least every 0.2 ms (3.3 ms by default); synced before the settlement with flush before ack, not at all without (its default is to sync)',
    'Java heap 1 GiB; paging as by default',
    'consumers: 1,000 credits a link, each message accepted; neighbours in one disposition',
    'one node: acks 1 and all are the same',
  ],
  find: async () => findArtemis(),
  start: startArtemis,
};

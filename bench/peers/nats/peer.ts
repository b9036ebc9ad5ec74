import type { Peer } from '../peer.ts';
import { findNats, startNats } from './server.ts';

export const nats: Peer = {
  name: 'nats',
  title: 'NATS JetStream',
  driver: new URL('driver.ts', import.meta.url),
  speaksKafka: false,
  settings: [
    'file storage, one replica; a topic is a stream, a partition one of its subjects; acks 1 and all are the same, acks 0 publishes without asking for an answer',
    'acknowledged from the page cache, synced in the background; with flush before ack sync_interval is always, from version 2.10 on: an older server cannot be told and then does not flush before it acknowledges',
    'each message is sent and confirmed alone, many in flight; batchBytes and lingerMs say nothing',
    'consumers: durable, 1,000 messages in flight, each acknowledged',
  ],
  find: async () => findNats(),
  start: startNats,
};

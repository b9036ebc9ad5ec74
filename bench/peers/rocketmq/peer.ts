import type { Peer } from '../peer.ts';
import { findRocketmq, startRocketmq } from './server.ts';

export const rocketmq: Peer = {
  name: 'rocketmq',
  title: 'RocketMQ',
  driver: new URL('driver.ts', import.meta.url),
  speaksKafka: false,
  settings: [
    'one master broker and a name server; a partition is a queue of the topic; acks 1 and all are the same, acks 0 is sent one way',
    'ASYNC_FLUSH (its default: acknowledged from the page cache), SYNC_FLUSH with flush before ack (its group commit)',
    "its remoting protocol, as its Java client speaks it; messages of one queue are gathered up to batchBytes for lingerMs, as that client's autoBatch does",
    'several requests of a producer are on the way: its broker stores those of one queue in any order, as with asynchronous sends of that client',
    'consumers pull up to 32 messages a time (its default) and commit their offset with the next pull',
    'Java heap 1 GiB for the broker, 256 MiB for the name server',
    'waitTimeMillsInSendQueue 10,000 instead of 200 and sendThreadPoolQueueCapacity 100,000 instead of 10,000: a send that waits is neither refused nor, with acks 0, dropped',
  ],
  find: async () => findRocketmq(),
  start: startRocketmq,
};

/** Every peer there is, in the order of reports, and how those that come as jars are installed. */
import { artemis } from './artemis/peer.ts';
import { kafka } from './kafka/kafka.ts';
import { mqlab } from './mqlab/mqlab.ts';
import type { Peer } from './peer.ts';
import { rabbitmqPeers } from './rabbitmq/peers.ts';
import { rocketmq } from './rocketmq/peer.ts';

export const PEERS: readonly Peer[] = [mqlab, kafka, ...rabbitmqPeers, rocketmq, artemis];

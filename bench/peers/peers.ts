// Every peer there is, in the order of reports.
import { artemis } from './artemis/peer.ts';
import { nats } from './nats/peer.ts';
import type { Peer } from './peer.ts';
import { rabbitmqPeers } from './rabbitmq/peers.ts';
import { rocketmq } from './rocketmq/peer.ts';

export const peers: readonly Peer[] = [...rabbitmqPeers, rocketmq, artemis, nats];

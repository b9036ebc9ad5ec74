// Every peer there is, in the order of reports.
import type { Peer } from './peer.ts';
import { rabbitmqPeers } from './rabbitmq/peers.ts';

export const peers: readonly Peer[] = [...rabbitmqPeers];

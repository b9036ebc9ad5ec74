/** Every peer there is, in the order of reports, and what can be installed for them. */
import { artemis } from './artemis/peer.ts';
import { installKafka } from './kafka/classpath.ts';
import { kafka } from './kafka/kafka.ts';
import { installJars } from './maven.ts';
import { mqlab } from './mqlab/mqlab.ts';
import { nats } from './nats/peer.ts';
import type { Peer } from './peer.ts';
import { rabbitmqPeers } from './rabbitmq/peers.ts';
import { rocketmq } from './rocketmq/peer.ts';

export const PEERS: readonly Peer[] = [mqlab, kafka, ...rabbitmqPeers, rocketmq, artemis, nats];

/** `mqlab bench install NAME`: prints what it does, throws with the reason when it cannot. */
export const INSTALLS: Readonly<Record<string, (print: (line: string) => void) => Promise<void>>> = {
  kafka: async (print) => installKafka(print),
  rocketmq: (print) => installJars(new URL('rocketmq/pom.xml', import.meta.url), print),
  artemis: (print) => installJars(new URL('artemis/pom.xml', import.meta.url), print),
};

/** Every peer there is, in the order of reports, and what can be installed for them. */
import { installKafka } from './kafka/classpath.ts';
import { kafka } from './kafka/kafka.ts';
import { mqlab } from './mqlab/mqlab.ts';
import type { Peer } from './peer.ts';

export const peers: readonly Peer[] = [mqlab, kafka];

/** `mqlab bench install NAME`: prints what it does, throws with the reason when it cannot. */
export const installs: Readonly<Record<string, (print: (line: string) => void) => Promise<void>>> = {
  kafka: async (print) => installKafka(print),
};

/** The ways to send that this lab compares: which code, which client settings, which topic. */
import type { ClientName, ProducerSettings } from '../kit/drivers/driver.ts';
import type { Hands } from './app/hands.ts';
import { relayFromLog } from './app/read-back.ts';
import { impatientRelay, relay } from './app/relay.ts';
import { blindTransactions, relayWithPosition } from './app/transactions.ts';

export interface Way {
  readonly main: (hands: Hands) => Promise<void>;
  readonly isTransactional: boolean;
  /** Of the producer; what is not named is the client's default. */
  readonly settings: (client: ClientName) => ProducerSettings;
  readonly partitions: number;
  /** The application names partition 0; otherwise the record has no key and the client chooses. */
  readonly namesPartition: boolean;
}

/** What each client does when it is told nothing; the own client as Kafka's Java client was before 3.0. */
export function withoutIdempotence(client: ClientName): ProducerSettings {
  return client === 'mqlab' ? { acks: 1, idempotence: false, lingerMs: 0 } : {};
}

function idempotent(client: ClientName): ProducerSettings {
  // The own client is idempotent by itself, as Kafka's is since 3.0.
  return client === 'mqlab' ? { lingerMs: 0 } : { idempotence: true };
}

/** Acknowledged by all in-sync replicas, and still not idempotent: what C31 asks for. */
function allWithoutIdempotence(client: ClientName): ProducerSettings {
  return client === 'mqlab' ? { acks: -1, idempotence: false, lingerMs: 0 } : { acks: -1, idempotence: false };
}

/** The client itself gives up early. */
function quickToGiveUp(client: ClientName): ProducerSettings {
  return { ...idempotent(client), requestTimeoutMs: GIVE_UP_MS, deliveryTimeoutMs: GIVE_UP_MS };
}
/** Less than the client's pause before it tries again. */
export const GIVE_UP_MS = 30;

const ONE = { partitions: 1, namesPartition: true, isTransactional: false, main: relay } as const;

export const WAYS = {
  plain: { ...ONE, settings: withoutIdempotence },
  'plain-acks-all': { ...ONE, settings: allWithoutIdempotence },
  idempotent: { ...ONE, settings: idempotent },
  elsewhere: { ...ONE, settings: idempotent, partitions: 4, namesPartition: false },
  chosen: { ...ONE, settings: idempotent, partitions: 4 },
  impatient: { ...ONE, settings: idempotent, main: impatientRelay },
  'gives-up': { ...ONE, settings: quickToGiveUp, main: impatientRelay },
  blind: { ...ONE, settings: idempotent, main: blindTransactions, isTransactional: true },
  'read-back': { ...ONE, settings: idempotent, main: relayFromLog },
  position: { ...ONE, settings: idempotent, main: relayWithPosition, isTransactional: true },
} as const satisfies Readonly<Record<string, Way>>;

export type WayName = keyof typeof WAYS;

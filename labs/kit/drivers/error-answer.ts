/**
 * What a client's error says of the request: it certainly did not happen (`fail`), or nobody knows (`info`).
 *
 * Invariant: in doubt it is `info`. Only an answer of the broker that refuses the request, and after which the client did not try again, is a `fail`.
 */

/** Kafka's errors after which the request may have been carried out. */
const UNKNOWN_OUTCOMES: ReadonlySet<string> = new Set([
  'REQUEST_TIMED_OUT',
  'NETWORK_EXCEPTION',
  'NOT_LEADER_OR_FOLLOWER',
  'NOT_LEADER_FOR_PARTITION',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'UNKNOWN_SERVER_ERROR',
  'UNKNOWN',
  'KAFKA_STORAGE_ERROR',
  'COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR',
]);

export interface Refusal {
  readonly outcome: 'fail' | 'info';
  readonly error: string;
}

/** `brokerError` is Kafka's name for what the broker answered, or null when there was no answer. `attempts` above 1 leave doubt. */
export function refusal(brokerError: string | null, otherwise: string, wasRetried: boolean): Refusal {
  if (brokerError === null) return { outcome: 'info', error: otherwise };
  const isCertain = !wasRetried && !UNKNOWN_OUTCOMES.has(brokerError);
  return { outcome: isCertain ? 'fail' : 'info', error: brokerError };
}

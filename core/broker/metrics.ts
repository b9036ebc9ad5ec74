import type { RequestTally } from './request-tally.ts';

/** What the broker counts, beside the network's own bytes (`NetworkMetrics`). Counters only rise. */
export interface BrokerMetrics {
  connectionsAccepted: number;
  connectionsClosed: number;
  /** By API name. */
  readonly requests: Map<string, number>;
  /** Who asked what; null unless somebody wants to know. */
  tally: RequestTally | null;
  /** Frames that were no request: garbage, unknown keys or versions, wrong sizes. */
  requestsRefused: number;
  bytesProduced: number;
  batchesProduced: number;
  bytesFetched: number;
}

export function newBrokerMetrics(): BrokerMetrics {
  return {
    connectionsAccepted: 0,
    connectionsClosed: 0,
    requests: new Map(),
    tally: null,
    requestsRefused: 0,
    bytesProduced: 0,
    batchesProduced: 0,
    bytesFetched: 0,
  };
}

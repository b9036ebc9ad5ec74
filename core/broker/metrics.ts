/** What the broker counts, beside the network's own bytes (`NetworkMetrics`). Counters only rise. */
export interface BrokerMetrics {
  connectionsAccepted: number;
  connectionsClosed: number;
  /** By API name. */
  readonly requests: Map<string, number>;
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
    requestsRefused: 0,
    bytesProduced: 0,
    batchesProduced: 0,
    bytesFetched: 0,
  };
}

/** Counts since the producer began. */
export interface SenderMetrics {
  requestsSent: number;
  batchesSent: number;
  batchesRetried: number;
  batchesSplit: number;
  recordsAcknowledged: number;
  recordsFailed: number;
  bytesSent: number;
  epochsRaised: number;
}

export function noMetrics(): SenderMetrics {
  return {
    requestsSent: 0,
    batchesSent: 0,
    batchesRetried: 0,
    batchesSplit: 0,
    recordsAcknowledged: 0,
    recordsFailed: 0,
    bytesSent: 0,
    epochsRaised: 0,
  };
}

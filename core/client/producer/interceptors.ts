import type { ClientError } from '../client-error.ts';
import type { DeliveryCallback, ProducerRecord, RecordMetadata } from './record.ts';

/**
 * Sees every record before it is serialized, and every outcome before the application does (KIP-42). May return another record.
 *
 * Invariant: an interceptor that throws changes nothing: the record goes on as it was before it, and the others are still called.
 */
export interface ProducerInterceptor {
  onSend?(record: ProducerRecord): ProducerRecord;
  onAcknowledgement?(metadata: RecordMetadata | null, error: ClientError | null): void;
}

export function interceptSend(interceptors: readonly ProducerInterceptor[], record: ProducerRecord): ProducerRecord {
  let current = record;
  for (const interceptor of interceptors) {
    try {
      current = interceptor.onSend?.(current) ?? current;
    } catch {
      // By contract an interceptor's failure is its own.
    }
  }
  return current;
}

/** The callback that tells the interceptors first. */
export function interceptDelivery(
  interceptors: readonly ProducerInterceptor[],
  callback: DeliveryCallback | undefined,
): DeliveryCallback {
  return (error, metadata) => {
    for (const interceptor of interceptors) {
      try {
        interceptor.onAcknowledgement?.(metadata, error);
      } catch {
        // See above.
      }
    }
    callback?.(error, metadata);
  };
}

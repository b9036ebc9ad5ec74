import type { ProducerConfig } from '../client-config.ts';
import { ClientError } from '../client-error.ts';
import type { ProducerRecord } from './record.ts';

/** Records that no broker could take, and what their senders are told. */
export function checkFields({ topic, partition, timestamp }: ProducerRecord): void {
  if (typeof topic !== 'string' || topic === '') throw new ClientError('INVALID_RECORD', 'a record without a topic');
  if (partition !== undefined && !(Number.isInteger(partition) && partition >= 0)) {
    throw new ClientError('INVALID_RECORD', `partition ${partition}; allowed: an integer from 0`);
  }
  if (timestamp !== undefined && !(Number.isSafeInteger(timestamp) && timestamp >= 0)) {
    throw new ClientError('INVALID_RECORD', `timestamp ${timestamp}; allowed: milliseconds since the epoch, from 0`);
  }
}

export function tooLarge(bytes: number, config: ProducerConfig): ClientError {
  const setting = bytes > config['max.request.size'] ? 'max.request.size' : 'buffer.memory';
  return new ClientError('RECORD_TOO_LARGE', `a record of ${bytes} bytes; ${setting} allows ${config[setting]}`);
}

/** What a serializer or a partitioner threw. */
export function asSendError(error: unknown): ClientError {
  if (error instanceof ClientError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new ClientError('SERIALIZATION', message, { cause: error });
}

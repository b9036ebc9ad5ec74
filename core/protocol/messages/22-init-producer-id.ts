import { api, int16, int32, int64, string } from '../schema.ts';

/**
 * InitProducerId: a producer id and epoch for an idempotent producer; for a transactional one also the fence against its forerunners (KIP-98).
 * v3 takes the current id and epoch, to raise the epoch (KIP-360); v4 may answer PRODUCER_FENCED (KIP-588);
 * v5 TRANSACTION_ABORTABLE (KIP-890).
 */
export const InitProducerId = api(
  22,
  'InitProducerId',
  { versions: '0-5', flexible: '2+' },
  {
    transactionalId: string('0+', { nullable: '0+' }),
    transactionTimeoutMs: int32(),
    producerId: int64('3+', { default: -1 }),
    producerEpoch: int16('3+', { default: -1 }),
  },
  {
    throttleTimeMs: int32('0+'),
    errorCode: int16(),
    producerId: int64('0+', { default: -1 }),
    producerEpoch: int16(),
  },
);

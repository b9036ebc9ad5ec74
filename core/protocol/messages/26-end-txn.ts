import { api, bool, int16, int32, int64, string } from '../schema.ts';

/**
 * EndTxn: commits or aborts a transaction (KIP-98).
 * v2 may answer PRODUCER_FENCED (KIP-588); v4 TRANSACTION_ABORTABLE; v5 answers the producer's next id and epoch (KIP-890).
 */
export const EndTxn = api(
  26,
  'EndTxn',
  { versions: '0-5', flexible: '3+' },
  {
    transactionalId: string(),
    producerId: int64(),
    producerEpoch: int16(),
    committed: bool(),
  },
  {
    throttleTimeMs: int32('0+'),
    errorCode: int16(),
    producerId: int64('5+', { default: -1 }),
    producerEpoch: int16('5+', { default: -1 }),
  },
);

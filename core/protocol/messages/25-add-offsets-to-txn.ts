import { api, int16, int32, int64, string } from '../schema.ts';

/**
 * AddOffsetsToTxn: enters a group's offsets partition into a transaction (KIP-98).
 * v2 may answer PRODUCER_FENCED (KIP-588); v4 TRANSACTION_ABORTABLE (KIP-890).
 */
export const AddOffsetsToTxn = api(
  25,
  'AddOffsetsToTxn',
  { versions: '0-4', flexible: '3+' },
  {
    transactionalId: string(),
    producerId: int64(),
    producerEpoch: int16(),
    groupId: string(),
  },
  {
    throttleTimeMs: int32('0+'),
    errorCode: int16(),
  },
);

import { api, array, int16, int32, int64, string } from '../schema.ts';

/**
 * ListTransactions: the transactional ids that this broker coordinates (KIP-664).
 * v1 adds the filter by duration (KIP-994); v2 the one by pattern (KIP-1152).
 */
export const ListTransactions = api(
  66,
  'ListTransactions',
  { versions: '0-2', flexible: '0+' },
  {
    stateFilters: array(string()),
    producerIdFilters: array(int64()),
    durationFilter: int64('1+', { default: -1 }),
    transactionalIdPattern: string('2+', { nullable: '2+', default: null }),
  },
  {
    throttleTimeMs: int32('0+'),
    errorCode: int16(),
    unknownStateFilters: array(string()),
    transactionStates: array({
      transactionalId: string(),
      producerId: int64(),
      transactionState: string(),
    }),
  },
);

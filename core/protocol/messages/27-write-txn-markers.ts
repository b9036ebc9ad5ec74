import { api, array, bool, int8, int16, int32, int64, string } from '../schema.ts';

/**
 * WriteTxnMarkers: from the transaction coordinator to leaders: write commit or abort markers (KIP-98).
 * v2 adds the transaction version that the marker belongs to (KIP-1228).
 */
export const WriteTxnMarkers = api(
  27,
  'WriteTxnMarkers',
  { versions: '1-2', flexible: '1+' },
  {
    markers: array({
      producerId: int64(),
      producerEpoch: int16(),
      transactionResult: bool(),
      topics: array({
        name: string(),
        partitionIndexes: array(int32()),
      }),
      coordinatorEpoch: int32(),
      transactionVersion: int8('2+'),
    }),
  },
  {
    markers: array({
      producerId: int64(),
      topics: array({
        name: string(),
        partitions: array({
          partitionIndex: int32(),
          errorCode: int16(),
        }),
      }),
    }),
  },
);

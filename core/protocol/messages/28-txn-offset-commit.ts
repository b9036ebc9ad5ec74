import { api, array, int16, int32, int64, string } from '../schema.ts';

/**
 * TxnOffsetCommit: stores a group's positions as part of a transaction (KIP-98).
 * v2 adds leader epochs (KIP-320); v3 the member, so that zombies are fenced (KIP-447); v4 may answer TRANSACTION_ABORTABLE;
 * v5 enters the offsets partition into the transaction by itself (KIP-890).
 */
export const TxnOffsetCommit = api(
  28,
  'TxnOffsetCommit',
  { versions: '0-5', flexible: '3+' },
  {
    transactionalId: string(),
    groupId: string(),
    producerId: int64(),
    producerEpoch: int16(),
    generationId: int32('3+', { default: -1 }),
    memberId: string('3+'),
    groupInstanceId: string('3+', { nullable: '3+', default: null }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        committedOffset: int64(),
        committedLeaderEpoch: int32('2+', { default: -1 }),
        committedMetadata: string('0+', { nullable: '0+' }),
      }),
    }),
  },
  {
    throttleTimeMs: int32('0+'),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
      }),
    }),
  },
);

import { api, array, int16, int32, int64, string } from '../schema.ts';

/**
 * OffsetForLeaderEpoch: where a leader epoch ended, for truncation by followers and consumers (KIP-101, KIP-279).
 * v2 adds the epoch that the asker believes in (KIP-320); v3 the replica's id, −2 for a consumer's debugging one (KIP-392).
 */
export const OffsetForLeaderEpoch = api(
  23,
  'OffsetForLeaderEpoch',
  { versions: '2-4', flexible: '4+' },
  {
    replicaId: int32('3+', { default: -2 }),
    topics: array({
      topic: string(),
      partitions: array({
        partition: int32(),
        currentLeaderEpoch: int32('2+', { default: -1 }),
        leaderEpoch: int32(),
      }),
    }),
  },
  {
    throttleTimeMs: int32('2+'),
    topics: array({
      topic: string(),
      partitions: array({
        errorCode: int16(),
        partition: int32(),
        leaderEpoch: int32('1+', { default: -1 }),
        endOffset: int64('0+', { default: -1 }),
      }),
    }),
  },
);

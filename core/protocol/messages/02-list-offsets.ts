import { api, array, int8, int16, int32, int64, string } from '../schema.ts';

/**
 * ListOffsets: the first offset at or after a time, or one of the special times: −1 latest, −2 earliest, −3 largest timestamp (v7, KIP-734),
 * −4 earliest local (v8, KIP-405), −5 latest tiered (v9, KIP-1005), −6 earliest not yet uploaded (v11, KIP-1023).
 * v2 adds the isolation level; v4 leader epochs (KIP-320); v10 a timeout for tiered lookups (KIP-1075).
 */
export const ListOffsets = api(
  2,
  'ListOffsets',
  { versions: '1-11', flexible: '6+' },
  {
    replicaId: int32(),
    isolationLevel: int8('2+'),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        currentLeaderEpoch: int32('4+', { default: -1 }),
        timestamp: int64(),
      }),
    }),
    timeoutMs: int32('10+'),
  },
  {
    throttleTimeMs: int32('2+'),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        timestamp: int64('1+', { default: -1 }),
        offset: int64('1+', { default: -1 }),
        leaderEpoch: int32('4+', { default: -1 }),
      }),
    }),
  },
);

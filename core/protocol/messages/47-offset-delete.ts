import { api, array, int16, int32, string } from '../schema.ts';

/** OffsetDelete: forgets a group's positions for topics that it no longer reads (KIP-496). Has no flexible version. */
export const OffsetDelete = api(
  47,
  'OffsetDelete',
  { versions: '0', flexible: 'none' },
  {
    groupId: string(),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
      }),
    }),
  },
  {
    errorCode: int16(),
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

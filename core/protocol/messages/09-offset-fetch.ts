import { api, array, bool, int16, int32, int64, string, uuid } from '../schema.ts';

/**
 * OffsetFetch: a group's stored positions. Null topics mean all (v2).
 * v3 adds the throttle time; v5 leader epochs (KIP-320); v7 requireStable (KIP-447); v8 many groups in one request (KIP-709);
 * v9 member id and epoch (KIP-848); v10 topic ids in place of names. Up to v7 the fields of one group stand at the top.
 */
export const OffsetFetch = api(
  9,
  'OffsetFetch',
  { versions: '1-10', flexible: '6+' },
  {
    groupId: string('0-7'),
    topics: array(
      {
        name: string(),
        partitionIndexes: array(int32()),
      },
      '0-7',
      { nullable: '2-7' },
    ),
    groups: array(
      {
        groupId: string(),
        memberId: string('9+', { nullable: '9+', default: null }),
        memberEpoch: int32('9+', { default: -1 }),
        topics: array(
          {
            name: string('8-9'),
            topicId: uuid('10+'),
            partitionIndexes: array(int32()),
          },
          '8+',
          { nullable: '8+' },
        ),
      },
      '8+',
    ),
    requireStable: bool('7+'),
  },
  {
    throttleTimeMs: int32('3+'),
    topics: array(
      {
        name: string(),
        partitions: array({
          partitionIndex: int32(),
          committedOffset: int64(),
          committedLeaderEpoch: int32('5-7', { default: -1 }),
          metadata: string('0-7', { nullable: '0-7' }),
          errorCode: int16(),
        }),
      },
      '0-7',
    ),
    errorCode: int16('2-7'),
    groups: array(
      {
        groupId: string(),
        topics: array({
          name: string('8-9'),
          topicId: uuid('10+'),
          partitions: array({
            partitionIndex: int32(),
            committedOffset: int64(),
            committedLeaderEpoch: int32('8+', { default: -1 }),
            metadata: string('8+', { nullable: '8+' }),
            errorCode: int16(),
          }),
        }),
        errorCode: int16('8+'),
      },
      '8+',
    ),
  },
);

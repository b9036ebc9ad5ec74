import { api, array, int16, int32, int64, string, uuid } from '../schema.ts';

/**
 * OffsetCommit: stores a group's positions.
 * v2 to v4 carry a retention time, which is ignored; v6 adds the leader epoch (KIP-320); v7 group.instance.id (KIP-345);
 * v9 accepts the member epoch of KIP-848 as generation; v10 topic ids in place of names.
 */
export const OffsetCommit = api(
  8,
  'OffsetCommit',
  { versions: '2-10', flexible: '8+' },
  {
    groupId: string(),
    generationIdOrMemberEpoch: int32('1+', { default: -1 }),
    memberId: string(),
    groupInstanceId: string('7+', { nullable: '7+', default: null }),
    retentionTimeMs: int64('2-4', { default: -1 }),
    topics: array({
      name: string('0-9'),
      topicId: uuid('10+'),
      partitions: array({
        partitionIndex: int32(),
        committedOffset: int64(),
        committedLeaderEpoch: int32('6+', { default: -1 }),
        committedMetadata: string('0+', { nullable: '0+' }),
      }),
    }),
  },
  {
    throttleTimeMs: int32('3+'),
    topics: array({
      name: string('0-9'),
      topicId: uuid('10+'),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
      }),
    }),
  },
);

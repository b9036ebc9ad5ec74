import { api, array, bool, int16, int32, int64, string, uint16, uuid } from '../schema.ts';

/**
 * Vote: asks for a vote in an election of KRaft's leader (KIP-595).
 * v1 adds the voter's directory ids (KIP-853); v2 the vote before the vote, which raises no epoch (KIP-996).
 */
export const Vote = api(
  52,
  'Vote',
  { versions: '0-2', flexible: '0+' },
  {
    clusterId: string('0+', { nullable: '0+', default: null }),
    voterId: int32('1+', { default: -1 }),
    topics: array({
      topicName: string(),
      partitions: array({
        partitionIndex: int32(),
        replicaEpoch: int32(),
        replicaId: int32(),
        replicaDirectoryId: uuid('1+'),
        voterDirectoryId: uuid('1+'),
        lastOffsetEpoch: int32(),
        lastOffset: int64(),
        preVote: bool('2+'),
      }),
    }),
  },
  {
    errorCode: int16(),
    topics: array({
      topicName: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        leaderId: int32(),
        leaderEpoch: int32(),
        voteGranted: bool(),
      }),
    }),
    nodeEndpoints: array(
      {
        nodeId: int32(),
        host: string(),
        port: uint16(),
      },
      '1+',
      { tag: 0 },
    ),
  },
);

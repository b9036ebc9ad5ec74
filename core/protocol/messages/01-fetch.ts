import { api, array, int8, int16, int32, int64, records, string, struct, uuid } from '../schema.ts';

/**
 * Fetch: stored batches from an offset on, for consumers and for followers.
 * v4 brings the isolation level (KIP-98); v5 the log start offset; v7 sessions (KIP-227); v9 the leader epoch (KIP-320); v10 zstd (KIP-110);
 * v11 the rack and the preferred replica (KIP-392); v12 the diverging epoch (KIP-595); v13 topic ids in place of names (KIP-516);
 * v15 the follower's epoch (KIP-903); v16 the addresses of new leaders (KIP-951); v17 the follower's directory (KIP-853);
 * v18 the follower's high watermark (KIP-1166), whose default stands for "not supported": i64's largest value on the wire, 2^53−1 here.
 */
export const Fetch = api(
  1,
  'Fetch',
  { versions: '4-18', flexible: '12+' },
  {
    clusterId: string('12+', { nullable: '12+', tag: 0, default: null }),
    replicaId: int32('0-14', { default: -1 }),
    replicaState: struct(
      {
        replicaId: int32('15+', { default: -1 }),
        replicaEpoch: int64('15+', { default: -1 }),
      },
      '15+',
      { tag: 1 },
    ),
    maxWaitMs: int32(),
    minBytes: int32(),
    maxBytes: int32('3+', { default: 2147483647 }),
    isolationLevel: int8('4+'),
    sessionId: int32('7+'),
    sessionEpoch: int32('7+', { default: -1 }),
    topics: array({
      topic: string('0-12'),
      topicId: uuid('13+'),
      partitions: array({
        partition: int32(),
        currentLeaderEpoch: int32('9+', { default: -1 }),
        fetchOffset: int64(),
        lastFetchedEpoch: int32('12+', { default: -1 }),
        logStartOffset: int64('5+', { default: -1 }),
        partitionMaxBytes: int32(),
        replicaDirectoryId: uuid('17+', { tag: 0 }),
        highWatermark: int64('18+', { tag: 1, default: Number.MAX_SAFE_INTEGER }),
      }),
    }),
    forgottenTopicsData: array(
      {
        topic: string('7-12'),
        topicId: uuid('13+'),
        partitions: array(int32()),
      },
      '7+',
    ),
    rackId: string('11+'),
  },
  {
    throttleTimeMs: int32('1+'),
    errorCode: int16('7+'),
    sessionId: int32('7+'),
    responses: array({
      topic: string('0-12'),
      topicId: uuid('13+'),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        highWatermark: int64(),
        lastStableOffset: int64('4+', { default: -1 }),
        logStartOffset: int64('5+', { default: -1 }),
        divergingEpoch: struct(
          {
            epoch: int32('12+', { default: -1 }),
            endOffset: int64('12+', { default: -1 }),
          },
          '12+',
          { tag: 0 },
        ),
        currentLeader: struct(
          {
            leaderId: int32('12+', { default: -1 }),
            leaderEpoch: int32('12+', { default: -1 }),
          },
          '12+',
          { tag: 1 },
        ),
        snapshotId: struct(
          {
            endOffset: int64('0+', { default: -1 }),
            epoch: int32('0+', { default: -1 }),
          },
          '12+',
          { tag: 2 },
        ),
        abortedTransactions: array(
          {
            producerId: int64(),
            firstOffset: int64(),
          },
          '4+',
          { nullable: '4+' },
        ),
        preferredReadReplica: int32('11+', { default: -1 }),
        records: records(),
      }),
    }),
    nodeEndpoints: array(
      {
        nodeId: int32(),
        host: string(),
        port: int32(),
        rack: string('16+', { nullable: '16+', default: null }),
      },
      '16+',
      { tag: 0 },
    ),
  },
);

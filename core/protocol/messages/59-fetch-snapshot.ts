import { api, array, int16, int32, int64, records, string, struct, uint16, uuid } from '../schema.ts';

/** FetchSnapshot: a piece of a snapshot of the metadata log (KIP-630). v1 adds the replica's directory id (KIP-853). */
export const FetchSnapshot = api(
  59,
  'FetchSnapshot',
  { versions: '0-1', flexible: '0+' },
  {
    clusterId: string('0+', { nullable: '0+', tag: 0, default: null }),
    replicaId: int32('0+', { default: -1 }),
    maxBytes: int32('0+', { default: 2147483647 }),
    topics: array({
      name: string(),
      partitions: array({
        partition: int32(),
        currentLeaderEpoch: int32(),
        snapshotId: struct({
          endOffset: int64(),
          epoch: int32(),
        }),
        position: int64(),
        replicaDirectoryId: uuid('1+', { tag: 0 }),
      }),
    }),
  },
  {
    throttleTimeMs: int32('0+'),
    errorCode: int16(),
    topics: array({
      name: string(),
      partitions: array({
        index: int32(),
        errorCode: int16(),
        snapshotId: struct({
          endOffset: int64(),
          epoch: int32(),
        }),
        currentLeader: struct(
          {
            leaderId: int32(),
            leaderEpoch: int32(),
          },
          '0+',
          { tag: 0 },
        ),
        size: int64(),
        position: int64(),
        unalignedRecords: records('0+', { nullable: 'none' }),
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

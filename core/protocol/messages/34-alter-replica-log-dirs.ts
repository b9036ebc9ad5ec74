import { api, array, int16, int32, string } from '../schema.ts';

/** AlterReplicaLogDirs: moves replicas to another log directory of the same broker (KIP-113). */
export const AlterReplicaLogDirs = api(
  34,
  'AlterReplicaLogDirs',
  { versions: '1-2', flexible: '2+' },
  {
    dirs: array({
      path: string(),
      topics: array({
        name: string(),
        partitions: array(int32()),
      }),
    }),
  },
  {
    throttleTimeMs: int32('0+'),
    results: array({
      topicName: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
      }),
    }),
  },
);

import { api, array, bool, int16, int32, string } from '../schema.ts';

/**
 * AlterPartitionReassignments: begins to move replicas, or with null replicas cancels that (KIP-455).
 * v1 may forbid a change of the replication factor (KIP-860).
 */
export const AlterPartitionReassignments = api(
  45,
  'AlterPartitionReassignments',
  { versions: '0-1', flexible: '0+' },
  {
    timeoutMs: int32('0+', { default: 60000 }),
    allowReplicationFactorChange: bool('1+', { default: true }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        replicas: array(int32(), '0+', { nullable: '0+', default: null }),
      }),
    }),
  },
  {
    throttleTimeMs: int32('0+'),
    allowReplicationFactorChange: bool('1+', { default: true }),
    errorCode: int16(),
    errorMessage: string('0+', { nullable: '0+', default: null }),
    responses: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        errorMessage: string('0+', { nullable: '0+', default: null }),
      }),
    }),
  },
);

import { api, array, bool, int16, int32, string, uuid } from '../schema.ts';

/**
 * Metadata: the brokers, and the partitions of topics with their leaders and replicas.
 * v0 means "all topics" by an empty array; since v1 null means all and empty means none.
 * v1 adds racks and the controller; v2 the cluster's id; v4 auto creation as the client's choice; v5 offline replicas (KIP-112);
 * v7 leader epochs (KIP-320); v8 authorized operations (KIP-430), of the cluster only up to v10 (KIP-700); v10 topic ids, v12 lookup by them (KIP-516);
 * v13 an error of the whole answer (KIP-1102).
 */
export const Metadata = api(
  3,
  'Metadata',
  { versions: '0-13', flexible: '9+' },
  {
    topics: array(
      {
        topicId: uuid('10+'),
        name: string('0+', { nullable: '10+' }),
      },
      '0+',
      { nullable: '1+' },
    ),
    allowAutoTopicCreation: bool('4+', { default: true }),
    includeClusterAuthorizedOperations: bool('8-10'),
    includeTopicAuthorizedOperations: bool('8+'),
  },
  {
    throttleTimeMs: int32('3+'),
    brokers: array({
      nodeId: int32(),
      host: string(),
      port: int32(),
      rack: string('1+', { nullable: '1+', default: null }),
    }),
    clusterId: string('2+', { nullable: '2+', default: null }),
    controllerId: int32('1+', { default: -1 }),
    topics: array({
      errorCode: int16(),
      name: string('0+', { nullable: '12+' }),
      topicId: uuid('10+'),
      isInternal: bool('1+'),
      partitions: array({
        errorCode: int16(),
        partitionIndex: int32(),
        leaderId: int32(),
        leaderEpoch: int32('7+', { default: -1 }),
        replicaNodes: array(int32()),
        isrNodes: array(int32()),
        offlineReplicas: array(int32(), '5+'),
      }),
      topicAuthorizedOperations: int32('8+', { default: -2147483648 }),
    }),
    clusterAuthorizedOperations: int32('8-10', { default: -2147483648 }),
    errorCode: int16('13+'),
  },
);

import { api, array, bool, int8, int16, int32, string } from '../schema.ts';

/**
 * DescribeCluster: the cluster's id, controller and brokers (KIP-700).
 * v1 adds the endpoint type, brokers (1) or controllers (2) (KIP-919); v2 fenced brokers on request (KIP-1073).
 */
export const DescribeCluster = api(
  60,
  'DescribeCluster',
  { versions: '0-2', flexible: '0+' },
  {
    includeClusterAuthorizedOperations: bool(),
    endpointType: int8('1+', { default: 1 }),
    includeFencedBrokers: bool('2+'),
  },
  {
    throttleTimeMs: int32('0+'),
    errorCode: int16(),
    errorMessage: string('0+', { nullable: '0+', default: null }),
    endpointType: int8('1+', { default: 1 }),
    clusterId: string(),
    controllerId: int32('0+', { default: -1 }),
    brokers: array({
      brokerId: int32(),
      host: string(),
      port: int32(),
      rack: string('0+', { nullable: '0+', default: null }),
      isFenced: bool('2+'),
    }),
    clusterAuthorizedOperations: int32('0+', { default: -2147483648 }),
  },
);

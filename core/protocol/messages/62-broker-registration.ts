import { api, array, bool, int16, int32, int64, string, uint16, uuid } from '../schema.ts';

/**
 * BrokerRegistration: a broker enters the cluster (KIP-631).
 * v1 is for the migration from ZooKeeper; v2 adds log directories (KIP-858); v3 the previous epoch (KIP-966); v4 feature levels from 0.
 */
export const BrokerRegistration = api(
  62,
  'BrokerRegistration',
  { versions: '0-4', flexible: '0+' },
  {
    brokerId: int32(),
    clusterId: string(),
    incarnationId: uuid(),
    listeners: array({
      name: string(),
      host: string(),
      port: uint16(),
      securityProtocol: int16(),
    }),
    features: array({
      name: string(),
      minSupportedVersion: int16(),
      maxSupportedVersion: int16(),
    }),
    rack: string('0+', { nullable: '0+' }),
    isMigratingZkBroker: bool('1+'),
    logDirs: array(uuid(), '2+'),
    previousBrokerEpoch: int64('3+', { default: -1 }),
  },
  {
    throttleTimeMs: int32('0+'),
    errorCode: int16(),
    brokerEpoch: int64('0+', { default: -1 }),
  },
);

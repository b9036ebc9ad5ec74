import { array, bool, int16, int32, int64, message, string, uint16, uuid } from '../../protocol/schema.ts';

/** A broker says that it exists, where it listens and what it supports. v3 adds its log directories (KIP-858), v4 the cordoned ones. */
export const RegisterBrokerRecord = message(
  'RegisterBrokerRecord',
  { versions: '0-4', flexible: '0+' },
  {
    brokerId: int32(),
    isMigratingZkBroker: bool('2+'),
    incarnationId: uuid(),
    brokerEpoch: int64(),
    endPoints: array({ name: string(), host: string(), port: uint16(), securityProtocol: int16() }),
    features: array({ name: string(), minSupportedVersion: int16(), maxSupportedVersion: int16() }),
    rack: string('0+', { nullable: '0+', default: null }),
    fenced: bool('0+', { default: true }),
    inControlledShutdown: bool('1+'),
    logDirs: array(uuid(), '3+', { tag: 0 }),
    cordonedLogDirs: array(uuid(), '4+', { nullable: '4+', tag: 1, default: null }),
  },
);

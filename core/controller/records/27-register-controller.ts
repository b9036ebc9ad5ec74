import { array, bool, int16, int32, message, string, uint16, uuid } from '../../protocol/schema.ts';

/** A controller says where it listens and what it supports (KIP-919). */
export const RegisterControllerRecord = message(
  'RegisterControllerRecord',
  { versions: '0', flexible: '0+' },
  {
    controllerId: int32(),
    incarnationId: uuid(),
    zkMigrationReady: bool(),
    endPoints: array({ name: string(), host: string(), port: uint16(), securityProtocol: int16() }),
    features: array({ name: string(), minSupportedVersion: int16(), maxSupportedVersion: int16() }),
  },
);

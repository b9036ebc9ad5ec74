import { api, array, bool, int16, int32, string, uint16, uuid } from '../schema.ts';

/** ControllerRegistration: a controller makes its endpoints and features known (KIP-919). */
export const ControllerRegistration = api(
  70,
  'ControllerRegistration',
  { versions: '0', flexible: '0+' },
  {
    controllerId: int32(),
    incarnationId: uuid(),
    zkMigrationReady: bool(),
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
  },
  {
    throttleTimeMs: int32('0+'),
    errorCode: int16(),
    errorMessage: string('0+', { nullable: '0+', default: null }),
  },
);

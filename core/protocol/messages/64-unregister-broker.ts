import { api, int16, int32, string } from '../schema.ts';

/** UnregisterBroker: removes a broker from the cluster for good (KIP-631). */
export const UnregisterBroker = api(
  64,
  'UnregisterBroker',
  { versions: '0', flexible: '0+' },
  {
    brokerId: int32(),
  },
  {
    throttleTimeMs: int32('0+'),
    errorCode: int16(),
    errorMessage: string('0+', { nullable: '0+', default: null }),
  },
);

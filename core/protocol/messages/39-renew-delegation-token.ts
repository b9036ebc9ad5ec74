import { api, bytes, int16, int32, int64 } from '../schema.ts';

/** RenewDelegationToken: puts off the day on which a delegation token runs out (KIP-48). */
export const RenewDelegationToken = api(
  39,
  'RenewDelegationToken',
  { versions: '1-2', flexible: '2+' },
  {
    hmac: bytes(),
    renewPeriodMs: int64(),
  },
  {
    errorCode: int16(),
    expiryTimestampMs: int64(),
    throttleTimeMs: int32('0+'),
  },
);

import { api, bytes, int16, int32, int64 } from '../schema.ts';

/** ExpireDelegationToken: ends a delegation token, or sets the day of its end (KIP-48). */
export const ExpireDelegationToken = api(
  40,
  'ExpireDelegationToken',
  { versions: '1-2', flexible: '2+' },
  {
    hmac: bytes(),
    expiryTimePeriodMs: int64(),
  },
  {
    errorCode: int16(),
    expiryTimestampMs: int64(),
    throttleTimeMs: int32('0+'),
  },
);

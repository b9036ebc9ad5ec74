import { api, bytes, int16, int64, string } from '../schema.ts';

/** SaslAuthenticate: one token of the SASL exchange, each way (KIP-152). v1 adds how long the session may last (KIP-368). */
export const SaslAuthenticate = api(
  36,
  'SaslAuthenticate',
  { versions: '0-2', flexible: '2+' },
  {
    authBytes: bytes(),
  },
  {
    errorCode: int16(),
    errorMessage: string('0+', { nullable: '0+', default: null }),
    authBytes: bytes(),
    sessionLifetimeMs: int64('1+'),
  },
);

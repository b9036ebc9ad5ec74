import { api, array, int16, string } from '../schema.ts';

/** SaslHandshake: chooses the SASL mechanism. v0 is followed by bare tokens, v1 by SaslAuthenticate (KIP-152). Has no flexible version. */
export const SaslHandshake = api(
  17,
  'SaslHandshake',
  { versions: '0-1', flexible: 'none' },
  {
    mechanism: string(),
  },
  {
    errorCode: int16(),
    mechanisms: array(string()),
  },
);

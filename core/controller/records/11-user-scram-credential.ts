import { bytes, int8, int32, message, string } from '../../protocol/schema.ts';

/** A user's SCRAM credential for one mechanism: what the server needs of it, never the password (RFC 5802). */
export const UserScramCredentialRecord = message(
  'UserScramCredentialRecord',
  { versions: '0', flexible: '0+' },
  {
    name: string(),
    mechanism: int8(),
    salt: bytes(),
    storedKey: bytes(),
    serverKey: bytes(),
    iterations: int32(),
  },
);

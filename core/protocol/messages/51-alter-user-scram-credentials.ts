import { api, array, bytes, int8, int16, int32, string } from '../schema.ts';

/** AlterUserScramCredentials: sets and removes users' SCRAM credentials (KIP-554). */
export const AlterUserScramCredentials = api(
  51,
  'AlterUserScramCredentials',
  { versions: '0', flexible: '0+' },
  {
    deletions: array({
      name: string(),
      mechanism: int8(),
    }),
    upsertions: array({
      name: string(),
      mechanism: int8(),
      iterations: int32(),
      salt: bytes(),
      saltedPassword: bytes(),
    }),
  },
  {
    throttleTimeMs: int32('0+'),
    results: array({
      user: string(),
      errorCode: int16(),
      errorMessage: string('0+', { nullable: '0+', default: null }),
    }),
  },
);

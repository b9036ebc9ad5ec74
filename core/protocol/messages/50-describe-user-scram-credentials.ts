import { api, array, int8, int16, int32, string } from '../schema.ts';

/** DescribeUserScramCredentials: mechanisms and iterations of users' SCRAM credentials, never the secrets (KIP-554). */
export const DescribeUserScramCredentials = api(
  50,
  'DescribeUserScramCredentials',
  { versions: '0', flexible: '0+' },
  {
    users: array(
      {
        name: string(),
      },
      '0+',
      { nullable: '0+' },
    ),
  },
  {
    throttleTimeMs: int32('0+'),
    errorCode: int16(),
    errorMessage: string('0+', { nullable: '0+', default: null }),
    results: array({
      user: string(),
      errorCode: int16(),
      errorMessage: string('0+', { nullable: '0+', default: null }),
      credentialInfos: array({
        mechanism: int8(),
        iterations: int32(),
      }),
    }),
  },
);

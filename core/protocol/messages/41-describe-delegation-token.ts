import { api, array, bytes, int16, int32, int64, string } from '../schema.ts';

/** DescribeDelegationToken: the delegation tokens of these owners; null means all (KIP-48). v3 adds who asked for them (KIP-373). */
export const DescribeDelegationToken = api(
  41,
  'DescribeDelegationToken',
  { versions: '1-3', flexible: '2+' },
  {
    owners: array(
      {
        principalType: string(),
        principalName: string(),
      },
      '0+',
      { nullable: '0+' },
    ),
  },
  {
    errorCode: int16(),
    tokens: array({
      principalType: string(),
      principalName: string(),
      tokenRequesterPrincipalType: string('3+'),
      tokenRequesterPrincipalName: string('3+'),
      issueTimestamp: int64(),
      expiryTimestamp: int64(),
      maxTimestamp: int64(),
      tokenId: string(),
      hmac: bytes(),
      renewers: array({
        principalType: string(),
        principalName: string(),
      }),
    }),
    throttleTimeMs: int32('0+'),
  },
);

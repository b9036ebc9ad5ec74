import { api, array, bytes, int16, int32, int64, string } from '../schema.ts';

/** CreateDelegationToken: a token with which others act in a principal's name (KIP-48). v3 adds owners other than the asker (KIP-373). */
export const CreateDelegationToken = api(
  38,
  'CreateDelegationToken',
  { versions: '1-3', flexible: '2+' },
  {
    ownerPrincipalType: string('3+', { nullable: '3+' }),
    ownerPrincipalName: string('3+', { nullable: '3+' }),
    renewers: array({
      principalType: string(),
      principalName: string(),
    }),
    maxLifetimeMs: int64(),
  },
  {
    errorCode: int16(),
    principalType: string(),
    principalName: string(),
    tokenRequesterPrincipalType: string('3+'),
    tokenRequesterPrincipalName: string('3+'),
    issueTimestampMs: int64(),
    expiryTimestampMs: int64(),
    maxTimestampMs: int64(),
    tokenId: string(),
    hmac: bytes(),
    throttleTimeMs: int32('0+'),
  },
);

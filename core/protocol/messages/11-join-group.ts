import { api, array, bool, bytes, int16, int32, string } from '../schema.ts';

/**
 * JoinGroup: enters a classic group, or enters it again for the next generation; answered when the generation is formed.
 * v1 adds the rebalance timeout, v0 uses the session timeout for it; v4 asks a new member to come back with the id that it got (KIP-394);
 * v5 adds group.instance.id (KIP-345); v7 the protocol type in the answer (KIP-559); v8 the reason (KIP-800); v9 skipAssignment (KIP-814).
 */
export const JoinGroup = api(
  11,
  'JoinGroup',
  { versions: '0-9', flexible: '6+' },
  {
    groupId: string(),
    sessionTimeoutMs: int32(),
    rebalanceTimeoutMs: int32('1+', { default: -1 }),
    memberId: string(),
    groupInstanceId: string('5+', { nullable: '5+', default: null }),
    protocolType: string(),
    protocols: array({
      name: string(),
      metadata: bytes(),
    }),
    reason: string('8+', { nullable: '8+', default: null }),
  },
  {
    throttleTimeMs: int32('2+'),
    errorCode: int16(),
    generationId: int32('0+', { default: -1 }),
    protocolType: string('7+', { nullable: '7+', default: null }),
    protocolName: string('0+', { nullable: '7+' }),
    leader: string(),
    skipAssignment: bool('9+'),
    memberId: string(),
    members: array({
      memberId: string(),
      groupInstanceId: string('5+', { nullable: '5+', default: null }),
      metadata: bytes(),
    }),
  },
);

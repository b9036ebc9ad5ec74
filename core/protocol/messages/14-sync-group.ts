import { api, array, bytes, int16, int32, string } from '../schema.ts';

/**
 * SyncGroup: the leader hands in every member's assignment, each member gets its own. The assignment is opaque bytes.
 * v3 adds group.instance.id (KIP-345); v5 protocol type and name, to be checked against the group's (KIP-559).
 */
export const SyncGroup = api(
  14,
  'SyncGroup',
  { versions: '0-5', flexible: '4+' },
  {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string('3+', { nullable: '3+', default: null }),
    protocolType: string('5+', { nullable: '5+', default: null }),
    protocolName: string('5+', { nullable: '5+', default: null }),
    assignments: array({
      memberId: string(),
      assignment: bytes(),
    }),
  },
  {
    throttleTimeMs: int32('1+'),
    errorCode: int16(),
    protocolType: string('5+', { nullable: '5+', default: null }),
    protocolName: string('5+', { nullable: '5+', default: null }),
    assignment: bytes(),
  },
);

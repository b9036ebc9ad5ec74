import { api, array, bool, bytes, int16, int32, string } from '../schema.ts';

/**
 * DescribeGroups: state, protocol and members of classic groups.
 * v3 adds authorized operations (KIP-430); v4 group.instance.id (KIP-345); v6 answers GROUP_ID_NOT_FOUND instead of a dead group (KIP-1043).
 */
export const DescribeGroups = api(
  15,
  'DescribeGroups',
  { versions: '0-6', flexible: '5+' },
  {
    groups: array(string()),
    includeAuthorizedOperations: bool('3+'),
  },
  {
    throttleTimeMs: int32('1+'),
    groups: array({
      errorCode: int16(),
      errorMessage: string('6+', { nullable: '6+', default: null }),
      groupId: string(),
      groupState: string(),
      protocolType: string(),
      protocolData: string(),
      members: array({
        memberId: string(),
        groupInstanceId: string('4+', { nullable: '4+', default: null }),
        clientId: string(),
        clientHost: string(),
        memberMetadata: bytes(),
        memberAssignment: bytes(),
      }),
      authorizedOperations: int32('3+', { default: -2147483648 }),
    }),
  },
);

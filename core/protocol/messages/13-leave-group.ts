import { api, array, int16, int32, string } from '../schema.ts';

/**
 * LeaveGroup: takes members out of a classic group at once.
 * v3 takes many members, by member id or group.instance.id (KIP-345); v5 adds the reason (KIP-800).
 */
export const LeaveGroup = api(
  13,
  'LeaveGroup',
  { versions: '0-5', flexible: '4+' },
  {
    groupId: string(),
    memberId: string('0-2'),
    members: array(
      {
        memberId: string(),
        groupInstanceId: string('3+', { nullable: '3+', default: null }),
        reason: string('5+', { nullable: '5+', default: null }),
      },
      '3+',
    ),
  },
  {
    throttleTimeMs: int32('1+'),
    errorCode: int16(),
    members: array(
      {
        memberId: string(),
        groupInstanceId: string('3+', { nullable: '3+' }),
        errorCode: int16(),
      },
      '3+',
    ),
  },
);

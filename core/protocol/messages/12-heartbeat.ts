import { api, int16, int32, string } from '../schema.ts';

/** Heartbeat: "I am alive" of a member of a classic group. v3 adds group.instance.id (KIP-345). */
export const Heartbeat = api(
  12,
  'Heartbeat',
  { versions: '0-4', flexible: '4+' },
  {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string('3+', { nullable: '3+', default: null }),
  },
  {
    throttleTimeMs: int32('1+'),
    errorCode: int16(),
  },
);

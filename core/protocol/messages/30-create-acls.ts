import { api, array, int8, int16, int32, string } from '../schema.ts';

/** CreateAcls: adds access rules (KIP-140). v1 adds the pattern type (KIP-290); v3 the resource type "user" (KIP-373). */
export const CreateAcls = api(
  30,
  'CreateAcls',
  { versions: '1-3', flexible: '2+' },
  {
    creations: array({
      resourceType: int8(),
      resourceName: string(),
      resourcePatternType: int8('1+', { default: 3 }),
      principal: string(),
      host: string(),
      operation: int8(),
      permissionType: int8(),
    }),
  },
  {
    throttleTimeMs: int32('0+'),
    results: array({
      errorCode: int16(),
      errorMessage: string('0+', { nullable: '0+', default: null }),
    }),
  },
);

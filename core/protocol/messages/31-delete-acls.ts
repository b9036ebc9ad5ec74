import { api, array, int8, int16, int32, string } from '../schema.ts';

/**
 * DeleteAcls: removes the access rules that match filters (KIP-140).
 * v1 adds the pattern type (KIP-290); v3 the resource type "user" (KIP-373).
 */
export const DeleteAcls = api(
  31,
  'DeleteAcls',
  { versions: '1-3', flexible: '2+' },
  {
    filters: array({
      resourceTypeFilter: int8(),
      resourceNameFilter: string('0+', { nullable: '0+' }),
      patternTypeFilter: int8('1+', { default: 3 }),
      principalFilter: string('0+', { nullable: '0+' }),
      hostFilter: string('0+', { nullable: '0+' }),
      operation: int8(),
      permissionType: int8(),
    }),
  },
  {
    throttleTimeMs: int32('0+'),
    filterResults: array({
      errorCode: int16(),
      errorMessage: string('0+', { nullable: '0+', default: null }),
      matchingAcls: array({
        errorCode: int16(),
        errorMessage: string('0+', { nullable: '0+', default: null }),
        resourceType: int8(),
        resourceName: string(),
        patternType: int8('1+', { default: 3 }),
        principal: string(),
        host: string(),
        operation: int8(),
        permissionType: int8(),
      }),
    }),
  },
);

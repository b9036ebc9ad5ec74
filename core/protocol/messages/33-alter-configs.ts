import { api, array, bool, int8, int16, int32, string } from '../schema.ts';

/** AlterConfigs: replaces all configs of a resource by those given. Clients use IncrementalAlterConfigs instead (KIP-133). */
export const AlterConfigs = api(
  33,
  'AlterConfigs',
  { versions: '0-2', flexible: '2+' },
  {
    resources: array({
      resourceType: int8(),
      resourceName: string(),
      configs: array({
        name: string(),
        value: string('0+', { nullable: '0+' }),
      }),
    }),
    validateOnly: bool(),
  },
  {
    throttleTimeMs: int32('0+'),
    responses: array({
      errorCode: int16(),
      errorMessage: string('0+', { nullable: '0+', default: null }),
      resourceType: int8(),
      resourceName: string(),
    }),
  },
);

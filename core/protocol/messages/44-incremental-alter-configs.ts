import { api, array, bool, int8, int16, int32, string } from '../schema.ts';

/** IncrementalAlterConfigs: sets, deletes, appends to or subtracts from single configs (KIP-339). */
export const IncrementalAlterConfigs = api(
  44,
  'IncrementalAlterConfigs',
  { versions: '0-1', flexible: '1+' },
  {
    resources: array({
      resourceType: int8(),
      resourceName: string(),
      configs: array({
        name: string(),
        configOperation: int8(),
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

import { api, array, int8, int16, int32, string } from '../schema.ts';

/** ListConfigResources: which resources have configs. v0 lists client metrics only (KIP-1000); v1 any of the types asked for (KIP-1142). */
export const ListConfigResources = api(
  74,
  'ListConfigResources',
  { versions: '0-1', flexible: '0+' },
  {
    resourceTypes: array(int8(), '1+'),
  },
  {
    throttleTimeMs: int32('0+'),
    errorCode: int16(),
    configResources: array({
      resourceName: string(),
      resourceType: int8('1+', { default: 16 }),
    }),
  },
);

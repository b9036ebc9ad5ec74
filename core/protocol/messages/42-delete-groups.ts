import { api, array, int16, int32, string } from '../schema.ts';

/** DeleteGroups: removes empty groups with their offsets (KIP-229). */
export const DeleteGroups = api(
  42,
  'DeleteGroups',
  { versions: '0-2', flexible: '2+' },
  {
    groupsNames: array(string()),
  },
  {
    throttleTimeMs: int32('0+'),
    results: array({
      groupId: string(),
      errorCode: int16(),
    }),
  },
);

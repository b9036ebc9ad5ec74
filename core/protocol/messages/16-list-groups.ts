import { api, array, int16, int32, string } from '../schema.ts';

/**
 * ListGroups: the groups that this broker coordinates.
 * v4 adds the filter by state (KIP-518); v5 the filter by type (KIP-848).
 */
export const ListGroups = api(
  16,
  'ListGroups',
  { versions: '0-5', flexible: '3+' },
  {
    statesFilter: array(string(), '4+'),
    typesFilter: array(string(), '5+'),
  },
  {
    throttleTimeMs: int32('1+'),
    errorCode: int16(),
    groups: array({
      groupId: string(),
      protocolType: string(),
      groupState: string('4+'),
      groupType: string('5+'),
    }),
  },
);

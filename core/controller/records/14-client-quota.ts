import { array, bool, float64, message, string } from '../../protocol/schema.ts';

/** One quota of an entity, set or taken back. A null name is the default of its type. */
export const ClientQuotaRecord = message(
  'ClientQuotaRecord',
  { versions: '0', flexible: '0+' },
  {
    entity: array({
      entityType: string(),
      entityName: string('0+', { nullable: '0+' }),
    }),
    key: string(),
    value: float64(),
    remove: bool(),
  },
);

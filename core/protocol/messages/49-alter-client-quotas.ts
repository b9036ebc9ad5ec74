import { api, array, bool, float64, int16, int32, string } from '../schema.ts';

/** AlterClientQuotas: sets and removes quotas (KIP-546). */
export const AlterClientQuotas = api(
  49,
  'AlterClientQuotas',
  { versions: '0-1', flexible: '1+' },
  {
    entries: array({
      entity: array({
        entityType: string(),
        entityName: string('0+', { nullable: '0+' }),
      }),
      ops: array({
        key: string(),
        value: float64(),
        remove: bool(),
      }),
    }),
    validateOnly: bool(),
  },
  {
    throttleTimeMs: int32('0+'),
    entries: array({
      errorCode: int16(),
      errorMessage: string('0+', { nullable: '0+', default: null }),
      entity: array({
        entityType: string(),
        entityName: string('0+', { nullable: '0+' }),
      }),
    }),
  },
);

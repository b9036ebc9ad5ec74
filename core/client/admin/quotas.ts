import { DescribeClientQuotas } from '../../protocol/messages/48-describe-client-quotas.ts';
import { AlterClientQuotas } from '../../protocol/messages/49-alter-client-quotas.ts';
import type { AdminCalls } from './admin-calls.ts';

/** Quotas of users, client ids and addresses (KIP-546). */
export type QuotaEntityType = 'user' | 'client-id' | 'ip';

/** One or two parts; a name of null stands for everybody who has no quota of their own. */
export type QuotaEntity = readonly { readonly type: QuotaEntityType; readonly name: string | null }[];

export interface EntityQuotas {
  readonly entity: QuotaEntity;
  readonly quotas: Readonly<Record<string, number>>;
}

export interface QuotaFilterPart {
  readonly type: QuotaEntityType;
  /** A name, the default, or any. */
  readonly match: { readonly name: string } | 'default' | 'any';
}

const MATCH_EXACT = 0;
const MATCH_DEFAULT = 1;
const MATCH_ANY = 2;

/** Entities that have all parts of the filter; with `strict` no others besides. */
export function describeQuotas(
  calls: AdminCalls,
  filter: readonly QuotaFilterPart[],
  strict: boolean,
): Promise<readonly EntityQuotas[]> {
  return calls.retrying('describe quotas', async () => {
    const components = filter.map(({ type, match }) => ({
      entityType: type,
      matchType: match === 'any' ? MATCH_ANY : match === 'default' ? MATCH_DEFAULT : MATCH_EXACT,
      match: typeof match === 'string' ? null : match.name,
    }));
    const response = await calls.atAny(DescribeClientQuotas, { components, strict });
    calls.check(response.errorCode, 'quotas', response.errorMessage);
    return (response.entries ?? []).map(({ entity, values }) => ({
      entity: entity.map(({ entityType, entityName }) => ({ type: entityType as QuotaEntityType, name: entityName })),
      quotas: Object.fromEntries(values.map(({ key, value }) => [key, value])),
    }));
  });
}

/** Sets quotas; null takes one away. */
export async function alterQuotas(
  calls: AdminCalls,
  entity: QuotaEntity,
  changes: Readonly<Record<string, number | null>>,
): Promise<void> {
  await calls.retrying('alter quotas', async () => {
    const response = await calls.atController(AlterClientQuotas, {
      entries: [
        {
          entity: entity.map(({ type, name }) => ({ entityType: type, entityName: name })),
          ops: Object.entries(changes).map(([key, value]) => ({ key, value: value ?? 0, remove: value === null })),
        },
      ],
      validateOnly: false,
    });
    for (const each of response.entries) calls.check(each.errorCode, 'quotas', each.errorMessage);
  });
}

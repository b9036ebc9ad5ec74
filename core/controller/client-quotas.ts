/**
 * The clients' quotas as the metadata log says they are: by entity (user, client-id, both, or ip; null = the default of that type) and key.
 *
 * Invariant: `replay` alone changes it; an entity without a quota is not in it. `revision` rises with every change, so that whoever derives something from
 * the quotas (the broker's limits) knows when it is stale.
 */
export const USER_ENTITY = 'user';
export const CLIENT_ID_ENTITY = 'client-id';
export const IP_ENTITY = 'ip';

/** The one name that an ip entity may have instead of an address. */
export const LOCALHOST = 'localhost';

/** Entity type → name; null = the default of all of that type. */
export type QuotaEntity = ReadonlyMap<string, string | null>;

export interface EntityQuotas {
  readonly entity: QuotaEntity;
  readonly values: ReadonlyMap<string, number>;
}

interface ClientQuotaChange {
  readonly entity: readonly { readonly entityType: string; readonly entityName: string | null }[];
  readonly key: string;
  readonly value: number;
  readonly remove: boolean;
}

const NO_QUOTAS: ReadonlyMap<string, number> = new Map();

export class ClientQuotas {
  private readonly byEntity = new Map<string, { readonly entity: QuotaEntity; readonly values: Map<string, number> }>();
  private changes = 0;

  get revision(): number {
    return this.changes;
  }

  /** In the order in which the entities got their first quota. */
  entities(): Iterable<EntityQuotas> {
    return this.byEntity.values();
  }

  quotasOf(entity: QuotaEntity): ReadonlyMap<string, number> {
    return this.byEntity.get(entityKey(entity))?.values ?? NO_QUOTAS;
  }

  reset(): void {
    this.changes++;
    this.byEntity.clear();
  }

  replay(change: ClientQuotaChange): void {
    this.changes++;
    const entity = new Map(change.entity.map(({ entityType, entityName }) => [entityType, entityName]));
    const key = entityKey(entity);
    const found = this.byEntity.get(key) ?? { entity, values: new Map<string, number>() };
    if (change.remove) found.values.delete(change.key);
    else found.values.set(change.key, change.value);
    if (found.values.size === 0) this.byEntity.delete(key);
    else this.byEntity.set(key, found);
  }
}

/** The same for equal entities, whatever the order of their types. */
export function entityKey(entity: QuotaEntity): string {
  return JSON.stringify([...entity].sort(([a], [b]) => (a < b ? -1 : 1)));
}

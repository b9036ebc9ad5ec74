import {
  CLIENT_ID_ENTITY,
  type ClientQuotas,
  IP_ENTITY,
  LOCALHOST,
  USER_ENTITY,
} from '../../controller/client-quotas.ts';

/**
 * Which quota holds for whom. The most specific one wins, in Kafka's order:
 *
 *     1 user + client-id          4 default user + client-id            7 client-id
 *     2 user + default client-id  5 default user + default client-id    8 default client-id
 *     3 user                      6 default user
 *
 * Levels 1, 2, 4, 5 give each pair its own allowance, 3 and 6 one that all clients of a user share, 7 and 8 one that all users of a client-id share.
 * A client without an id is under levels 3 and 6 only.
 *
 * The index is built anew when the quotas' revision has changed, so looking costs a few map reads and nothing where there are no quotas.
 */
export interface QuotaHolder {
  readonly user: string;
  readonly clientId: string;
}

export interface Allowance {
  readonly limit: number;
  /** Who shares it. */
  readonly shareKey: string;
}

const LOOPBACK = ['127.0.0.1', '::1'];
const DEFAULT = 0;
type Name = string | typeof DEFAULT | null;

export class QuotaLimits {
  private readonly quotas: ClientQuotas;
  private readonly key: string;
  private revision = -1;
  private readonly limits = new Map<string, number>();

  constructor(quotas: ClientQuotas, key: string) {
    this.quotas = quotas;
    this.key = key;
  }

  get isEmpty(): boolean {
    this.refresh();
    return this.limits.size === 0;
  }

  of({ user, clientId }: QuotaHolder): Allowance | null {
    if (this.isEmpty) return null;
    const find = (users: readonly Name[], clientIds: readonly Name[]): number | undefined => {
      for (const u of users) {
        for (const c of clientIds) {
          const limit = this.limits.get(indexKey(u, c));
          if (limit !== undefined) return limit;
        }
      }
      return undefined;
    };
    for (const each of [user, DEFAULT] as const) {
      if (clientId !== '') {
        const limit = find([each], [clientId, DEFAULT]);
        if (limit !== undefined) return { limit, shareKey: indexKey(user, clientId) };
      }
      const limit = find([each], [null]);
      if (limit !== undefined) return { limit, shareKey: indexKey(user, null) };
    }
    const limit = clientId === '' ? undefined : find([null], [clientId, DEFAULT]);
    return limit === undefined ? null : { limit, shareKey: indexKey(null, clientId) };
  }

  /** For quotas of addresses. */
  ofIp(ip: string): number | null {
    if (this.isEmpty) return null;
    return this.limits.get(ipKey(ip)) ?? this.limits.get(ipKey(DEFAULT)) ?? null;
  }

  private refresh(): void {
    if (this.revision === this.quotas.revision) return;
    this.revision = this.quotas.revision;
    this.limits.clear();
    for (const { entity, values } of this.quotas.entities()) {
      const limit = values.get(this.key);
      if (limit === undefined) continue;
      const nameOf = (type: string): Name => (entity.has(type) ? (entity.get(type) ?? DEFAULT) : null);
      const ip = nameOf(IP_ENTITY);
      const key = ip === null ? indexKey(nameOf(USER_ENTITY), nameOf(CLIENT_ID_ENTITY)) : ipKey(ip);
      this.limits.set(key, limit);
      if (ip === LOCALHOST) for (const loopback of LOOPBACK) this.limits.set(ipKey(loopback), limit);
    }
  }
}

function indexKey(user: Name, clientId: Name): string {
  return JSON.stringify([user, clientId]);
}

function ipKey(ip: Name): string {
  return JSON.stringify([ip]);
}

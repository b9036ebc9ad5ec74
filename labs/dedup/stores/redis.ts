/**
 * A real Redis behind the same interface, by ioredis.
 *
 * Invariant: all keys of a run stand below a prefix of its own and are deleted at the end. One connection an application process,
 * no retries: a request whose connection broke has an unknown outcome, and the caller is told so.
 */
import { Redis } from 'ioredis';
import type { KeyValueServer, KeyValueSession } from './store.ts';

/** KEYS[1]: a hash of value and version. ARGV: version, value. */
const SET_IF_NEWER = `
local known = redis.call('HGET', KEYS[1], 'version')
if known and tonumber(known) >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'value', ARGV[2])
return 1`;

function open(url: string): Redis {
  const client = new Redis(url, {
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    enableOfflineQueue: false,
  });
  client.on('error', () => {});
  return client;
}

export async function openRedis(url: string, prefix: string): Promise<KeyValueServer> {
  const admin = open(url);
  await admin.connect();
  const version = /redis_version:(\S+)/.exec(await admin.info('server'))?.[1] ?? '';
  return {
    name: `Redis ${version}`.trim(),
    connect: async () => {
      const client = open(url);
      await client.connect();
      return session(client, prefix);
    },
    close: async () => {
      let cursor = '0';
      do {
        const [next, keys] = await admin.scan(cursor, 'MATCH', `${prefix}*`, 'COUNT', 1000);
        if (keys.length > 0) await admin.del(...keys);
        cursor = next;
      } while (cursor !== '0');
      admin.disconnect();
    },
  };
}

function session(client: Redis, prefix: string): KeyValueSession {
  return {
    get: async (key) => {
      // `setIfNewer` keeps a hash, everything else a string.
      if (!key.startsWith('newest:')) return client.get(prefix + key);
      return client.hget(prefix + key, 'value');
    },
    set: async (key, value, { onlyIfAbsent = false, expireMs } = {}) => {
      const name = prefix + key;
      if (onlyIfAbsent && expireMs !== undefined) return (await client.set(name, value, 'PX', expireMs, 'NX')) === 'OK';
      if (onlyIfAbsent) return (await client.set(name, value, 'NX')) === 'OK';
      if (expireMs !== undefined) return (await client.set(name, value, 'PX', expireMs)) === 'OK';
      return (await client.set(name, value)) === 'OK';
    },
    append: (key, value) => client.rpush(prefix + key, value),
    setIfNewer: async (key, version, value) =>
      (await client.eval(SET_IF_NEWER, 1, prefix + key, String(version), value)) === 1,
    list: (key) => client.lrange(prefix + key, 0, -1),
    disconnect: () => client.disconnect(),
  };
}

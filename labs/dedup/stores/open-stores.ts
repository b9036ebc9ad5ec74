/**
 * Opens the stores of one run: embedded ones by default; on real processes, PostgreSQL and Redis where the user named them.
 *
 * In the simulator the stores are always the embedded ones: a real server does not wait for virtual time.
 */
import type { Clock } from '@mqlab/core/ports/clock.ts';
import type { TargetKind } from '../../kit/targets/target.ts';
import { EmbeddedDatabase } from './embedded-database.ts';
import { EmbeddedRedis } from './embedded-redis.ts';
import type { DatabaseServer, KeyValueServer } from './store.ts';

export interface OpenStores {
  readonly database: DatabaseServer;
  readonly redis: KeyValueServer;
}

let opened = 0;

export async function openStores(
  target: TargetKind,
  clock: Clock,
  tables: readonly string[],
  options: Readonly<Record<string, string>>,
): Promise<OpenStores> {
  const { postgres, redis } = target === 'sim' ? {} : (options as { postgres?: string; redis?: string });
  // Runs of several processes may share one server.
  const name = `mqlab_${process.pid}_${Date.now().toString(36)}_${opened++}`;
  const database =
    postgres === undefined
      ? new EmbeddedDatabase(tables)
      : await (await import('./postgres.ts')).openPostgres(postgres, name, tables);
  try {
    const keyValue =
      redis === undefined ? new EmbeddedRedis(clock) : await (await import('./redis.ts')).openRedis(redis, `${name}:`);
    return { database, redis: keyValue };
  } catch (error) {
    await database.close();
    throw error;
  }
}

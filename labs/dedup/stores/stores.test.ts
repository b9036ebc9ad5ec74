/** One contract for the embedded stores and the real ones; those are skipped, with the reason, where they are not installed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';
import { freePorts } from '@mqlab/core/cli/free-ports.ts';
import { afterAll, describe, expect, test } from 'vitest';
import { EmbeddedDatabase } from './embedded-database.ts';
import { EmbeddedRedis } from './embedded-redis.ts';
import { openPostgres } from './postgres.ts';
import { openRedis } from './redis.ts';
import { type DatabaseServer, inTransaction, type KeyValueServer } from './store.ts';

const TABLES = ['CREATE TABLE ids (id TEXT PRIMARY KEY, times INTEGER NOT NULL)'];
const ADD = 'INSERT INTO ids (id, times) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING';
const COUNT = 'SELECT CAST(count(*) AS INTEGER) AS rows FROM ids';

const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
});

function installed(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
}

async function startRedis(): Promise<string> {
  const [port] = (await freePorts(1)) as [number];
  children.push(
    spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'], {
      stdio: 'ignore',
    }),
  );
  await expect
    .poll(
      () =>
        new Promise((resolve) => {
          const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
          socket.on('connect', () => socket.destroy());
        }),
      { timeout: 5000 },
    )
    .toBe(true);
  return `redis://127.0.0.1:${port}`;
}

const postgresUrl = process.env.MQLAB_POSTGRES;
const noRedis = installed('redis-server') ? null : 'redis-server is not installed';
const noPostgres = postgresUrl === undefined ? 'MQLAB_POSTGRES names no server' : null;
for (const reason of [noRedis, noPostgres]) if (reason !== null) console.warn(`skipped: ${reason}`);

const databases: readonly [string, string | null, () => Promise<DatabaseServer>][] = [
  ['SQLite', null, async () => new EmbeddedDatabase(TABLES)],
  ['PostgreSQL', noPostgres, () => openPostgres(postgresUrl!, `mqlab_test_${process.pid}`, TABLES)],
];

describe.each(databases)('%s', (_name, skipped, open) => {
  test.skipIf(skipped !== null)(
    'a transaction is there whole or not at all, also when its connection breaks',
    async () => {
      const server = await open();
      const [one, two] = await Promise.all([server.connect(), server.connect()]);
      await inTransaction(one, async (transaction) => {
        expect((await transaction.query(ADD, ['a', 1])).changes).toBe(1);
        expect((await transaction.query(ADD, ['a', 1])).changes).toBe(0);
      });
      await expect(
        inTransaction(one, async (transaction) => {
          await transaction.query(ADD, ['b', 1]);
          throw new Error('oops');
        }),
      ).rejects.toThrow('oops');
      await one.begin();
      await one.query(ADD, ['c', 1]);
      // The other one wants the same id, and waits until it is known what becomes of it.
      const waiting = two.query(ADD, ['c', 2]);
      one.disconnect();
      expect((await waiting).changes).toBe(1);
      expect((await two.query(COUNT)).rows).toEqual([{ rows: 2 }]);
      two.disconnect();
      await server.close();
    },
  );
});

let nowMs = 0;
const keyValues: readonly [string, string | null, () => Promise<KeyValueServer>, (ms: number) => Promise<void>][] = [
  ['embedded', null, async () => new EmbeddedRedis({ monotonic: () => nowMs }), async (ms) => void (nowMs += ms)],
  [
    'Redis',
    noRedis,
    async () => openRedis(await startRedis(), 'test:'),
    (ms) => new Promise((go) => setTimeout(go, ms)),
  ],
];

describe.each(keyValues)('%s', (_name, skipped, open, wait) => {
  test.skipIf(skipped !== null)('SET, NX, PX, RPUSH and SET if newer', async () => {
    const server = await open();
    const session = await server.connect();
    expect(await session.get('a')).toBeNull();
    expect(await session.set('a', '1', { onlyIfAbsent: true, expireMs: 400 })).toBe(true);
    expect(await session.set('a', '2', { onlyIfAbsent: true })).toBe(false);
    expect(await session.get('a')).toBe('1');
    await wait(450);
    expect(await session.get('a')).toBeNull();
    expect(await session.set('a', '3', { expireMs: 400 })).toBe(true);
    // A plain SET takes the expiry away.
    expect(await session.set('a', '4')).toBe(true);
    await wait(450);
    expect(await session.get('a')).toBe('4');

    expect(await session.append('list', 'x')).toBe(1);
    expect(await session.append('list', 'x')).toBe(2);
    expect(await session.list('list')).toEqual(['x', 'x']);

    expect(await session.setIfNewer('newest:k', 9, 'v9')).toBe(true);
    expect(await session.setIfNewer('newest:k', 10, 'v10')).toBe(true);
    expect(await session.setIfNewer('newest:k', 9, 'v9')).toBe(false);
    expect(await session.setIfNewer('newest:k', 10, 'again')).toBe(false);
    expect(await session.get('newest:k')).toBe('v10');
    session.disconnect();
    await server.close();
  });
});

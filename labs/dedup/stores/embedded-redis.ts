/**
 * The embedded key-value store: the few commands of Redis that the lab needs, with Redis's semantics, over SQLite.
 *
 * Invariant: each command is atomic, as in Redis, which runs one at a time. A key is gone once the given clock reaches its expiry, whoever asks.
 * A plain SET takes an expiry away, as Redis's does.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Clock } from '@mqlab/core/ports/clock.ts';
import type { KeyValueServer, KeyValueSession, SetOptions } from './store.ts';

interface Entry {
  readonly value: string;
  readonly version: number;
}

const SCHEMA = `
CREATE TABLE entries (key TEXT PRIMARY KEY, value TEXT NOT NULL, version INTEGER NOT NULL, expires_ms REAL) WITHOUT ROWID;
CREATE TABLE items (key TEXT NOT NULL, at INTEGER NOT NULL, value TEXT NOT NULL, PRIMARY KEY (key, at)) WITHOUT ROWID;
`;

export class EmbeddedRedis implements KeyValueServer {
  readonly name = "embedded, Redis's semantics";
  readonly #database: DatabaseSync;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #statements = new Map<string, StatementSync>();

  constructor(clock: Pick<Clock, 'monotonic'>, path = ':memory:') {
    this.#clock = clock;
    this.#database = new DatabaseSync(path);
    if (path !== ':memory:') this.#database.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL');
    this.#database.exec(SCHEMA);
  }

  async connect(): Promise<KeyValueSession> {
    let ended = false;
    const open = <T>(command: () => T): Promise<T> =>
      ended ? Promise.reject(new Error('the connection has ended')) : Promise.resolve().then(command);
    return {
      get: (key) => open(() => this.#get(key)?.value ?? null),
      set: (key, value, options) => open(() => this.#set(key, value, options)),
      append: (key, value) => open(() => this.#append(key, value)),
      setIfNewer: (key, version, value) => open(() => this.#setIfNewer(key, version, value)),
      list: (key) => open(() => this.#list(key)),
      disconnect: () => {
        ended = true;
      },
    };
  }

  async close(): Promise<void> {
    this.#statements.clear();
    this.#database.close();
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) this.#statements.set(sql, (statement = this.#database.prepare(sql)));
    return statement;
  }

  #get(key: string): Entry | undefined {
    const now = this.#clock.monotonic();
    return this.#prepare(
      'SELECT value, version FROM entries WHERE key = ? AND (expires_ms IS NULL OR expires_ms > ?)',
    ).get(key, now) as Entry | undefined;
  }

  #put(key: string, value: string, version: number, expiresMs: number | null): void {
    this.#prepare('INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?)').run(key, value, version, expiresMs);
  }

  #set(key: string, value: string, options: SetOptions = {}): boolean {
    if (options.onlyIfAbsent === true && this.#get(key) !== undefined) return false;
    const { expireMs } = options;
    this.#put(key, value, 0, expireMs === undefined ? null : this.#clock.monotonic() + expireMs);
    return true;
  }

  #append(key: string, value: string): number {
    const { length } = this.#prepare('SELECT count(*) AS length FROM items WHERE key = ?').get(key) as {
      length: number;
    };
    this.#prepare('INSERT INTO items VALUES (?, ?, ?)').run(key, length, value);
    return length + 1;
  }

  #setIfNewer(key: string, version: number, value: string): boolean {
    const known = this.#get(key);
    if (known !== undefined && known.version >= version) return false;
    this.#put(key, value, version, null);
    return true;
  }

  #list(key: string): string[] {
    const rows = this.#prepare('SELECT value FROM items WHERE key = ? ORDER BY at').all(key) as { value: string }[];
    return rows.map(({ value }) => value);
  }
}

/**
 * What the application under test sees of its stores: a database with transactions, and Redis's commands. Small on purpose: the same
 * application code runs on the embedded stores, on PostgreSQL and on Redis.
 *
 * Invariant: SQL is written once for both databases, with `$1`, `$2`… for values. One call is one request: it takes effect whole, at one
 * moment, or not at all; its answer comes later, or never.
 */
export type SqlValue = string | number | null;

export interface SqlResult {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** Rows that the statement inserted, updated or deleted. */
  readonly changes: number;
}

export interface Sql {
  query(sql: string, values?: readonly SqlValue[]): Promise<SqlResult>;
}

export interface Database extends Sql {
  /** BEGIN, the body, COMMIT; ROLLBACK when the body throws. */
  transaction<T>(body: (transaction: Sql) => Promise<T>): Promise<T>;
}

export interface SetOptions {
  /** NX: set only what is not there. */
  readonly onlyIfAbsent?: boolean;
  /** PX: gone after this long. */
  readonly expireMs?: number;
}

export interface KeyValueStore {
  /** GET. */
  get(key: string): Promise<string | null>;
  /** SET; false when NX found the key there. */
  set(key: string, value: string, options?: SetOptions): Promise<boolean>;
  /** RPUSH: an effect that is not idempotent. */
  append(key: string, value: string): Promise<number>;
  /** One script: sets `value` unless a version at least as new stands there. False when it was left alone. */
  setIfNewer(key: string, version: number, value: string): Promise<boolean>;
}

/** One connection to a database server. */
export interface DatabaseSession extends Sql {
  begin(): Promise<void>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
  /** The connection breaks: an open transaction is rolled back. */
  disconnect(): void;
}

/** A database server: outlives the application. */
export interface DatabaseServer {
  readonly name: string;
  connect(): Promise<DatabaseSession>;
  close(): Promise<void>;
}

export interface KeyValueSession extends KeyValueStore {
  /** LRANGE 0 -1. */
  list(key: string): Promise<readonly string[]>;
  disconnect(): void;
}

export interface KeyValueServer {
  readonly name: string;
  connect(): Promise<KeyValueSession>;
  close(): Promise<void>;
}

/** `transaction` over the three calls of a session. */
export async function inTransaction<T>(
  session: Pick<DatabaseSession, 'begin' | 'commit' | 'rollback' | 'query'>,
  body: (transaction: Sql) => Promise<T>,
): Promise<T> {
  await session.begin();
  let result: T;
  try {
    result = await body(session);
  } catch (error) {
    await session.rollback();
    throw error;
  }
  await session.commit();
  return result;
}

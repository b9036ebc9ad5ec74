/**
 * The embedded database: SQLite behind the store interface, with sessions that take their turn.
 *
 * Invariant: as in SQLite itself there is one writer at a time: while a session has a transaction open, the others wait (readers too: they
 * share one connection here, and must not see what is not committed). A session that disconnects rolls back and lets the next one go on.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { DatabaseServer, DatabaseSession, SqlResult, SqlValue } from './store.ts';

export class SessionEnded extends Error {
  constructor() {
    super('the database session has ended');
    this.name = 'SessionEnded';
  }
}

export class EmbeddedDatabase implements DatabaseServer {
  readonly name = `SQLite ${process.versions.sqlite ?? ''}`.trim();
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #holder: EmbeddedSession | null = null;
  #waiting: { readonly session: EmbeddedSession; readonly go: () => void }[] = [];

  /** `:memory:`, or a file that is written as SQLite does by default for a server: WAL, a flush for each commit. */
  constructor(schema: readonly string[], path = ':memory:') {
    this.#database = new DatabaseSync(path);
    if (path !== ':memory:') this.#database.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL');
    for (const statement of schema) this.#database.exec(statement);
  }

  async connect(): Promise<DatabaseSession> {
    return new EmbeddedSession(this);
  }

  async close(): Promise<void> {
    this.#waiting = [];
    this.#statements.clear();
    this.#database.close();
  }

  /** Resolves when the session may run a statement: no other one is in a transaction. */
  turn(session: EmbeddedSession): Promise<void> | undefined {
    if (this.#holder === null || this.#holder === session) return undefined;
    return new Promise((go) => {
      this.#waiting.push({ session, go });
    });
  }

  /** Waits for its turn and takes it until `release`. */
  async hold(session: EmbeddedSession): Promise<void> {
    while (this.#holder !== null && this.#holder !== session) await this.turn(session);
    this.#holder = session;
    this.#database.exec('BEGIN IMMEDIATE');
  }

  release(session: EmbeddedSession, how: 'COMMIT' | 'ROLLBACK'): void {
    if (this.#holder !== session) throw new Error(`${how} without a transaction`);
    this.#database.exec(how);
    this.#holder = null;
    // All of them look again, in the order in which they came; the first that begins a transaction makes the rest wait anew.
    for (const { go } of this.#waiting.splice(0)) go();
  }

  /** The connection is gone. */
  end(session: EmbeddedSession): void {
    this.#waiting = this.#waiting.filter((waiting) => waiting.session !== session);
    if (this.#holder === session) this.release(session, 'ROLLBACK');
  }

  async run(session: EmbeddedSession, sql: string, values: readonly SqlValue[]): Promise<SqlResult> {
    while (this.#holder !== null && this.#holder !== session) await this.turn(session);
    let statement = this.#statements.get(sql);
    if (statement === undefined) this.#statements.set(sql, (statement = this.#database.prepare(sql)));
    const named = Object.fromEntries(values.map((value, at) => [`$${at + 1}`, value]));
    if (statement.columns().length > 0) {
      const rows = statement.all(named) as Record<string, unknown>[];
      return { rows, changes: rows.length };
    }
    return { rows: [], changes: Number(statement.run(named).changes) };
  }
}

class EmbeddedSession implements DatabaseSession {
  readonly #server: EmbeddedDatabase;
  #ended = false;

  constructor(server: EmbeddedDatabase) {
    this.#server = server;
  }

  async query(sql: string, values: readonly SqlValue[] = []): Promise<SqlResult> {
    this.#assertOpen();
    return this.#server.run(this, sql, values);
  }

  async begin(): Promise<void> {
    this.#assertOpen();
    await this.#server.hold(this);
  }

  async commit(): Promise<void> {
    this.#assertOpen();
    this.#server.release(this, 'COMMIT');
  }

  async rollback(): Promise<void> {
    this.#assertOpen();
    this.#server.release(this, 'ROLLBACK');
  }

  disconnect(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#server.end(this);
  }

  #assertOpen(): void {
    if (this.#ended) throw new SessionEnded();
  }
}

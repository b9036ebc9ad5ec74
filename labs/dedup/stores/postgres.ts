/**
 * A real PostgreSQL behind the same interface, by pg.
 *
 * Invariant: the tables of a run stand in a schema of its own that is dropped at the end. One connection an application process; breaking it
 * rolls back what was open, by the server's own doing. Isolation is the server's default: read committed.
 */
import pg from 'pg';
import type { DatabaseServer, DatabaseSession } from './store.ts';

export async function openPostgres(
  url: string,
  schemaName: string,
  tables: readonly string[],
): Promise<DatabaseServer> {
  const admin = await connect(url, schemaName);
  const { rows } = await admin.query('SHOW server_version');
  await admin.query(`CREATE SCHEMA "${schemaName}"`);
  for (const statement of tables) await admin.query(statement);
  const sessions = new Set<pg.Client>();
  return {
    name: `PostgreSQL ${String((rows[0] as { server_version: string }).server_version).split(' ')[0]}`,
    connect: async () => {
      const client = await connect(url, schemaName);
      sessions.add(client);
      return session(client, () => sessions.delete(client));
    },
    close: async () => {
      for (const client of sessions) breakOff(client);
      await admin.query(`DROP SCHEMA "${schemaName}" CASCADE`);
      await admin.end();
    },
  };
}

async function connect(url: string, schemaName: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, options: `-c search_path=${schemaName}` });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** As a crash does: no goodbye. */
function breakOff(client: pg.Client): void {
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
}

function session(client: pg.Client, ended: () => void): DatabaseSession {
  return {
    query: async (sql, values = []) => {
      const result = await client.query(sql, [...values]);
      return { rows: result.rows as Record<string, unknown>[], changes: result.rowCount ?? 0 };
    },
    begin: async () => void (await client.query('BEGIN')),
    commit: async () => void (await client.query('COMMIT')),
    rollback: async () => void (await client.query('ROLLBACK')),
    disconnect: () => {
      ended();
      breakOff(client);
    },
  };
}

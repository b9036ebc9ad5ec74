/**
 * The result goes to a database, and the offset with it. The group's offset is not used: at its start the consumer asks the database where it was.
 *
 * The consumer is assigned by hand here, so nothing but the database stops a second one; that is what the comparison in the update is for.
 */
import { Exit } from '../../kit/members.ts';
import { type Hands, POLL_MS, SOURCE, type Sql } from './hands.ts';

export const TABLES = [
  'CREATE TABLE results (departure TEXT NOT NULL, text TEXT NOT NULL)',
  'CREATE TABLE positions (partition INTEGER PRIMARY KEY, next INTEGER NOT NULL)',
  'INSERT INTO positions VALUES (0, 0)',
];
export const INSERT_RESULT = 'INSERT INTO results (departure, text) VALUES ($1, $2)';
export const SELECT_POSITION = 'SELECT next FROM positions WHERE partition = 0';
export const MOVE_IF_THERE = 'UPDATE positions SET next = $1 WHERE partition = 0 AND next = $2';
export const MOVE = 'UPDATE positions SET next = $1 WHERE partition = 0';

export async function seekToStored({ consumer, database }: Hands): Promise<void> {
  const { rows } = await database.query(SELECT_POSITION);
  await consumer.seek({ topic: SOURCE, partition: 0, offset: Number(rows[0]?.next ?? 0) });
}

// #excerpt offset-in-database
export async function offsetInDatabase(hands: Hands): Promise<never> {
  const { consumer, database } = hands;
  await seekToStored(hands);
  for (;;) {
    for (const { offset, key, value } of await consumer.poll(POLL_MS)) {
      await database.transaction(async (sql: Sql) => {
        const moved = await sql.query(MOVE_IF_THERE, offset + 1, offset);
        // Somebody else was here: this consumer has been replaced and does not know it yet.
        if (moved.changes === 0) throw new Exit('replaced');
        await sql.query(INSERT_RESULT, key ?? '', value);
      });
    }
  }
}
// #end

/** The same without the comparison. */
// #excerpt offset-overwritten
export async function offsetOverwritten(hands: Hands): Promise<never> {
  const { consumer, database } = hands;
  await seekToStored(hands);
  for (;;) {
    for (const { offset, key, value } of await consumer.poll(POLL_MS)) {
      await database.transaction(async (sql: Sql) => {
        await sql.query(MOVE, offset + 1);
        await sql.query(INSERT_RESULT, key ?? '', value);
      });
    }
  }
}
// #end

/** The same database, and two transactions. */
// #excerpt offset-apart
export async function offsetApart(hands: Hands): Promise<never> {
  const { consumer, database } = hands;
  await seekToStored(hands);
  for (;;) {
    for (const { offset, key, value } of await consumer.poll(POLL_MS)) {
      await database.transaction((sql: Sql) => sql.query(INSERT_RESULT, key ?? '', value));
      await database.transaction((sql: Sql) => sql.query(MOVE, offset + 1));
    }
  }
}
// #end

/**
 * C73: a unique constraint of the database. It holds when the id is inserted in the transaction that makes the effect; apart from it, the
 * constraint is a global id like any other. What lies outside the database needs an outbox, and even that delivers at least once.
 */
import { DEPARTURES, departureOf, INSERT_DEPARTURE } from './primary-key.ts';
import { countDepartures, countIds, type Flight, type Readers, type Stores, type Strategy } from './strategy.ts';

export const PROCESSED = 'CREATE TABLE processed (flight TEXT PRIMARY KEY)';
export const OUTBOX = 'CREATE TABLE outbox (flight TEXT PRIMARY KEY, sequence INTEGER NOT NULL)';

/** No row is inserted, and `changes` is 0, when the constraint refuses the id. */
export const INSERT_PROCESSED = 'INSERT INTO processed (flight) VALUES ($1) ON CONFLICT (flight) DO NOTHING';

// #excerpt unique-apart
async function uniqueApart(flight: Flight, { database }: Stores): Promise<void> {
  const { changes } = await database.query(INSERT_PROCESSED, [flight.id]);
  if (changes === 0) return;
  // The id is committed. If this process ends here, nobody will ever make the effect.
  await database.query(INSERT_DEPARTURE, departureOf(flight));
}
// #end

// #excerpt unique
async function unique(flight: Flight, { database }: Stores): Promise<void> {
  await database.transaction(async (transaction) => {
    const { changes } = await transaction.query(INSERT_PROCESSED, [flight.id]);
    if (changes === 0) return;
    await transaction.query(INSERT_DEPARTURE, departureOf(flight));
  });
}
// #end

// #excerpt inbox-then-outside
async function inboxThenOutside(flight: Flight, { database, redis }: Stores): Promise<void> {
  const isNew = await database.transaction(async (transaction) => {
    const { changes } = await transaction.query(INSERT_PROCESSED, [flight.id]);
    if (changes === 0) return false;
    await transaction.query(INSERT_DEPARTURE, departureOf(flight));
    return true;
  });
  // An e-mail, a payment, a call of another system: no transaction of this database covers it.
  if (isNew) await redis.append('notices', flight.id);
}
// #end

export const INSERT_OUTBOX = 'INSERT INTO outbox (flight, sequence) VALUES ($1, $2)';
export const NEXT_IN_OUTBOX = 'SELECT flight FROM outbox ORDER BY sequence LIMIT 1';
export const DELETE_OUTBOX = 'DELETE FROM outbox WHERE flight = $1';

// #excerpt outbox
async function inboxAndOutbox(flight: Flight, { database }: Stores): Promise<void> {
  await database.transaction(async (transaction) => {
    const { changes } = await transaction.query(INSERT_PROCESSED, [flight.id]);
    if (changes === 0) return;
    await transaction.query(INSERT_DEPARTURE, departureOf(flight));
    await transaction.query(INSERT_OUTBOX, [flight.id, flight.sequence]);
  });
}

/** Sends what the outbox holds, and forgets it only once it was sent: at least once. */
async function relay({ database, redis }: Stores): Promise<void> {
  for (;;) {
    const { rows } = await database.query(NEXT_IN_OUTBOX);
    const next = rows[0];
    if (next === undefined) return;
    await redis.append('notices', String(next.flight));
    await database.query(DELETE_OUTBOX, [String(next.flight)]);
  }
}
// #end

async function countNotices({ redis }: Readers): Promise<readonly (readonly [string, number])[]> {
  return countIds(await redis.list('notices'));
}

export const UNIQUE_APART: Strategy = {
  id: 'unique-apart',
  title: 'unique id apart',
  tables: [DEPARTURES, PROCESSED],
  handle: uniqueApart,
  effects: countDepartures,
};

export const UNIQUE: Strategy = {
  id: 'unique',
  title: 'unique id with effect',
  tables: [DEPARTURES, PROCESSED],
  handle: unique,
  effects: countDepartures,
};

/** The effect that is counted is the one outside the database. */
export const INBOX_THEN_OUTSIDE: Strategy = {
  id: 'inbox-then-outside',
  title: 'inbox, effect outside',
  tables: [DEPARTURES, PROCESSED],
  handle: inboxThenOutside,
  effects: countNotices,
};

export const OUTBOX_RELAY: Strategy = {
  id: 'outbox',
  title: 'inbox, outbox, relay',
  tables: [DEPARTURES, PROCESSED, OUTBOX],
  handle: inboxAndOutbox,
  afterPoll: relay,
  effects: countNotices,
};

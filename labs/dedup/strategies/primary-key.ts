/**
 * C70: idempotent by the record's own key. Four ways to write one departure a flight: a plain insert, look up and then decide, one atomic upsert of
 * what the row *is*, and one atomic upsert that *adds*.
 */
import { countDepartures, countIds, type Flight, type Stores, type Strategy } from './strategy.ts';

/** A row number is the table's key, as often: the flight is a column like others. */
export const DEPARTURES =
  'CREATE TABLE departures (flight TEXT NOT NULL, airport TEXT NOT NULL, miles INTEGER NOT NULL)';
/** The flight is the table's key. */
export const DEPARTURES_BY_FLIGHT =
  'CREATE TABLE departures (flight TEXT PRIMARY KEY, airport TEXT NOT NULL, miles INTEGER NOT NULL)';
export const BOARDS = 'CREATE TABLE boards (airport TEXT PRIMARY KEY, miles INTEGER NOT NULL, flights TEXT NOT NULL)';

export const INSERT_DEPARTURE = 'INSERT INTO departures (flight, airport, miles) VALUES ($1, $2, $3)';

export function departureOf({ id, airport, miles }: Flight): readonly [string, string, number] {
  return [id, airport, miles];
}

// #excerpt insert
async function insert(flight: Flight, { database }: Stores): Promise<void> {
  await database.query(INSERT_DEPARTURE, departureOf(flight));
}
// #end

export const LOOK_UP_DEPARTURE = 'SELECT airport FROM departures WHERE flight = $1';
export const UPDATE_DEPARTURE = 'UPDATE departures SET airport = $2, miles = $3 WHERE flight = $1';

// #excerpt look-up-then-insert
async function lookUpThenInsert(flight: Flight, { database }: Stores): Promise<void> {
  const { rows } = await database.query(LOOK_UP_DEPARTURE, [flight.id]);
  // Between the answer above and the request below another consumer may do the same.
  if (rows.length === 0) await database.query(INSERT_DEPARTURE, departureOf(flight));
  else await database.query(UPDATE_DEPARTURE, departureOf(flight));
}
// #end

export const UPSERT_DEPARTURE =
  'INSERT INTO departures (flight, airport, miles) VALUES ($1, $2, $3) ' +
  'ON CONFLICT (flight) DO UPDATE SET airport = excluded.airport, miles = excluded.miles';

// #excerpt upsert
async function upsert(flight: Flight, { database }: Stores): Promise<void> {
  // One statement, and `flight` is the table's primary key: the database decides between insert and update.
  await database.query(UPSERT_DEPARTURE, departureOf(flight));
}
// #end

export const UPSERT_ADD =
  'INSERT INTO boards (flights, airport, miles) VALUES ($1, $2, $3) ' +
  "ON CONFLICT (airport) DO UPDATE SET miles = boards.miles + excluded.miles, flights = boards.flights || ' ' || excluded.flights";

// #excerpt upsert-add
async function upsertAdd(flight: Flight, { database }: Stores): Promise<void> {
  // As atomic as the other upsert, but it adds: twice is not the same as once.
  await database.query(UPSERT_ADD, departureOf(flight));
}
// #end

export const INSERT: Strategy = {
  id: 'insert',
  title: 'insert a row',
  tables: [DEPARTURES],
  handle: insert,
  effects: countDepartures,
};

export const LOOK_UP_THEN_INSERT: Strategy = {
  id: 'look-up-then-insert',
  title: 'look up, then insert',
  tables: [DEPARTURES],
  handle: lookUpThenInsert,
  effects: countDepartures,
};

export const UPSERT: Strategy = {
  id: 'upsert',
  title: 'upsert, overwriting',
  tables: [DEPARTURES_BY_FLIGHT],
  handle: upsert,
  effects: countDepartures,
};

export const UPSERT_ADDING: Strategy = {
  id: 'upsert-add',
  title: 'upsert, adding',
  tables: [BOARDS],
  handle: upsertAdd,
  effects: async ({ database }) => {
    const { rows } = await database.query('SELECT flights FROM boards ORDER BY airport');
    return countIds(rows.flatMap((row) => String(row.flights).split(' ')));
  },
};

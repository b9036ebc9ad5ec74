/**
 * C72: a global id in Redis, checked before processing. The id and the effect stand in two systems, so there is always a moment when one of them
 * is there without the other: which one, is all that the order of the steps decides.
 */
import { DEPARTURES, departureOf, INSERT_DEPARTURE } from './primary-key.ts';
import { countDepartures, type Flight, type Stores, type Strategy } from './strategy.ts';

/** How long a consumer may take for one record before another one may try. */
export const LEASE_MS = 400;

// #excerpt check-process-set
async function checkProcessSet(flight: Flight, { database, redis }: Stores): Promise<void> {
  if ((await redis.get(`id:${flight.id}`)) !== null) return;
  await database.query(INSERT_DEPARTURE, departureOf(flight));
  await redis.set(`id:${flight.id}`, 'done');
}
// #end

// #excerpt check-set-process
async function checkSetProcess(flight: Flight, { database, redis }: Stores): Promise<void> {
  if ((await redis.get(`id:${flight.id}`)) !== null) return;
  await redis.set(`id:${flight.id}`, 'seen');
  await database.query(INSERT_DEPARTURE, departureOf(flight));
}
// #end

// #excerpt set-nx-first
async function setNxFirst(flight: Flight, { database, redis }: Stores): Promise<void> {
  // Atomic: of two consumers one wins. But the winner may die before it does what it won.
  if (!(await redis.set(`id:${flight.id}`, 'seen', { onlyIfAbsent: true }))) return;
  await database.query(INSERT_DEPARTURE, departureOf(flight));
}
// #end

// #excerpt set-nx-after
async function setNxAfter(flight: Flight, { database, redis }: Stores): Promise<void> {
  if ((await redis.get(`id:${flight.id}`)) !== null) return;
  await database.query(INSERT_DEPARTURE, departureOf(flight));
  // False: another consumer was faster. The row above is there by then.
  await redis.set(`id:${flight.id}`, 'done', { onlyIfAbsent: true });
}
// #end

// #excerpt set-nx-lease
async function setNxLease(flight: Flight, { database, redis, sleep }: Stores): Promise<void> {
  const id = `id:${flight.id}`;
  while (!(await redis.set(id, 'working', { onlyIfAbsent: true, expireMs: LEASE_MS }))) {
    if ((await redis.get(id)) === 'done') return;
    await sleep(LEASE_MS / 4);
  }
  await database.query(INSERT_DEPARTURE, departureOf(flight));
  await redis.set(id, 'done');
}
// #end

function strategy(id: string, title: string, handle: Strategy['handle']): Strategy {
  return { id, title, tables: [DEPARTURES], handle, effects: countDepartures };
}

export const CHECK_PROCESS_SET = strategy('check-process-set', 'GET, process, SET', checkProcessSet);
export const CHECK_SET_PROCESS = strategy('check-set-process', 'GET, SET, process', checkSetProcess);
export const SET_NX_FIRST = strategy('set-nx-first', 'SET NX, process', setNxFirst);
export const SET_NX_AFTER = strategy('set-nx-after', 'GET, process, SET NX', setNxAfter);
export const SET_NX_LEASE = strategy('set-nx-lease', 'SET NX lease, process', setNxLease);
/** For the expiry figure: processed first, remembered for `expireMs`. */
export function checkProcessSetFor(expireMs: number): Strategy {
  return strategy(
    `check-process-set-${expireMs}`,
    'Redis: GET, process, SET PX',
    async (flight, { database, redis }) => {
      if ((await redis.get(`id:${flight.id}`)) !== null) return;
      await database.query(INSERT_DEPARTURE, departureOf(flight));
      await redis.set(`id:${flight.id}`, 'done', { expireMs });
    },
  );
}

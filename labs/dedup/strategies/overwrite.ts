/**
 * C71: idempotent because the write is: Redis SET. A key for each flight; a key for the latest flight of each airport; and that one again,
 * guarded by the source's own version.
 */
import type { Flight, Readers, Stores, Strategy } from './strategy.ts';

// #excerpt set-per-flight
async function setPerFlight(flight: Flight, { redis }: Stores): Promise<void> {
  await redis.set(`departure:${flight.id}`, flight.text);
}
// #end

// #excerpt set-latest
async function setLatest(flight: Flight, { redis }: Stores): Promise<void> {
  await redis.set(`latest:${flight.airport}`, flight.id);
}
// #end

// #excerpt set-latest-if-newer
async function setLatestIfNewer(flight: Flight, { redis }: Stores): Promise<void> {
  // A short Lua script in Redis compares and sets in one step. The version is the source's: an offset would change on a resend.
  await redis.setIfNewer(`newest:${flight.airport}`, flight.sequence, flight.id);
}
// #end

/** What stands at each airport's key at the end. */
async function latest(
  prefix: string,
  { redis }: Readers,
  flights: readonly Flight[],
): Promise<readonly (readonly [string, number])[]> {
  const airports = [...new Set(flights.map(({ airport }) => airport))].sort();
  const ids: string[] = [];
  for (const airport of airports) {
    const id = await redis.get(`${prefix}:${airport}`);
    if (id !== null) ids.push(id);
  }
  return ids.sort().map((id) => [id, 1]);
}

export const SET_PER_FLIGHT: Strategy = {
  id: 'redis-set-per-record',
  title: 'SET, a key per record',
  tables: [],
  handle: setPerFlight,
  effects: async ({ redis }, flights) => {
    const counts: [string, number][] = [];
    for (const { id } of flights) if ((await redis.get(`departure:${id}`)) !== null) counts.push([id, 1]);
    return counts;
  },
};

export const SET_LATEST: Strategy = {
  id: 'redis-set-latest',
  title: 'SET, latest at one key',
  tables: [],
  handle: setLatest,
  effects: (readers, flights) => latest('latest', readers, flights),
};

export const SET_LATEST_IF_NEWER: Strategy = {
  id: 'redis-set-if-newer',
  title: 'SET if newer (script)',
  tables: [],
  handle: setLatestIfNewer,
  effects: (readers, flights) => latest('newest', readers, flights),
};

/**
 * A way to consume: what the application does with one record, on which tables, and how its effects are counted at the end.
 *
 * Invariant: the handler is the code under test and nothing else: it knows no faults, no history and no target. Counting reads the store
 * with a fresh connection, by identity.
 */
import type { SeenRecord } from '../../kit/history.ts';
import type { Database, DatabaseSession, KeyValueSession, KeyValueStore } from '../stores/store.ts';

/** A departure as the source sends it: `v0 ABQ→DAL 580 mi`. The id is global and never used twice. */
export interface Flight {
  readonly id: string;
  /** Rises with every flight: the source's own version, which a resend does not change. */
  readonly sequence: number;
  readonly airport: string;
  readonly miles: number;
  readonly text: string;
}

/** What the application has at hand. */
export interface Stores {
  readonly database: Database;
  readonly redis: KeyValueStore;
  sleep(ms: number): Promise<void>;
}

export type Handler = (flight: Flight, stores: Stores) => Promise<void>;

/** Connections that no fault touches, to read the stores at the end. */
export interface Readers {
  readonly database: DatabaseSession;
  readonly redis: KeyValueSession;
}

export interface Strategy {
  readonly id: string;
  /** As the state table's row says it. */
  readonly title: string;
  readonly tables: readonly string[];
  readonly handle: Handler;
  /** Runs after each poll's records were handled and committed, and after an empty poll. */
  readonly afterPoll?: (stores: Stores) => Promise<void>;
  /** How often each flight's effect stands in the store. */
  readonly effects: (
    readers: Readers,
    flights: readonly Flight[],
  ) => Promise<readonly (readonly [id: string, count: number])[]>;
}

export function readFlight({ key, value }: Pick<SeenRecord, 'key' | 'value'>): Flight {
  const [id = ''] = value.split(' ', 1);
  const miles = Number(/ (\d+) mi$/.exec(value)?.[1] ?? 0);
  return { id, sequence: Number(id.slice(1)), airport: key ?? '', miles, text: value };
}

/** Rows by flight. */
export async function countDepartures({ database }: Readers): Promise<readonly (readonly [string, number])[]> {
  const { rows } = await database.query(
    'SELECT flight, CAST(count(*) AS INTEGER) AS times FROM departures GROUP BY flight ORDER BY flight',
  );
  return rows.map((row) => [String(row.flight), Number(row.times)]);
}

/** Occurrences in a list of ids. */
export function countIds(ids: readonly string[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

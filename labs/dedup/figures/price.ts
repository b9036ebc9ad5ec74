/**
 * What each way costs: one consumer that handles record after record, as a partition's consumer does, against a store in a file (SQLite, a flush for each commit) or
 * the real servers that the user named.
 *
 * Invariant: rounds of all ways are interleaved, so that what else the machine does hits all alike; every record is new, which is the common case. Time goes from the
 * start of a record to its last answer: a consumer of one partition is a closed loop by nature, and the next record waits for it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BarChart } from '@mqlab/reports/chart-spec.ts';
import type { Figure, PriceRow } from '@mqlab/reports/run-data.ts';
import { flightsOf } from '../../kit/flights.ts';
import type { InputRecord } from '../../kit/input.ts';
import { EmbeddedDatabase } from '../stores/embedded-database.ts';
import { EmbeddedRedis } from '../stores/embedded-redis.ts';
import { type DatabaseServer, inTransaction, type KeyValueServer } from '../stores/store.ts';
import { CHECK_PROCESS_SET, SET_NX_LEASE } from '../strategies/global-id.ts';
import { INSERT, LOOK_UP_THEN_INSERT, UPSERT } from '../strategies/primary-key.ts';
import { readFlight, type Stores, type Strategy } from '../strategies/strategy.ts';
import { OUTBOX_RELAY, UNIQUE } from '../strategies/unique-constraint.ts';

const MEASURED: readonly Strategy[] = [
  INSERT,
  LOOK_UP_THEN_INSERT,
  UPSERT,
  CHECK_PROCESS_SET,
  SET_NX_LEASE,
  UNIQUE,
  OUTBOX_RELAY,
];
const ROUNDS = 5;

interface Bench {
  readonly strategy: Strategy;
  readonly stores: Stores;
  readonly rates: number[];
  readonly p99s: number[];
  readonly close: () => Promise<void>;
}

export interface Price {
  readonly figures: Readonly<Record<string, Figure>>;
  readonly charts: Readonly<Record<string, BarChart>>;
  readonly price: readonly PriceRow[];
  /** The stores that were measured. */
  readonly stores: string;
}

export async function measurePrice(
  input: readonly InputRecord[],
  options: Readonly<Record<string, string>>,
  roundMs: number,
): Promise<Price> {
  const folder = await mkdtemp(join(tmpdir(), 'mqlab-dedup-'));
  const benches: Bench[] = [];
  let name = '';
  try {
    for (const strategy of MEASURED) {
      const { bench, storesName } = await openBench(strategy, folder, options);
      benches.push(bench);
      name = storesName;
    }
    const flights = flightsOf(
      Array.from({ length: 4096 }, (_, at) => ({ key: at % 8 })),
      input,
    ).map(readFlight);
    let next = 0;
    const handleFor = async (bench: Bench, ms: number): Promise<number[]> => {
      const took: number[] = [];
      const end = performance.now() + ms;
      for (let now = performance.now(); now < end; ) {
        const sequence = next++;
        const flight = { ...flights[sequence % flights.length]!, id: `v${sequence}`, sequence };
        await bench.strategy.handle(flight, bench.stores);
        await bench.strategy.afterPoll?.(bench.stores);
        const done = performance.now();
        took.push(done - now);
        now = done;
      }
      return took;
    };
    // A first round that does not count: statements are prepared, pages are there.
    for (const bench of benches) await handleFor(bench, roundMs / 4);
    for (let round = 0; round < ROUNDS; round++) {
      for (const bench of benches) {
        const took = await handleFor(bench, roundMs);
        const totalMs = took.reduce((sum, ms) => sum + ms, 0);
        bench.rates.push((took.length / totalMs) * 1000);
        took.sort((a, b) => a - b);
        bench.p99s.push(took[Math.min(took.length - 1, Math.ceil(took.length * 0.99) - 1)]!);
      }
    }
    return priceOf(benches, name);
  } finally {
    for (const { close } of benches) await close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function openBench(
  strategy: Strategy,
  folder: string,
  options: Readonly<Record<string, string>>,
): Promise<{ bench: Bench; storesName: string }> {
  const clock = { monotonic: () => performance.now() };
  const { postgres, redis } = options;
  const own = `mqlab_price_${process.pid}_${strategy.id.replaceAll('-', '_')}`;
  const database: DatabaseServer =
    postgres === undefined
      ? new EmbeddedDatabase(strategy.tables, join(folder, `${strategy.id}.db`))
      : await (await import('../stores/postgres.ts')).openPostgres(postgres, own, strategy.tables);
  const keyValue: KeyValueServer =
    redis === undefined
      ? new EmbeddedRedis(clock, join(folder, `${strategy.id}.kv`))
      : await (await import('../stores/redis.ts')).openRedis(redis, `${own}:`);
  const [session, commands] = await Promise.all([database.connect(), keyValue.connect()]);
  const stores: Stores = {
    database: {
      query: (sql, values) => session.query(sql, values),
      transaction: (body) => inTransaction(session, body),
    },
    redis: commands,
    sleep: () => Promise.reject(new Error('nobody else holds a lease here')),
  };
  const bench: Bench = {
    strategy,
    stores,
    rates: [],
    p99s: [],
    close: async () => {
      session.disconnect();
      commands.disconnect();
      await database.close();
      await keyValue.close();
    },
  };
  const keyValueName = redis === undefined ? 'embedded key-value store in a file' : keyValue.name;
  return { bench, storesName: `${database.name}${postgres === undefined ? ' in a file' : ''}, ${keyValueName}` };
}

function figureOf(values: readonly number[], unit: string, source: string): Figure {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.floor(sorted.length / 2)]!;
  return { value, unit, label: 'measured', samples: sorted.length, min: sorted[0]!, max: sorted.at(-1)!, source };
}

function priceOf(benches: readonly Bench[], stores: string): Price {
  const figures: Record<string, Figure> = {};
  const source = `${stores}; one consumer, one record at a time, median of interleaved rounds`;
  for (const { strategy, rates, p99s } of benches) {
    figures[`throughput.${strategy.id}`] = figureOf(rates, 'records/s', source);
    figures[`p99.${strategy.id}`] = figureOf(p99s, 'ms', source);
  }
  const bars = (metric: 'throughput' | 'p99', title: string, unit: string): BarChart => {
    const of = benches.map(({ strategy }) => figures[`${metric}.${strategy.id}`]!);
    return {
      type: 'bar',
      horizontal: true,
      title,
      caption: 'The whiskers span all rounds.',
      source: `measured: ${source}`,
      x: { name: 'way to consume', unit: '' },
      y: { name: metric === 'p99' ? 'p99 of one record' : 'records handled', unit },
      categories: benches.map(({ strategy }) => strategy.title),
      series: [
        {
          name: metric === 'p99' ? 'p99' : 'throughput',
          values: of.map(({ value }) => value),
          min: of.map(({ min }) => min!),
          max: of.map(({ max }) => max!),
        },
      ],
    };
  };
  const pair = (before: Strategy, after: Strategy, words: string): PriceRow[] => [
    { metric: `throughput: ${words}`, before: `throughput.${before.id}`, after: `throughput.${after.id}` },
    { metric: `p99 of one record: ${words}`, before: `p99.${before.id}`, after: `p99.${after.id}` },
  ];
  return {
    figures,
    charts: {
      'price-throughput': bars('throughput', 'What each way costs one consumer', 'records/s'),
      'price-p99': bars('p99', 'The slowest hundredth of records', 'ms'),
    },
    price: [
      ...pair(INSERT, UNIQUE, 'plain insert → unique id in the same transaction'),
      ...pair(LOOK_UP_THEN_INSERT, UPSERT, 'look up, then insert → one upsert'),
      ...pair(CHECK_PROCESS_SET, UNIQUE, 'GET, process, SET → unique id in the same transaction'),
      ...pair(UNIQUE, OUTBOX_RELAY, 'inbox → inbox, outbox and relay'),
    ],
    stores,
  };
}

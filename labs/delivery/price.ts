/**
 * What exactly once costs a consumer: the same loop over the same departures, which writes a record for each and then commits, or does both in a transaction; by how many records it takes at a time.
 * And the database: the result alone, or with the offset, in a file with a flush for each commit.
 *
 * Invariant: the ways take turns, so that what else the machine does hits all alike. A consumer of one partition is a closed loop by nature: the next records wait for it. What is measured
 * is the time from one poll that returned to the next.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spreadOf } from '@mqlab/bench/statistics.ts';
import type { BarChart } from '@mqlab/reports/chart-spec.ts';
import type { Figure, PriceRow } from '@mqlab/reports/run-data.ts';
import { EmbeddedDatabase } from '../dedup/stores/embedded-database.ts';
import { inTransaction } from '../dedup/stores/store.ts';
import type { ClientDriver, ConsumerDriver } from '../kit/drivers/driver.ts';
import { openDriver } from '../kit/drivers/open-driver.ts';
import type { FigureContext } from '../kit/lab.ts';
import { TABLES } from './app/database.ts';
import { type Database, GROUP, type Hands, RESULTS, SOURCE } from './app/hands.ts';
import { BROKER_SETTINGS } from './run.ts';
import { WAYS, type WayName } from './ways.ts';

const SIZES = [1, 10, 100] as const;
const RECORDS = { 1: 40, 10: 200, 100: 600 } as const;
const ROUNDS = { quick: 3, full: 9 } as const;
const KAFKA_WAYS = ['copy', 'transaction'] as const satisfies readonly WayName[];
const DATABASE_WAYS = ['offset-apart', 'offset-in-database'] as const satisfies readonly WayName[];
const DATABASE_RECORDS = 40;
const RECORDS_MAX = 600;
const SILENCE_MS_MAX = 15_000;

interface Cell {
  readonly way: WayName;
  readonly size: number;
  readonly records: number;
  readonly rates: number[];
  readonly p99s: number[];
}

export async function measurePrice(context: FigureContext): Promise<{
  readonly figures: Record<string, Figure>;
  readonly charts: Record<string, BarChart>;
  readonly price: readonly PriceRow[];
}> {
  const target = await context.open('local', BROKER_SETTINGS);
  const folder = await mkdtemp(join(tmpdir(), 'mqlab-delivery-'));
  try {
    const driver = openDriver('mqlab', target.app('price').ports, target.bootstrap);
    const admin = await driver.admin();
    await admin.createTopic(SOURCE, 1);
    await admin.createTopic(RESULTS, 1);
    const source = await driver.producer();
    const sends = Array.from({ length: RECORDS_MAX }, (_, at) => {
      const { key, value } = context.input[at % context.input.length]!;
      return source.send({ topic: SOURCE, partition: 0, key, value });
    });
    await Promise.all(sends);
    await source.close();
    const cells: Cell[] = [
      ...SIZES.flatMap((size) => KAFKA_WAYS.map((way) => ({ way, size, records: RECORDS[size], rates: [], p99s: [] }))),
      ...DATABASE_WAYS.map((way) => ({ way, size: 1, records: DATABASE_RECORDS, rates: [], p99s: [] })),
    ];
    for (const cell of cells) await takeRound(cell, driver, folder, 'warm');
    for (let round = 0; round < ROUNDS[context.profile]; round++) {
      for (const cell of cells) {
        const took = await takeRound(cell, driver, folder, String(round));
        const totalMs = took.reduce((sum, ms) => sum + ms, 0);
        cell.rates.push((cell.records / totalMs) * 1000);
        took.sort((a, b) => a - b);
        cell.p99s.push(took[Math.min(took.length - 1, Math.ceil(took.length * 0.99) - 1)]!);
      }
    }
    await admin.close();
    return priceOf(cells);
  } finally {
    await target.close();
    await rm(folder, { recursive: true, force: true });
  }
}

class Enough extends Error {}

/** The way's own loop, until it has been through its records; how long each turn took. */
async function takeRound(
  { way, size, records }: Cell,
  driver: ClientDriver,
  folder: string,
  round: string,
): Promise<number[]> {
  const took: number[] = [];
  const name = `${GROUP}-${way}-${size}-${round}`;
  const isDatabase = WAYS[way].effect === 'database';
  const opened = await driver.consumer({
    ...(isDatabase ? { partitions: [{ topic: SOURCE, partition: 0 }] } : { group: name, topics: [SOURCE] }),
    fromBeginning: true,
    autoCommit: false,
    maxPollRecords: size,
  });
  let seen = 0;
  let began: number | null = null;
  let heardMs = performance.now();
  const consumer: ConsumerDriver = {
    ...opened,
    generation: -1,
    poll: async (maxWaitMs) => {
      if (began !== null) took.push(performance.now() - began);
      if (seen >= records) throw new Enough();
      const polled = await opened.poll(maxWaitMs);
      began = polled.length === 0 ? null : performance.now();
      if (began !== null) heardMs = began;
      else if (performance.now() - heardMs > SILENCE_MS_MAX) {
        throw new Error(`${name}: no record for ${SILENCE_MS_MAX} ms after ${seen} of ${records}`);
      }
      seen += polled.length;
      return polled;
    },
  };
  const producer = await driver.producer({ lingerMs: 0 });
  const transactional =
    way === 'transaction' ? await driver.transactional({ transactionalId: name, lingerMs: 0 }) : null;
  const server = isDatabase ? new EmbeddedDatabase(TABLES, join(folder, `${name}.db`)) : null;
  const session = server === null ? null : await server.connect();
  const database: Database | null =
    session === null
      ? null
      : {
          query: (sql, ...values) => session.query(sql, values),
          transaction: (body) =>
            inTransaction(session, () => body({ query: (sql, ...values) => session.query(sql, values) })),
        };
  const hands = { consumer, producer, transactional, database, mailbox: { send: async () => {} } } as unknown as Hands;
  try {
    await WAYS[way].main(hands);
  } catch (error) {
    if (!(error instanceof Enough)) throw error;
  }
  await producer.close();
  await transactional?.close();
  await opened.close();
  session?.disconnect();
  await server?.close();
  return took;
}

function priceOf(cells: readonly Cell[]) {
  const figures: Record<string, Figure> = {};
  for (const { way, size, rates, p99s } of cells) {
    const source = `own client, ${size} records a poll, each result sent and awaited, local target${WAYS[way].effect === 'database' ? ', SQLite in a file, a flush for each commit' : ''}`;
    const measured = (samples: readonly number[], unit: string, more: string): Figure => {
      const { median, min, max, samples: count } = spreadOf(samples);
      return { value: median, unit, label: 'measured', samples: count, min, max, source: source + more };
    };
    figures[`rate.${way}.${size}`] = measured(rates, 'records/s', '');
    figures[`p99.${way}.${size}`] = measured(p99s, 'ms', '; from one poll that returned to the next');
  }
  const categories = SIZES.map(String);
  const bars = (metric: 'rate' | 'p99', title: string, name: string, unit: string): BarChart => ({
    type: 'bar',
    title,
    source: 'local target, one broker process, the own client',
    x: { name: 'records a poll, and so a transaction', unit: '' },
    y: { name, unit },
    categories,
    series: KAFKA_WAYS.map((way) => ({
      name: WAYS[way].title,
      values: SIZES.map((size) => figures[`${metric}.${way}.${size}`]!.value),
      min: SIZES.map((size) => figures[`${metric}.${way}.${size}`]!.min!),
      max: SIZES.map((size) => figures[`${metric}.${way}.${size}`]!.max!),
    })),
  });
  const row = (metric: string, before: string, after: string): PriceRow[] => [
    { metric: `throughput, ${metric}`, before: `rate.${before}`, after: `rate.${after}` },
    { metric: `p99 of a turn, ${metric}`, before: `p99.${before}`, after: `p99.${after}` },
  ];
  return {
    figures,
    charts: {
      'price-throughput': bars('rate', 'What a transaction costs a consumer, by its size', 'throughput', 'records/s'),
      'price-p99': bars('p99', 'From one poll to the next', 'slowest hundredth of turns', 'ms'),
    },
    price: [
      ...SIZES.flatMap((size) =>
        row(`${size} a poll: commit behind → transaction`, `copy.${size}`, `transaction.${size}`),
      ),
      ...row('database: two transactions → one', 'offset-apart.1', 'offset-in-database.1'),
    ],
  };
}

/**
 * What transactions cost, by their size: the same records in the same batches by an idempotent producer, and each batch as a transaction, at a real broker process.
 *
 * Invariant: the two ways and all sizes take turns, so that what else the machine does hits all alike. Throughput is what one producer reaches that ends a batch before it begins the next;
 * latency is taken at half of that rate, from the time at which a record was due to the time at which its batch was acknowledged or its transaction committed.
 */
import { spreadOf } from '@mqlab/bench/statistics.ts';
import type { BarChart } from '@mqlab/reports/chart-spec.ts';
import type { Figure, PriceRow } from '@mqlab/reports/run-data.ts';
import type { ProducerDriver, TransactionalDriver } from '../kit/drivers/driver.ts';
import { openDriver } from '../kit/drivers/open-driver.ts';
import type { FigureContext } from '../kit/lab.ts';
import { BROKER_SETTINGS } from './scenarios.ts';

const SIZES = [1, 10, 100, 1000] as const;
const WAYS = ['plain', 'transaction'] as const;
type WayName = (typeof WAYS)[number];
const ROUNDS = { quick: 3, full: 9 } as const;
const ROUND_MS = { quick: 70, full: 500 } as const;
/** Of the throughput that was measured with transactions of this size. */
const LOAD = 0.5;
const TOPIC = 'results';
const LATE_BATCHES_MAX = 2000;

interface Cell {
  readonly way: WayName;
  readonly size: number;
  readonly rates: number[];
  readonly p99s: number[];
}

export interface Price {
  readonly figures: Record<string, Figure>;
  readonly charts: Record<string, BarChart>;
  readonly price: readonly PriceRow[];
}

export async function measurePrice(context: FigureContext): Promise<Price> {
  const { profile, input } = context;
  const target = await context.open('local', BROKER_SETTINGS);
  try {
    const app = target.app('price');
    const driver = openDriver('mqlab', app.ports, target.bootstrap);
    const admin = await driver.admin();
    await admin.createTopic(TOPIC, 1);
    const plain = await driver.producer({ idempotence: true });
    const transactional = await driver.transactional({ transactionalId: 'price' });
    let next = 0;
    const value = (): string => input[next++ % input.length]!.value;
    const batchOf = { plain: () => plainBatch(plain, value), transaction: () => transaction(transactional, value) };
    const cells = SIZES.flatMap((size) => WAYS.map((way): Cell => ({ way, size, rates: [], p99s: [] })));
    const roundMs = ROUND_MS[profile];
    for (const { way, size } of cells) await rateOf(batchOf[way](), size, roundMs / 4);
    for (let round = 0; round < ROUNDS[profile]; round++) {
      for (const cell of cells) cell.rates.push(await rateOf(batchOf[cell.way](), cell.size, roundMs));
    }
    for (let round = 0; round < ROUNDS[profile]; round++) {
      for (const cell of cells) {
        const load = LOAD * spreadOf(cellOf(cells, 'transaction', cell.size).rates).median;
        cell.p99s.push(await p99At(batchOf[cell.way](), cell.size, load, roundMs));
      }
    }
    await plain.close();
    await transactional.close();
    await admin.close();
    return priceOf(cells);
  } finally {
    await target.close();
  }
}

type Batch = (size: number) => Promise<void>;

function plainBatch(producer: ProducerDriver, value: () => string): Batch {
  return async (size) => {
    const sends = Array.from({ length: size }, () =>
      producer.send({ topic: TOPIC, partition: 0, key: null, value: value() }),
    );
    await producer.flush();
    check(await Promise.all(sends));
  };
}

function transaction(producer: TransactionalDriver, value: () => string): Batch {
  return async (size) => {
    check([await producer.begin()]);
    const sends = Array.from({ length: size }, () =>
      producer.send({ topic: TOPIC, partition: 0, key: null, value: value() }),
    );
    // A commit delivers what was sent: nobody waits for each record.
    check([await producer.commit(), ...(await Promise.all(sends))]);
  };
}

function check(answers: readonly { readonly outcome: string; readonly error?: string }[]): void {
  const bad = answers.find(({ outcome }) => outcome !== 'ok');
  if (bad !== undefined) throw new Error(`nothing disturbs the producer, and yet: ${bad.error}`);
}

/** Records a second, one batch after the other. */
async function rateOf(batch: Batch, size: number, ms: number): Promise<number> {
  const began = performance.now();
  let records = 0;
  do {
    await batch(size);
    records += size;
  } while (performance.now() - began < ms);
  return (records / (performance.now() - began)) * 1000;
}

/** Records are due at an even rate; a batch leaves when its last record is due, or as soon as the one before is done. */
async function p99At(batch: Batch, size: number, recordsPerS: number, ms: number): Promise<number> {
  const gapMs = 1000 / recordsPerS;
  const batches = Math.min(LATE_BATCHES_MAX, Math.max(3, Math.round(ms / (gapMs * size))));
  const began = performance.now() + gapMs * size;
  const took: number[] = [];
  for (let at = 0; at < batches; at++) {
    const dueMs = began + at * gapMs * size;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    await batch(size);
    const done = performance.now();
    for (let record = 0; record < size; record++) took.push(done - (dueMs - (size - 1 - record) * gapMs));
  }
  took.sort((a, b) => a - b);
  return took[Math.min(took.length - 1, Math.ceil(took.length * 0.99) - 1)]!;
}

function cellOf(cells: readonly Cell[], way: WayName, size: number): Cell {
  return cells.find((cell) => cell.way === way && cell.size === size)!;
}

function priceOf(cells: readonly Cell[]): Price {
  const figures: Record<string, Figure> = {};
  const measured = (samples: readonly number[], unit: string, source: string): Figure => {
    const { median, min, max, samples: count } = spreadOf(samples);
    return { value: median, unit, label: 'measured', samples: count, min, max, source };
  };
  for (const { way, size, rates, p99s } of cells) {
    const source = `own client, one producer, ${size} records to one partition at a time, local target, no flush to the device`;
    figures[`rate.${way}.${size}`] = measured(rates, 'records/s', source);
    figures[`p99.${way}.${size}`] = measured(
      p99s,
      'ms',
      `${source}; from when a record was due, at half the rate that transactions of this size reach`,
    );
  }
  for (const size of SIZES) {
    figures[`ratio.${size}`] = {
      value: figures[`rate.transaction.${size}`]!.value / figures[`rate.plain.${size}`]!.value,
      unit: 'ratio',
      label: 'derived',
      source: 'throughput with transactions over throughput without',
    };
  }
  const bars = (metric: 'rate' | 'p99', title: string, unit: string): BarChart => ({
    type: 'bar',
    title,
    source: 'local target, one broker process, the own client',
    x: { name: 'records in a batch', unit: '' },
    y: { name: metric === 'rate' ? 'throughput' : 'latency of the slowest hundredth', unit, scale: 'log' },
    categories: SIZES.map(String),
    series: WAYS.map((way) => ({
      name: way === 'plain' ? 'idempotent producer' : 'a transaction each',
      values: SIZES.map((size) => figures[`${metric}.${way}.${size}`]!.value),
      min: SIZES.map((size) => figures[`${metric}.${way}.${size}`]!.min!),
      max: SIZES.map((size) => figures[`${metric}.${way}.${size}`]!.max!),
    })),
  });
  return {
    figures,
    charts: {
      'price-throughput': bars('rate', 'Throughput by the size of a transaction', 'records/s'),
      'price-p99': bars('p99', 'Latency by the size of a transaction', 'ms'),
    },
    price: SIZES.flatMap((size) => [
      { metric: `throughput, ${size} a transaction`, before: `rate.plain.${size}`, after: `rate.transaction.${size}` },
      { metric: `p99, ${size} a transaction`, before: `p99.plain.${size}`, after: `p99.transaction.${size}` },
    ]),
  };
}

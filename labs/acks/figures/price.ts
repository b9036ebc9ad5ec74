/**
 * What acks cost (C30): the same records to one partition of a real cluster with acks 0, 1 and all, at one and three replicas, and with a flush for each.
 *
 * Invariant: the cells take turns, so that what else the machine does hits all alike. Throughput is what one producer reaches that keeps a window of records under way, and counts
 * once the leader has them all; latency is of single records at one rate for all cells, from the time at which each was due.
 */
import { spreadOf } from '@mqlab/bench/statistics.ts';
import type { BarChart } from '@mqlab/reports/chart-spec.ts';
import type { Figure, PriceRow } from '@mqlab/reports/run-data.ts';
import type { AdminDriver, ProducerDriver } from '../../kit/drivers/driver.ts';
import type { FigureContext } from '../../kit/lab.ts';
import { openTarget } from '../../kit/targets/open-target.ts';
import { ALL_REPLICAS, makeTopic, openWriter, type Setup } from '../app/writer.ts';
import { BROKERS, CONTROLLERS } from '../cluster.ts';

const ROUNDS = { quick: 3, full: 9 } as const;
const ROUND_MS = { quick: 60, full: 500 } as const;
/** Records under way in the throughput runs. */
const WINDOW = 200;
const RECORDS_PER_S = 400;
const ONE: readonly number[] = [1];

interface Cell {
  readonly name: string;
  readonly title: string;
  readonly setup: Setup;
  readonly rates: number[];
  readonly p50s: number[];
  readonly p99s: number[];
  producer: ProducerDriver | null;
  sent: number;
}

function cellsOf(): Cell[] {
  const cell = (name: string, title: string, setup: Omit<Setup, 'topic'>): Cell => ({
    name,
    title,
    setup: { topic: name, ...setup },
    rates: [],
    p50s: [],
    p99s: [],
    producer: null,
    sent: 0,
  });
  return [
    cell('one.0', '1 replica, acks=0', { replicas: ONE, acks: 0 }),
    cell('one.1', '1 replica, acks=1', { replicas: ONE, acks: 1 }),
    cell('one.all', '1 replica, acks=all', { replicas: ONE, acks: -1 }),
    cell('three.0', '3 replicas, acks=0', { replicas: ALL_REPLICAS, acks: 0 }),
    cell('three.1', '3 replicas, acks=1', { replicas: ALL_REPLICAS, acks: 1 }),
    cell('three.all', '3 replicas, acks=all', { replicas: ALL_REPLICAS, acks: -1, minInSync: 2 }),
    cell('three.flush', '3 replicas, acks=all, flush', {
      replicas: ALL_REPLICAS,
      acks: -1,
      minInSync: 2,
      flushes: true,
    }),
  ];
}

export interface Price {
  readonly figures: Record<string, Figure>;
  readonly charts: Record<string, BarChart>;
  readonly price: readonly PriceRow[];
}

export async function measurePrice({ profile, input, seed }: FigureContext): Promise<Price> {
  const target = await openTarget('local', { seed, brokers: BROKERS, controllers: CONTROLLERS });
  try {
    const app = target.app('price');
    const driver = app.client('mqlab');
    const admin = await driver.admin();
    const cells = cellsOf();
    for (const cell of cells) {
      await makeTopic(app, target.bootstrap, cell.setup);
      cell.producer = await openWriter(driver, cell.setup);
    }
    let next = 0;
    const value = (): string => input[next++ % input.length]!.value;
    const roundMs = ROUND_MS[profile];
    // A round that does not count: connections, and code that has not been compiled yet.
    for (const cell of cells) await rateOf(cell, admin, value, roundMs / 3);
    for (let round = 0; round < ROUNDS[profile]; round++) {
      for (const cell of cells) cell.rates.push(await rateOf(cell, admin, value, roundMs));
    }
    for (let round = 0; round < ROUNDS[profile]; round++) {
      for (const cell of cells) {
        const took = await latenciesOf(cell, value, roundMs * 2);
        cell.p50s.push(quantile(took, 0.5));
        cell.p99s.push(quantile(took, 0.99));
      }
    }
    for (const { producer } of cells) await producer?.close();
    await admin.close();
    return priceOf(cells);
  } finally {
    await target.close();
  }
}

async function sendOne(cell: Cell, value: string): Promise<void> {
  cell.sent++;
  const answer = await cell.producer!.send({ topic: cell.setup.topic, partition: 0, key: null, value });
  if (answer.outcome !== 'ok') throw new Error(`nothing disturbs the producer, and yet: ${answer.error}`);
}

/** Records a second. */
async function rateOf(cell: Cell, admin: AdminDriver, value: () => string, ms: number): Promise<number> {
  const began = performance.now();
  const until = began + ms;
  const before = cell.sent;
  do {
    await Promise.all(Array.from({ length: WINDOW }, () => sendOne(cell, value())));
  } while (performance.now() < until);
  // What was only handed to a socket counts when it has arrived.
  while (cell.setup.acks === 0) {
    const [log] = await admin.offsets(cell.setup.topic);
    if (log!.end >= cell.sent) break;
  }
  return ((cell.sent - before) / (performance.now() - began)) * 1000;
}

/** From when each record was due to when it was acknowledged; with acks=0, handed to the socket. */
async function latenciesOf(cell: Cell, value: () => string, ms: number): Promise<number[]> {
  const gapMs = 1000 / RECORDS_PER_S;
  const began = performance.now();
  const took: number[] = [];
  const open: Promise<void>[] = [];
  for (let due = began; due < began + ms; due += gapMs) {
    const waitMs = due - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    open.push(sendOne(cell, value()).then(() => void took.push(performance.now() - due)));
  }
  await Promise.all(open);
  return took.sort((a, b) => a - b);
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(sorted.length * q) - 1))]!;
}

function priceOf(cells: readonly Cell[]): Price {
  const figures: Record<string, Figure> = {};
  const measured = (samples: readonly number[], unit: string, source: string): Figure => {
    const { median, min, max, samples: count } = spreadOf(samples);
    return { value: median, unit, label: 'measured', samples: count, min, max, source };
  };
  const where = 'local target: three brokers, a controller and the own client on one machine; one partition';
  for (const cell of cells) {
    const { name, rates, p50s, p99s } = cell;
    figures[`rate.${name}`] = measured(rates, 'records/s', `${where}; one producer, ${WINDOW} records under way`);
    const rate = `${where}; ${RECORDS_PER_S} records/s, from when a record was due`;
    figures[`p50.${name}`] = measured(p50s, 'ms', rate);
    figures[`p99.${name}`] = measured(p99s, 'ms', rate);
  }
  const ratio = (to: string, of: string, what: string): Figure => ({
    value: figures[`rate.${to}`]!.value / figures[`rate.${of}`]!.value,
    unit: 'ratio',
    label: 'derived',
    source: what,
  });
  figures['ratio.all'] = ratio('three.all', 'three.1', 'throughput with acks=all over acks=1, three replicas');
  figures['ratio.flush'] = ratio('three.flush', 'three.all', 'throughput with a flush for each record over none');
  figures['ratio.replicas'] = ratio('three.1', 'one.1', 'throughput at three replicas over one, acks=1');
  const bars = (metric: 'rate' | 'p50' | 'p99', name: string) => ({
    name,
    values: cells.map((cell) => figures[`${metric}.${cell.name}`]!.value),
    min: cells.map((cell) => figures[`${metric}.${cell.name}`]!.min!),
    max: cells.map((cell) => figures[`${metric}.${cell.name}`]!.max!),
  });
  const axes = {
    type: 'bar',
    source: where,
    x: { name: 'setup', unit: '' },
    categories: cells.map(({ title }) => title),
    horizontal: true,
  } as const;
  return {
    figures,
    charts: {
      'price-throughput': {
        ...axes,
        title: 'Throughput by acks, replicas and flush',
        y: { name: 'throughput', unit: 'records/s' },
        series: [bars('rate', 'throughput')],
      },
      'price-latency': {
        ...axes,
        title: 'Latency by acks, replicas and flush',
        y: { name: 'latency', unit: 'ms', scale: 'log' },
        series: [bars('p50', 'p50'), bars('p99', 'p99')],
      },
    },
    price: [
      { metric: 'throughput, acks=1 → all', before: 'rate.three.1', after: 'rate.three.all' },
      { metric: 'p50, acks=1 → all', before: 'p50.three.1', after: 'p50.three.all' },
      { metric: 'p99, acks=1 → all', before: 'p99.three.1', after: 'p99.three.all' },
      { metric: 'throughput, acks=all → with flush', before: 'rate.three.all', after: 'rate.three.flush' },
      { metric: 'p99, acks=all → with flush', before: 'p99.three.all', after: 'p99.three.flush' },
    ],
  };
}

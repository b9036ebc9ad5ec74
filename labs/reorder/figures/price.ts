/**
 * What each cure costs: throughput and the wait for an answer, with one request in flight, with five, and with five and idempotence, on this machine's loopback and with a round trip added.
 *
 * Invariant: the settings take turns, so that what else the machine does hits all alike. Records come at a fixed rate in the second measurement, and the wait counts from the intended time.
 */

import { spreadOf } from '@mqlab/bench/statistics.ts';
import { Producer } from '@mqlab/core/client/producer/producer.ts';
import type { Ports } from '@mqlab/core/ports/ports.ts';
import type { BarChart } from '@mqlab/reports/chart-spec.ts';
import type { Figure, PriceRow } from '@mqlab/reports/run-data.ts';
import type { FigureContext } from '../../kit/lab.ts';
import { slowNetwork } from './slow-network.ts';

const ROUNDS = { quick: 2, full: 9 } as const;
const SETTINGS = {
  one: { title: 'one in flight', 'enable.idempotence': false, 'max.in.flight.requests.per.connection': 1 },
  five: { title: 'five in flight', 'enable.idempotence': false, 'max.in.flight.requests.per.connection': 5 },
  idempotent: { title: 'five, idempotent', 'enable.idempotence': true, 'max.in.flight.requests.per.connection': 5 },
} as const;
type Setting = keyof typeof SETTINGS;
const NAMES = Object.keys(SETTINGS) as Setting[];
const TRIPS = { loopback: { oneWayMs: 0, records: 8000 }, far: { oneWayMs: 5, records: 1000 } } as const;
type Trip = keyof typeof TRIPS;
const RATE = { perSecond: 2000, records: 200 } as const;
const TOPIC = 'price';

interface Cell {
  readonly setting: Setting;
  readonly trip: Trip;
  readonly rates: number[];
  readonly p99s: number[];
}

export async function measurePrice(context: FigureContext): Promise<{
  readonly figures: Record<string, Figure>;
  readonly charts: Record<string, BarChart>;
  readonly price: readonly PriceRow[];
}> {
  const target = await context.open('local');
  try {
    const { ports } = target.app('price');
    const admin = await target.app('operator').client('mqlab').admin();
    await admin.createTopic(TOPIC, 1);
    await admin.close();
    const trips = Object.keys(TRIPS) as Trip[];
    const cells = trips.flatMap((trip) => NAMES.map((setting): Cell => ({ setting, trip, rates: [], p99s: [] })));
    for (let round = -1; round < ROUNDS[context.profile]; round++) {
      for (const cell of cells) {
        const { oneWayMs, records } = TRIPS[cell.trip];
        const network = oneWayMs === 0 ? ports.network : slowNetwork(ports.network, ports.clock, oneWayMs);
        const producer = openProducer({ ...ports, network }, target.bootstrap, cell.setting);
        const rate = await throughput(producer, context, records);
        // Without an added way there is nothing to wait for but the machine itself.
        const p99 = cell.trip === 'far' ? await waitP99(producer, context) : 0;
        await producer.close();
        if (round < 0) continue;
        cell.rates.push(rate);
        if (cell.trip === 'far') cell.p99s.push(p99);
      }
    }
    return priceOf(cells);
  } finally {
    await target.close();
  }
}

function openProducer(ports: Ports, bootstrap: string, setting: Setting): Producer<string, string> {
  const { title: _, ...settings } = SETTINGS[setting];
  return new Producer<string, string>(ports, { 'bootstrap.servers': bootstrap, 'linger.ms': 0, ...settings });
}

async function throughput(
  producer: Producer<string, string>,
  { input }: FigureContext,
  records: number,
): Promise<number> {
  await producer.send({ topic: TOPIC, partition: 0, key: null, value: 'warm' });
  const began = performance.now();
  await Promise.all(
    Array.from({ length: records }, (_, at) => {
      const { key, value } = input[at % input.length]!;
      return producer.send({ topic: TOPIC, partition: 0, key, value });
    }),
  );
  return (records / (performance.now() - began)) * 1000;
}

/** The slowest hundredth of answers, from the moment at which the record was due. */
async function waitP99(producer: Producer<string, string>, { input }: FigureContext): Promise<number> {
  const began = performance.now();
  const waits: number[] = [];
  const sends: Promise<void>[] = [];
  while (sends.length < RATE.records) {
    const due = Math.min(RATE.records, Math.floor(((performance.now() - began) / 1000) * RATE.perSecond));
    while (sends.length < due) {
      const at = sends.length;
      const { key, value } = input[at % input.length]!;
      const dueMs = began + (at / RATE.perSecond) * 1000;
      sends.push(
        producer.send({ topic: TOPIC, partition: 0, key, value }).then(() => {
          waits.push(performance.now() - dueMs);
        }),
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(sends);
  waits.sort((a, b) => a - b);
  return waits[Math.min(waits.length - 1, Math.ceil(waits.length * 0.99) - 1)]!;
}

function priceOf(cells: readonly Cell[]) {
  const figures: Record<string, Figure> = {};
  const measured = (samples: readonly number[], unit: string, source: string): Figure => {
    const { median, min, max, samples: count } = spreadOf(samples);
    return { value: median, unit, label: 'measured', samples: count, min, max, source };
  };
  for (const { setting, trip, rates, p99s } of cells) {
    const way = trip === 'far' ? 'a round trip added in the client' : 'loopback';
    figures[`rate.${trip}.${setting}`] = measured(
      rates,
      'records/s',
      `own client, batch.size 16 KiB, real records, one partition, closed loop, local target, ${way}`,
    );
    if (p99s.length > 0) {
      figures[`p99.${trip}.${setting}`] = measured(
        p99s,
        'ms',
        `the same at ${RATE.perSecond} records/s, from the time at which each was due`,
      );
    }
  }
  const roundTripMs = TRIPS.far.oneWayMs * 2;
  figures['price.round-trip'] = { value: roundTripMs, unit: 'ms', label: 'given', source: 'added to each request' };
  figures['price.rate'] = {
    value: RATE.perSecond,
    unit: 'records/s',
    label: 'given',
    source: 'of the wait’s measurement',
  };
  const rate = (trip: Trip): readonly (number | null)[] => NAMES.map((name) => figures[`rate.${trip}.${name}`]!.value);
  const bound = (trip: Trip, of: 'min' | 'max') => NAMES.map((name) => figures[`rate.${trip}.${name}`]![of]!);
  const row = (metric: string, before: string, after: string): PriceRow => ({ metric, before, after });
  return {
    figures,
    charts: {
      'price-throughput': {
        type: 'bar',
        title: 'Throughput of one producer into one partition',
        caption:
          'With a round trip to wait for, one in flight sends a batch a trip. Idempotence costs nothing that shows.',
        source: 'local target, one broker process, the own client, batch.size 16 KiB',
        x: { name: 'setting', unit: '' },
        y: { name: 'throughput', unit: 'records/s' },
        categories: NAMES.map((name) => SETTINGS[name].title),
        series: [
          { name: 'loopback', values: rate('loopback'), min: bound('loopback', 'min'), max: bound('loopback', 'max') },
          { name: `${roundTripMs} ms added`, values: rate('far'), min: bound('far', 'min'), max: bound('far', 'max') },
        ],
      } satisfies BarChart,
    },
    price: [
      row('throughput, loopback: five in flight → one', 'rate.loopback.five', 'rate.loopback.one'),
      row('throughput, loopback: five in flight → idempotent', 'rate.loopback.five', 'rate.loopback.idempotent'),
      row('throughput, round trip added: five → one', 'rate.far.five', 'rate.far.one'),
      row('throughput, round trip added: five → idempotent', 'rate.far.five', 'rate.far.idempotent'),
      row('p99 of a send, round trip added: five → one', 'p99.far.five', 'p99.far.one'),
      row('p99 of a send, round trip added: five → idempotent', 'p99.far.five', 'p99.far.idempotent'),
    ],
  };
}

/**
 * What idempotence costs: the same records by the own client with and without it, acks=all both, at a real broker process.
 *
 * Invariant: pairs, taken in turns, so that what else the machine does hits both alike. Throughput with the client's batches full; latency at an even rate well below it, counted from when a record
 * was due.
 */
import { spreadOf } from '@mqlab/bench/statistics.ts';
import type { BarChart } from '@mqlab/reports/chart-spec.ts';
import type { Figure, PriceRow } from '@mqlab/reports/run-data.ts';
import type { ProducerDriver, SendAnswer } from '../../kit/drivers/driver.ts';
import type { FigureContext } from '../../kit/lab.ts';
import { BROKER_SETTINGS } from '../run.ts';

const TOPIC = 'price';
const KINDS = ['plain', 'idempotent'] as const;
type Kind = (typeof KINDS)[number];
const TITLES: Readonly<Record<Kind, string>> = { plain: 'without idempotence', idempotent: 'with idempotence' };
const PAIRS = { quick: 5, full: 12 } as const;
const RATE_MS = { quick: 80, full: 1000 } as const;
const DUE_RECORDS = { quick: 150, full: 3000 } as const;
const DUE_GAP_MS = 0.5;
/** Sent before anybody waits. */
const WAVE = 500;

export interface Price {
  readonly figures: Record<string, Figure>;
  readonly charts: Record<string, BarChart>;
  readonly price: readonly PriceRow[];
}

export async function measurePrice(context: FigureContext): Promise<Price> {
  const { profile, input } = context;
  const target = await context.open('local', BROKER_SETTINGS);
  try {
    const driver = target.app('price').client('mqlab');
    const admin = await driver.admin();
    await admin.createTopic(TOPIC, 1);
    const producers = {
      plain: await driver.producer({ acks: -1, idempotence: false }),
      idempotent: await driver.producer({ acks: -1, idempotence: true }),
    };
    let next = 0;
    const send = (producer: ProducerDriver): Promise<SendAnswer> =>
      producer.send({ topic: TOPIC, partition: 0, key: null, value: input[next++ % input.length]!.value });
    const rates: Record<Kind, number[]> = { plain: [], idempotent: [] };
    const p99s: Record<Kind, number[]> = { plain: [], idempotent: [] };
    for (const kind of KINDS) await rateOf(() => send(producers[kind]), RATE_MS[profile]);
    for (let pair = 0; pair < PAIRS[profile]; pair++) {
      for (const kind of inTurn(pair)) rates[kind].push(await rateOf(() => send(producers[kind]), RATE_MS[profile]));
    }
    for (let pair = 0; pair < PAIRS[profile]; pair++) {
      for (const kind of inTurn(pair)) p99s[kind].push(await p99Of(() => send(producers[kind]), DUE_RECORDS[profile]));
    }
    for (const kind of KINDS) await producers[kind].close();
    await admin.close();
    return priceOf(rates, p99s);
  } finally {
    await target.close();
  }
}

/** Who goes first changes from pair to pair. */
function inTurn(pair: number): readonly Kind[] {
  return pair % 2 === 0 ? KINDS : KINDS.toReversed();
}

function check(answers: readonly SendAnswer[]): void {
  for (const answer of answers) {
    if (answer.outcome !== 'ok') throw new Error(`nothing disturbs the producer, and yet: ${answer.error}`);
  }
}

/** Records a second, wave after wave. */
async function rateOf(send: () => Promise<SendAnswer>, ms: number): Promise<number> {
  const began = performance.now();
  let records = 0;
  do {
    check(await Promise.all(Array.from({ length: WAVE }, send)));
    records += WAVE;
  } while (performance.now() - began < ms);
  return (records / (performance.now() - began)) * 1000;
}

/** The slowest hundredth, from when each was due: a record that had to wait for its turn counts from there. */
async function p99Of(send: () => Promise<SendAnswer>, records: number): Promise<number> {
  const took: number[] = [];
  const sent: Promise<void>[] = [];
  const began = performance.now();
  for (let at = 0; at < records; at++) {
    const dueMs = began + at * DUE_GAP_MS;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    sent.push(
      send().then((answer) => {
        check([answer]);
        took.push(performance.now() - dueMs);
      }),
    );
  }
  await Promise.all(sent);
  took.sort((a, b) => a - b);
  return took[Math.ceil(took.length * 0.99) - 1]!;
}

function priceOf(rates: Readonly<Record<Kind, number[]>>, p99s: Readonly<Record<Kind, number[]>>): Price {
  const figures: Record<string, Figure> = {};
  const source = 'own client, acks=all, one partition, local target, no flush to the device';
  for (const kind of KINDS) {
    for (const [metric, unit, samples, more] of [
      ['rate', 'records/s', rates[kind], `waves of ${WAVE} records`],
      ['p99', 'ms', p99s[kind], `a record every ${DUE_GAP_MS} ms, from when it was due, linger.ms=5`],
    ] as const) {
      const { median, min, max, samples: count } = spreadOf(samples);
      const figure = { value: median, unit, label: 'measured', samples: count, min, max } as const;
      figures[`${metric}.${kind}`] = { ...figure, source: `${source}; ${more}` };
    }
  }
  const ratios = spreadOf(rates.idempotent.map((rate, pair) => rate / rates.plain[pair]!));
  figures['rate.ratio'] = {
    value: ratios.median,
    unit: 'ratio',
    label: 'derived',
    samples: ratios.samples,
    min: ratios.min,
    max: ratios.max,
    source: 'throughput with idempotence over throughput without, pair by pair',
  };
  const bars = (metric: 'rate' | 'p99', title: string, name: string, unit: string): BarChart => ({
    type: 'bar',
    title,
    source: 'local target, one broker process, the own client, acks=all',
    x: { name: 'producer', unit: '' },
    y: { name, unit },
    categories: KINDS.map((kind) => TITLES[kind]),
    series: [
      {
        name,
        values: KINDS.map((kind) => figures[`${metric}.${kind}`]!.value),
        min: KINDS.map((kind) => figures[`${metric}.${kind}`]!.min!),
        max: KINDS.map((kind) => figures[`${metric}.${kind}`]!.max!),
      },
    ],
  });
  return {
    figures,
    charts: {
      'price-throughput': bars('rate', 'Throughput with and without idempotence', 'throughput', 'records/s'),
      'price-p99': bars('p99', 'Latency with and without idempotence', 'latency of the slowest hundredth', 'ms'),
    },
    price: [
      { metric: 'throughput', before: 'rate.plain', after: 'rate.idempotent' },
      { metric: 'p99', before: 'p99.plain', after: 'p99.idempotent' },
    ],
  };
}

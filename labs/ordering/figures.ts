/**
 * What this lab measures: throughput against the number of queues, what it is bounded by, the price of order, of queues and of the watermark, and what a
 * crash costs under each commit policy. And the pictures, from runs in the simulator.
 */

import { spreadOf } from '@mqlab/bench/statistics.ts';
import type { BarChart, LineChart } from '@mqlab/reports/chart-spec.ts';
import type { Figure, PriceRow, Table } from '@mqlab/reports/run-data.ts';
import type { FigureContext, LabFigures } from '../kit/lab.ts';
import { type CommitPolicy, HighestFinished, Watermark } from './app/commit-policies.ts';
import { crashCosts } from './crash-costs.ts';
import { pictures } from './pictures.ts';
import {
  type Cell,
  hottestKeyBound,
  type KeySpread,
  keysOf,
  LANES,
  LANES_MAX,
  latencies,
  type Measured,
  measureCells,
  openThreads,
  percentile,
  poolOf,
  QUEUE_RECORDS_MAX,
  queuesOf,
  speedUpBound,
  type Threads,
  throughput,
  type WorkKind,
} from './throughput.ts';

const HASH_ROUNDS = 300;
const WAIT_MS = 2;
const RECORDS: Readonly<Record<WorkKind, number>> = { compute: 220, wait: 80 };
const ROUNDS_MAX = { quick: 3, full: 11 } as const;
const CELLS_SHARE = 0.55;
const PAIRS = { quick: 2, full: 9 } as const;
const PAIR_LANES = 4;
const LATENCY_RECORDS = 240;
/** Of the keyed queues' measured throughput. */
const LATENCY_LOAD = 0.5;
const POLICY_RECORDS = 60_000;
const IN_FLIGHT = 256;

const CELLS: readonly Cell[] = [
  ...(['compute', 'wait'] as const).flatMap((kind) =>
    (['even', 'input'] as const).flatMap((spread) => LANES.map((lanes) => ({ kind, spread, lanes }))),
  ),
  ...LANES.map((lanes): Cell => ({ kind: 'wait', spread: 'hot', lanes })),
];

function measured(samples: readonly number[], unit: string): Figure {
  const { median, min, max, samples: count } = spreadOf(samples);
  return { value: median, unit, label: 'measured', samples: count, min, max };
}

export async function figures(context: FigureContext): Promise<LabFigures> {
  const { profile, input, progress } = context;
  const inputKeys = input.map(({ key }) => key);
  const all: Record<string, Figure> = {};
  const leftMs = Math.max(0, context.deadline - performance.now());
  const cellsDeadline = performance.now() + Math.min(leftMs, profile === 'quick' ? 8_000 : 120_000) * CELLS_SHARE;

  progress('throughput against the number of queues');
  const threads = await openThreads(HASH_ROUNDS, WAIT_MS);
  let cells: Measured[];
  try {
    cells = await measureCells(CELLS, threads, inputKeys, RECORDS, ROUNDS_MAX[profile], cellsDeadline);
    progress('the price of order');
    Object.assign(all, await orderPrice(threads, inputKeys, PAIRS[profile]));
  } finally {
    await threads.close();
  }
  for (const { cell, perSecond } of cells) all[nameOf(cell)] = measured(perSecond, 'records/s');
  Object.assign(all, speedUps(cells, inputKeys));

  progress('the price of the watermark');
  Object.assign(all, policyPrice(PAIRS[profile]));
  const recordBytes = input.reduce((sum, { key, value }) => sum + key.length + value.length, 0) / input.length;
  all['queues.bytes'] = {
    value: LANES_MAX * QUEUE_RECORDS_MAX * recordBytes,
    unit: 'bytes',
    label: 'derived',
    source: `${LANES_MAX} queues × ${QUEUE_RECORDS_MAX} records × the mean size of a record of the input`,
  };
  all['queues.bound'] = {
    value: QUEUE_RECORDS_MAX,
    unit: 'records',
    label: 'given',
    source: 'the bound of each queue',
  };

  progress('what a crash costs');
  const crash = await crashCosts(context);
  const drawn = await pictures(context);
  return {
    figures: { ...all, ...crash.figures },
    charts: { ...throughputCharts(cells, inputKeys), ...drawn },
    tables: { ...throughputTable(), ...crash.tables },
    price: PRICE,
    limits: [
      'Throughput is measured with records from memory and real threads on the machine below; more cores move the ceiling of computing work, not that of a hot key.',
      `Waiting work is ${WAIT_MS} ms of standing still in a thread, as for a remote call; a client that waits without a thread could do more at once with fewer threads.`,
    ],
  };
}

function nameOf({ kind, spread, lanes }: Cell): string {
  return `throughput.${kind}.${spread}.${lanes}`;
}

const PRICE: readonly PriceRow[] = [
  {
    metric: 'Throughput, four workers, waiting work, keys of the input',
    before: 'pool.throughput',
    after: 'keyed.throughput',
  },
  { metric: 'p50 latency at a fixed rate', before: 'pool.p50', after: 'keyed.p50' },
  { metric: 'p99 latency at a fixed rate', before: 'pool.p99', after: 'keyed.p99' },
  {
    metric: 'Bookkeeping a record: highest finished, then watermark',
    before: 'policy.highest',
    after: 'policy.watermark',
  },
];

/** Pool and keyed queues in turns, on the same threads with the same keys: throughput, then latency at one rate for both. */
async function orderPrice(
  threads: Threads,
  inputKeys: readonly string[],
  pairs: number,
): Promise<Record<string, Figure>> {
  const workers = threads.wait.workers.slice(0, PAIR_LANES);
  const sides = { pool: poolOf, keyed: queuesOf } as const;
  const names = ['pool', 'keyed'] as const;
  const perSecond = { pool: [] as number[], keyed: [] as number[] };
  const keys = keysOf('input', RECORDS.wait, inputKeys);
  for (let pair = 0; pair < pairs; pair++) {
    for (const name of pair % 2 === 0 ? names : names.toReversed()) {
      perSecond[name].push(await throughput(sides[name](workers), keys));
    }
  }
  const rate = spreadOf(perSecond.keyed).median * LATENCY_LOAD;
  const took = {
    pool: { p50: [] as number[], p99: [] as number[] },
    keyed: { p50: [] as number[], p99: [] as number[] },
  };
  const latencyKeys = keysOf('input', LATENCY_RECORDS, inputKeys);
  for (let pair = 0; pair < pairs; pair++) {
    for (const name of pair % 2 === 0 ? names : names.toReversed()) {
      const values = await latencies(sides[name](workers), latencyKeys, rate);
      took[name].p50.push(percentile(values, 0.5));
      took[name].p99.push(percentile(values, 0.99));
    }
  }
  return {
    'pool.throughput': measured(perSecond.pool, 'records/s'),
    'keyed.throughput': measured(perSecond.keyed, 'records/s'),
    'pool.p50': measured(took.pool.p50, 'ms'),
    'keyed.p50': measured(took.keyed.p50, 'ms'),
    'pool.p99': measured(took.pool.p99, 'ms'),
    'keyed.p99': measured(took.keyed.p99, 'ms'),
    'latency.rate': {
      value: rate,
      unit: 'records/s',
      label: 'derived',
      source: 'half of the throughput that was measured with keyed queues',
    },
  };
}

/** Nanoseconds a record with so many in flight that finish out of order. */
function policyPrice(pairs: number): Record<string, Figure> {
  const took = { highest: [] as number[], watermark: [] as number[] };
  // One order of finishing for both: a fixed permutation of each window.
  const order = Array.from({ length: IN_FLIGHT }, (_, at) => (at * 97) % IN_FLIGHT);
  const run = (policy: CommitPolicy): number => {
    const began = performance.now();
    let sum = 0;
    for (let base = 0; base < POLICY_RECORDS; base += IN_FLIGHT) {
      for (let at = 0; at < IN_FLIGHT; at++) policy.polled(base + at);
      for (const at of order) {
        policy.finished(base + at);
        sum += policy.committable ?? 0;
      }
    }
    if (sum < 0) throw new Error('unreachable');
    return ((performance.now() - began) * 1e6) / POLICY_RECORDS;
  };
  for (let pair = -1; pair < pairs; pair++) {
    const both = { highest: run(new HighestFinished()), watermark: run(new Watermark()) };
    if (pair < 0) continue; // the first one compiles
    took.highest.push(both.highest);
    took.watermark.push(both.watermark);
  }
  return { 'policy.highest': measured(took.highest, 'ns'), 'policy.watermark': measured(took.watermark, 'ns') };
}

function medianOf(cells: readonly Measured[], wanted: Cell): number {
  return spreadOf(cells.find(({ cell }) => nameOf(cell) === nameOf(wanted))!.perSecond).median;
}

function speedUps(cells: readonly Measured[], inputKeys: readonly string[]): Record<string, Figure> {
  const result: Record<string, Figure> = {};
  for (const [kind, spreads] of [
    ['wait', ['even', 'input', 'hot']],
    ['compute', ['even', 'input']],
  ] as const) {
    for (const spread of spreads) {
      const one = cells.find(({ cell }) => nameOf(cell) === `throughput.${kind}.${spread}.1`)!.perSecond;
      const most = cells.find(({ cell }) => nameOf(cell) === `throughput.${kind}.${spread}.${LANES_MAX}`)!.perSecond;
      // Rounds are pairs: the same minute of the machine.
      result[`speedup.${kind}.${spread}`] = measured(
        most.map((value, round) => value / one[round]!),
        'ratio',
      );
    }
  }
  const derived = (value: number, source: string): Figure => ({ value, unit: 'ratio', label: 'derived', source });
  for (const spread of ['even', 'input', 'hot'] as const) {
    const keys = keysOf(spread, RECORDS.wait, inputKeys);
    result[`bound.${spread}`] = derived(
      speedUpBound(keys, LANES_MAX),
      `records over those of the fullest of ${LANES_MAX} queues`,
    );
  }
  result['hottest.input'] = derived(
    hottestKeyBound(inputKeys),
    'all records of the input over those of its busiest key',
  );
  result['hottest.hot'] = derived(
    hottestKeyBound(keysOf('hot', RECORDS.wait, inputKeys)),
    'records over those of the busiest key',
  );
  return result;
}

const SPREAD_WORDS: Readonly<Record<KeySpread, string>> = {
  even: 'keys evenly spread',
  input: 'keys of the input (airports)',
  hot: 'every other record of one key',
};

function throughputCharts(
  cells: readonly Measured[],
  inputKeys: readonly string[],
): Record<string, BarChart | LineChart> {
  const bars = (kind: WorkKind, spreads: readonly KeySpread[]): BarChart => ({
    type: 'bar',
    title: kind === 'wait' ? 'Throughput against N, work that waits' : 'Throughput against N, work that computes',
    caption:
      kind === 'wait'
        ? 'More queues help until one queue holds most of the records.'
        : 'More queues than cores do not help work that computes.',
    source: 'measured, worker threads, records from memory; median, least and most of the rounds',
    x: { name: 'queues, a worker each', unit: '' },
    y: { name: 'throughput', unit: 'records/s', min: 0 },
    categories: LANES.map(String),
    series: spreads.map((spread) => {
      const at = LANES.map((lanes) =>
        spreadOf(cells.find(({ cell }) => nameOf(cell) === nameOf({ kind, spread, lanes }))!.perSecond),
      );
      return {
        name: SPREAD_WORDS[spread],
        values: at.map(({ median }) => median),
        min: at.map(({ min }) => min),
        max: at.map(({ max }) => max),
      };
    }),
  });
  const speed = (spread: KeySpread): LineChart['series'] => {
    const one = medianOf(cells, { kind: 'wait', spread, lanes: 1 });
    const keys = keysOf(spread, RECORDS.wait, inputKeys);
    return [
      {
        name: SPREAD_WORDS[spread],
        points: LANES.map((lanes) => [lanes, medianOf(cells, { kind: 'wait', spread, lanes }) / one] as const),
      },
      {
        name: `bound: ${SPREAD_WORDS[spread]}`,
        line: 'dashed',
        points: LANES.map((lanes) => [lanes, speedUpBound(keys, lanes)] as const),
      },
    ];
  };
  return {
    'throughput-wait': bars('wait', ['even', 'input', 'hot']),
    'throughput-compute': bars('compute', ['even', 'input']),
    'speed-up': {
      type: 'line',
      title: 'Speed-up against N and what bounds it',
      caption:
        'The dashed lines are all records over those of the fullest queue: no dispatcher that keeps order does better.',
      source: 'measured (work that waits, medians) and derived (dashed)',
      x: { name: 'queues, a worker each', unit: '' },
      y: { name: 'speed-up over one queue', unit: '', min: 0 },
      series: [...speed('even'), ...speed('input'), ...speed('hot')],
    },
  };
}

function throughputTable(): Record<string, Table> {
  return {
    throughput: {
      title: 'Throughput against N',
      columns: [
        { name: 'Work' },
        { name: 'Keys' },
        ...LANES.map((lanes) => ({ name: `N = ${lanes}`, align: 'right' as const })),
      ],
      rows: [
        ['wait', 'even'],
        ['wait', 'input'],
        ['wait', 'hot'],
        ['compute', 'even'],
        ['compute', 'input'],
      ].map(([kind, spread]) => [
        kind === 'wait' ? 'waits' : 'computes',
        SPREAD_WORDS[spread as KeySpread],
        ...LANES.map((lanes) => ({ figure: `throughput.${kind}.${spread}.${lanes}` })),
      ]),
      note: 'Worker threads, records from memory, queues of the bound named in the figures.',
    },
  };
}

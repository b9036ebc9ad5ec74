/**
 * The lab's figures: drain curves in virtual time and on real processes beside their prediction, the limit that processors set, what larger polls help, and what
 * the cure costs.
 *
 * Invariant: what is predicted is `derived`, what was run is `measured`; virtual time is called virtual time.
 */
import { availableParallelism } from 'node:os';
import { sleep } from '@mqlab/core/ports/clock.ts';
import type { ChartSpec } from '@mqlab/reports/chart-spec.ts';
import type { Figure, PriceRow, Table } from '@mqlab/reports/run-data.ts';
import { Piscina } from 'piscina';
import { clientTitle } from '../kit/drivers/versions.ts';
import type { FigureContext, FigureVerdict, LabFigures, SimulateContext } from '../kit/lab.ts';
import { openTarget } from '../kit/targets/open-target.ts';
import type { Target } from '../kit/targets/target.ts';
import { type DispatchCost, measureDispatch } from './figures/dispatch-cost.ts';
import {
  type DrainCurve,
  type DrainLayout,
  type DrainSettings,
  measureDrain,
  predictDrain,
} from './figures/drain-curve.ts';
import { keyLanes } from './figures/key-lanes.ts';
import { measurePollSize, POLL_SIZES } from './figures/poll-size.ts';
import { BROKER } from './run-drain.ts';
import { BY_KEY, IN_TURN } from './scenarios.ts';

const HOUR_MS = 3_600_000;
const LAYOUTS: readonly DrainLayout[] = ['unchanged', 'more-consumers', 'round-robin', 'by-key'];
const LAYOUT_NAMES: Readonly<Record<DrainLayout, string>> = {
  unchanged: 'nothing changed',
  'more-consumers': 'ten consumers, one partition',
  'round-robin': 'ten partitions in turn, ten consumers',
  'by-key': 'ten partitions by key, ten consumers, repeats dropped',
};

/** Hours of virtual time. */
const SIM = {
  workMs: 800,
  awayMs: 3 * HOUR_MS,
  arrivalsPerSecond: 0.5,
  startRecords: 0,
  tickMs: 10_000,
  pollMs: 5000,
};
/** Seconds of real time. */
const LOCAL = { workMs: 4, awayMs: 0, arrivalsPerSecond: 40, startRecords: 260, tickMs: 25, pollMs: 20 };
/** Speed-ups below this are none. */
const SPEED_UP_MIN = 1.25;
/** Ten consumers where one can work: noise stays below this, help would be far above it. */
const NO_SPEED_UP_MAX = 2;

type Drains = Readonly<Record<DrainLayout, DrainCurve>>;

/** Hours of backlog in virtual time, the order of keys, and polls. */
export async function simulateBacklog(context: SimulateContext): Promise<Out> {
  const out: Out = { figures: {}, charts: {}, tables: {}, verdicts: [] };
  const inSim = async <T>(body: (target: Target) => Promise<T>): Promise<T> => {
    const target = await openTarget('sim', { seed: context.seed, broker: BROKER });
    const result = await target.run(() => body(target), 24 * HOUR_MS);
    await target.close();
    return result;
  };
  const hours = await drainAll(context, SIM, 6 * HOUR_MS, inSim);
  reportDrains(hours, 'sim', SIM.workMs, SIM.arrivalsPerSecond, out);
  Object.assign(out.charts, await keyLanes(context, IN_TURN, BY_KEY));
  await inSim((target) => pollSizes(context, target, out));
  return out;
}

export async function takeFigures(context: FigureContext): Promise<LabFigures> {
  // The words need the figures of both, whatever was asked for; rows are of the targets that were.
  const { figures, charts, tables, verdicts } = context.simulated as Out;
  const price: PriceRow[] = [];
  const target = await context.open('local', BROKER);
  try {
    context.progress('drains on real processes');
    const recordMs = await waitMeasured(target, LOCAL.workMs);
    const drains = await drainAll(context, LOCAL, 30_000, (body) => target.run(() => body(target), 60_000));
    reportDrains(drains, 'local', recordMs, LOCAL.arrivalsPerSecond, { figures, charts, tables, verdicts });
    context.progress('larger polls');
    await pollSizes(context, target, { figures, tables, verdicts });
    context.progress('work for processors');
    await processorBound(context, target, figures);
    context.progress('price of the cure');
    await dispatchPrice(context, target, figures, price);
  } finally {
    await target.close();
  }
  figures.cores = {
    value: availableParallelism(),
    unit: 'count',
    label: 'measured',
    source: 'processors that this run could use',
  };
  figures.factor = { value: 10, unit: 'count', label: 'given', source: 'the claim' };
  const asked = verdicts.filter(({ target }) => context.targets.includes(target));
  return { figures, charts, tables, verdicts: asked, price };
}

async function drainAll(
  { input }: SimulateContext,
  scale: typeof SIM,
  drainMsMax: number,
  onTarget: (body: (target: Target) => Promise<DrainCurve>) => Promise<DrainCurve>,
): Promise<Drains> {
  const drains: Partial<Record<DrainLayout, DrainCurve>> = {};
  for (const layout of LAYOUTS) {
    drains[layout] = await onTarget((target) => {
      const work = (): Promise<void> => sleep(target.clock, scale.workMs);
      const settings: DrainSettings = { ...scale, layout, work, input, name: layout, drainMsMax };
      return measureDrain(target, settings);
    });
  }
  return drains as Drains;
}

/** How long a wait of this length takes here: timers are late. */
async function waitMeasured(target: Target, ms: number): Promise<number> {
  const rounds = 60;
  const began = target.clock.monotonic();
  for (let round = 0; round < rounds; round++) await sleep(target.clock, ms);
  return (target.clock.monotonic() - began) / rounds;
}

interface Out {
  readonly figures: Record<string, Figure>;
  readonly charts: Record<string, ChartSpec>;
  readonly tables: Record<string, Table>;
  readonly verdicts: FigureVerdict[];
}

function reportDrains(drains: Drains, kind: 'sim' | 'local', recordMs: number, arrivals: number, out: Out): void {
  const { figures, charts, tables, verdicts } = out;
  const isVirtual = kind === 'sim';
  const unitMs = isVirtual ? 60_000 : 1000;
  const unit = isVirtual ? 'min' : 's';
  const source = isVirtual ? 'virtual time, simulated' : 'measured on real processes, one machine';
  const measured = (value: number): Figure => ({ value, unit, label: 'measured', source });
  for (const layout of LAYOUTS) {
    const curve = drains[layout];
    const predicted = predictDrain(curve, recordMs, arrivals);
    figures[`${kind}-${layout}-drain`] = measured(curve.drainMs / unitMs);
    figures[`${kind}-${layout}-predicted`] = {
      value: predicted.drainMs / unitMs,
      unit,
      label: 'derived',
      source: 'backlog / (capacity − arrivals)',
    };
    figures[`${kind}-${layout}-backlog`] = { value: curve.backlog, unit: 'count', label: 'measured', source };
    figures[`${kind}-${layout}-speed-up`] = {
      value: drains.unchanged.drainMs / curve.drainMs,
      unit: 'ratio',
      label: 'measured',
      source: `${source}: drain time with nothing changed over this one`,
    };
  }
  figures[`${kind}-backlog`] = { value: drains.unchanged.backlog, unit: 'count', label: 'measured', source };
  figures[`${kind}-arrivals`] = { value: arrivals, unit: 'records/s', label: 'given' };
  figures[`${kind}-record-work`] = {
    value: recordMs,
    unit: 'ms',
    label: isVirtual ? 'given' : 'measured',
    source: isVirtual ? 'virtual time' : 'a wait, timers included, before the drains',
  };
  figures[`${kind}-largest-share`] = {
    value: drains['by-key'].largestShare * 100,
    unit: '%',
    label: 'measured',
    source: 'part of the forwarded records in the fullest temporary partition',
  };
  if (isVirtual)
    figures['sim-away'] = { value: SIM.awayMs / HOUR_MS, unit: 'h', label: 'given', source: 'virtual time' };

  const shown: readonly DrainLayout[] = ['unchanged', 'round-robin', 'by-key'];
  charts[`${kind}-drain`] = {
    type: 'line',
    title: isVirtual ? 'Three hours behind: backlog over time' : 'The same with real processes',
    caption: 'Solid: as it ran. Dashed: backlog / (capacity − arrivals), known beforehand.',
    source,
    x: { name: 'time since the consumers are back', unit },
    y: { name: 'backlog', unit: 'records', min: 0 },
    series: shown.flatMap((layout) => {
      const curve = drains[layout];
      const end = predictDrain(curve, recordMs, arrivals).drainMs;
      return [
        { name: LAYOUT_NAMES[layout], points: thin(curve.points.map(([ms, n]) => [ms / unitMs, n] as const)) },
        {
          name: `${LAYOUT_NAMES[layout]}, predicted`,
          line: 'dashed' as const,
          points: [[0, curve.backlog] as const, [end / unitMs, 0] as const],
        },
      ];
    }),
    marks: [{ at: 0, label: 'consumers are back', tone: 'accent' }],
  };
  tables[`${kind}-drains`] = {
    title: isVirtual ? 'Draining three hours of backlog (virtual time)' : 'Draining on real processes',
    columns: [
      { name: 'layout' },
      { name: 'backlog', align: 'right' },
      { name: 'predicted', align: 'right' },
      { name: isVirtual ? 'simulated' : 'measured', align: 'right' },
      { name: 'speed-up', align: 'right' },
    ],
    rows: LAYOUTS.map((layout) => [
      LAYOUT_NAMES[layout],
      { figure: `${kind}-${layout}-backlog` },
      { figure: `${kind}-${layout}-predicted` },
      { figure: `${kind}-${layout}-drain` },
      { figure: `${kind}-${layout}-speed-up` },
    ]),
    note: 'Work is a wait, as for a call to a database or a service, so ten consumers really do ten times as much.',
  };
  const speedUp = (layout: DrainLayout): number => drains.unchanged.drainMs / drains[layout].drainMs;
  const row = (claim: string, variant: 'before' | 'after', isAsExpected: boolean): FigureVerdict => ({
    claim,
    target: kind,
    client: clientTitle('mqlab'),
    variant,
    expected: 'measured',
    verdict: isAsExpected ? 'measured' : 'inconclusive',
    runs: 1,
  });
  verdicts.push(
    row('C76', 'before', speedUp('round-robin') > 2 * SPEED_UP_MIN),
    row('C76', 'after', speedUp('by-key') > SPEED_UP_MIN),
    // More consumers than partitions are no faster; as many partitions as consumers are.
    row('C77', 'before', speedUp('more-consumers') < NO_SPEED_UP_MAX),
    row('C77', 'after', speedUp('by-key') > SPEED_UP_MIN),
  );
}

const POINTS_MAX = 120;

function thin(points: readonly (readonly [number, number])[]): readonly (readonly [number, number])[] {
  const every = Math.ceil(points.length / POINTS_MAX);
  return points.filter((_, at) => at % every === 0 || at === points.length - 1);
}

/** Work of a record and number of records, of a consumer that hardly works and of one that does. */
const POLL_LOADS = [
  { load: 'light', workMs: 0, records: 1000 },
  { load: 'heavy', workMs: 8, records: 60 },
] as const;

async function pollSizes(context: SimulateContext, target: Target, out: Omit<Out, 'charts'>): Promise<void> {
  const kind = target.kind;
  const rates = new Map<string, number>();
  for (const { load, workMs, records } of POLL_LOADS) {
    for (const maxPollRecords of POLL_SIZES) {
      const name = `poll-${load}-${maxPollRecords}`;
      const rate = await measurePollSize(target, {
        maxPollRecords,
        workMs,
        records,
        input: context.input,
        name,
      });
      rates.set(name, rate);
      out.figures[`${kind}-${name}`] = {
        value: rate,
        unit: 'records/s',
        label: 'measured',
        source: kind === 'sim' ? 'virtual time, simulated network' : 'real processes',
      };
    }
  }
  const largest = POLL_SIZES.at(-1)!;
  for (const { load } of POLL_LOADS) {
    const gain = rates.get(`poll-${load}-${largest}`)! / rates.get(`poll-${load}-${POLL_SIZES[1]}`)!;
    out.figures[`${kind}-poll-${load}-gain`] = { value: gain, unit: 'ratio', label: 'measured' };
  }
  const gainOf = (load: string): number => out.figures[`${kind}-poll-${load}-gain`]!.value;
  out.tables[`${kind}-polls`] = {
    title: `Records to a poll, one consumer, a commit after each poll (${kind === 'sim' ? 'virtual time' : 'measured'})`,
    columns: [
      { name: 'max.poll.records', align: 'right' },
      { name: 'hardly any work', align: 'right' },
      { name: 'work to wait for', align: 'right' },
    ],
    rows: POLL_SIZES.map((size) => [
      size,
      { figure: `${kind}-poll-light-${size}` },
      { figure: `${kind}-poll-heavy-${size}` },
    ]),
  };
  // Where work takes the time, larger polls help little; where round trips do, they help much.
  const isAsExpected = gainOf('light') > gainOf('heavy') * SPEED_UP_MIN;
  out.verdicts.push({
    claim: 'C77',
    target: kind,
    client: clientTitle('mqlab'),
    variant: 'after',
    expected: 'measured',
    verdict: isAsExpected ? 'measured' : 'inconclusive',
    runs: POLL_SIZES.length * 2,
  });
}

const CPU_RECORDS = 160;
const CPU_RECORD_MS = 4;
const CPU_ROUNDS_TRIED = 1000;

/** One consumer and ten, with work that needs a processor. */
async function processorBound(context: FigureContext, target: Target, figures: Record<string, Figure>): Promise<void> {
  const pool = new Piscina<number, string>({
    filename: new URL('./figures/cpu-work.ts', import.meta.url).href,
    minThreads: 2,
    maxThreads: Math.max(2, Math.min(10, availableParallelism())),
  });
  try {
    // Every thread warm first, then the best of some: what a record costs when nothing else runs.
    await Promise.all(Array.from({ length: 40 }, () => pool.run(CPU_ROUNDS_TRIED)));
    let leastMs = Number.POSITIVE_INFINITY;
    for (let attempt = 0; attempt < 5; attempt++) {
      const began = performance.now();
      await pool.run(CPU_ROUNDS_TRIED);
      leastMs = Math.min(leastMs, performance.now() - began);
    }
    const rounds = Math.round((CPU_ROUNDS_TRIED * CPU_RECORD_MS) / leastMs);
    const drain = (layout: DrainLayout): Promise<DrainCurve> =>
      measureDrain(target, {
        layout,
        work: async () => {
          await pool.run(rounds);
        },
        awayMs: 0,
        arrivalsPerSecond: 1,
        startRecords: CPU_RECORDS,
        tickMs: 10,
        pollMs: 20,
        input: context.input,
        name: `cpu-${layout}`,
        drainMsMax: 20_000,
      });
    const one = await drain('unchanged');
    const ten = await drain('round-robin');
    figures['local-cpu-one'] = { value: one.drainMs / 1000, unit: 's', label: 'measured' };
    figures['local-cpu-ten'] = { value: ten.drainMs / 1000, unit: 's', label: 'measured' };
    figures['local-cpu-speed-up'] = { value: one.drainMs / ten.drainMs, unit: 'ratio', label: 'measured' };
  } finally {
    await pool.destroy();
  }
}

const PRICE_RECORDS = 3000;
const PRICE_ROUNDS = 2;

async function dispatchPrice(
  context: FigureContext,
  target: Target,
  figures: Record<string, Figure>,
  price: PriceRow[],
): Promise<void> {
  const taken: Record<'before' | 'after', DispatchCost[]> = { before: [], after: [] };
  // Interleaved, and the first pair is for warming up.
  for (let round = 0; round <= PRICE_ROUNDS; round++) {
    for (const side of ['before', 'after'] as const) {
      const name = `price-${side}-${round}`;
      const isByKey = side === 'after';
      const cost = await measureDispatch(target, { isByKey, records: PRICE_RECORDS, input: context.input, name });
      if (round > 0) taken[side].push(cost);
    }
  }
  for (const [metric, key, unit] of [
    ['dispatcher throughput', 'recordsPerSecond', 'records/s'],
    ['p99 from forwarding to acknowledgement', 'p99Ms', 'ms'],
  ] as const) {
    const names = { before: '', after: '' };
    for (const side of ['before', 'after'] as const) {
      const values = taken[side].map((cost) => cost[key]).sort((a, b) => a - b);
      names[side] = `price-${side}-${key === 'p99Ms' ? 'latency' : 'throughput'}`;
      figures[names[side]] = {
        value: values[values.length >> 1]!,
        unit,
        label: 'measured',
        samples: values.length,
        min: values[0]!,
        max: values.at(-1)!,
      };
    }
    price.push({ metric, ...names });
  }
  price.push({ metric: 'drain time', before: 'local-round-robin-drain', after: 'local-by-key-drain' });
}

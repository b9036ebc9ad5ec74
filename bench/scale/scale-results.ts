/** The samples of a scale run as run data: a row a figure, and plots with what linear growth would be. Pure. */
import type { BarChart, ChartSpec, LineChart } from '@mqlab/reports/chart-spec.ts';
import type { BenchResult } from '@mqlab/reports/run-data.ts';
import { spreadOf } from '../statistics.ts';
import type { ScaleData } from './scale.ts';
import { PARTITIONS_PER_TOPIC } from './scale-plan.ts';
import type { PartitionsSample } from './starts.ts';

type Of<T> = (sample: T) => number | null;
type Direction = BenchResult['betterIs'];

interface System {
  readonly system: string;
  readonly version: string;
}

const START_METRICS: readonly (readonly [string, string, Of<PartitionsSample>])[] = [
  ['start to ready, after a clean end', 'ms', ({ clean }) => clean.readyMs],
  ['start to first acknowledged produce, after a clean end', 'ms', ({ clean }) => clean.acknowledgedMs],
  ['start to ready, after kill −9', 'ms', ({ afterKill }) => afterKill.readyMs],
  ['start to first acknowledged produce, after kill −9', 'ms', ({ afterKill }) => afterKill.acknowledgedMs],
  ['acknowledged records lost by the kill', 'count', ({ recordsLost }) => recordsLost],
  ['memory when idle (RSS)', 'bytes', ({ idle }) => idle?.rssBytes ?? null],
  ['processor when idle', '%', ({ idle }) => idle?.cpuPercent ?? null],
  ['open handles', 'count', ({ idle }) => idle?.handles ?? null],
];

export function scaleResults(data: ScaleData, { system, version }: System): BenchResult[] {
  const results: BenchResult[] = [];
  const add = (
    group: string,
    workload: string,
    metric: string,
    unit: string,
    betterIs: Direction,
    values: (number | null)[],
  ) => {
    const known = values.filter((value) => value !== null && Number.isFinite(value)) as number[];
    if (known.length > 0)
      results.push({ group, workload, metric, unit, betterIs, system, version, ...spreadOf(known) });
  };
  for (const [partitions, samples] of data.starts) {
    for (const [metric, unit, of] of START_METRICS) {
      add('partitions on a node', `${partitions} partitions`, metric, unit, 'lower', samples.map(of));
    }
  }
  const first = data.throughput.values().next().value ?? [];
  for (const [topics, samples] of data.throughput) {
    const row = (metric: string, unit: string, betterIs: Direction, values: (number | null)[]): void =>
      add('throughput', `${topics} topics × ${PARTITIONS_PER_TOPIC} partitions`, metric, unit, betterIs, values);
    row(
      'throughput',
      'bytes/s',
      'higher',
      samples.map((each) => each.bytesPerSecond),
    );
    row(
      'throughput kept',
      '%',
      'higher',
      samples.map((each, i) => (100 * each.bytesPerSecond) / first[i]!.bytesPerSecond),
    );
    row(
      'processor seconds per GB, server',
      's',
      'lower',
      samples.map((each) => each.serverCpuSecondsPerGb),
    );
    row(
      'processor seconds per GB, client',
      's',
      'lower',
      samples.map((each) => each.clientCpuSecondsPerGb),
    );
    row(
      'batches in a request',
      'count',
      'higher',
      samples.map((each) => each.batchesPerRequest),
    );
    row(
      'records in a batch',
      'count',
      'higher',
      samples.map((each) => each.recordsPerBatch),
    );
    row(
      'failed records',
      'count',
      'lower',
      samples.map((each) => each.failed),
    );
    row(
      'memory under load (RSS, peak)',
      'bytes',
      'lower',
      samples.map((each) => each.rssBytesPeak),
    );
  }
  const { connections } = data;
  if (connections.length > 0) {
    const row = (metric: string, unit: string, betterIs: Direction, values: (number | null)[]): void =>
      add('connections', `${connections[0]!.connections} connections`, metric, unit, betterIs, values);
    row(
      'memory of a connection',
      'bytes',
      'lower',
      connections.map((each) => each.bytesPerConnection),
    );
    row(
      'throughput kept',
      '%',
      'higher',
      connections.map((each) => (100 * each.with.bytesPerSecond) / each.without.bytesPerSecond),
    );
    row(
      'throughput',
      'bytes/s',
      'higher',
      connections.map((each) => each.with.bytesPerSecond),
    );
    row(
      'memory under load (RSS, peak)',
      'bytes',
      'lower',
      connections.map((each) => each.with.rssBytesPeak),
    );
  }
  return results;
}

export function scaleCharts(data: ScaleData): Record<string, ChartSpec> {
  const charts: Record<string, ChartSpec> = {};
  if (data.starts.size > 1) {
    const [, cleanAck, , killedAck] = START_METRICS;
    const [, , , , , memory, processor, handles] = START_METRICS;
    charts.start = growth(data, 'Start to the first acknowledged produce', 'ms', [
      ['after a clean end', cleanAck![2]],
      ['after kill −9', killedAck![2]],
    ]);
    charts.memory = growth(data, 'Memory of an idle node', 'MB', [['RSS', scaled(memory![2], 1e-6)]]);
    charts.handles = growth(data, 'Open handles of an idle node', '', [['handles', handles![2]]]);
    charts.processor = growth(data, 'Processor share of an idle node', '%', [['of one processor', processor![2]]]);
  }
  if (data.throughput.size > 1) charts.throughput = keptChart(data);
  return charts;
}

function scaled(of: Of<PartitionsSample>, factor: number): Of<PartitionsSample> {
  return (sample) => {
    const value = of(sample);
    return value === null ? null : value * factor;
  };
}

/** Medians by number of partitions, and dashed the straight line through the first two: what lies below it grows less than linearly. */
function growth(
  { starts }: ScaleData,
  title: string,
  unit: string,
  lines: readonly (readonly [string, Of<PartitionsSample>])[],
): LineChart {
  const series: LineChart['series'][number][] = [];
  for (const [name, of] of lines) {
    const points: [number, number][] = [];
    for (const [partitions, samples] of starts) {
      const values = samples.map(of).filter((value) => value !== null);
      if (values.length > 0) points.push([partitions, spreadOf(values).median]);
    }
    series.push({ name, points });
    const [from, next] = points;
    const last = points.at(-1);
    if (from === undefined || next === undefined || last === undefined || points.length < 3) continue;
    const slope = (next[1] - from[1]) / (next[0] - from[0]);
    const straight = from[1] + slope * (last[0] - from[0]);
    series.push({ name: `${name}: the first two, straight on`, points: [from, [last[0], straight]], line: 'dashed' });
  }
  return {
    type: 'line',
    title,
    source: 'measured, one node, medians',
    x: { name: 'partitions', unit: '', min: 0 },
    y: { name: title.toLowerCase(), unit, min: 0 },
    series,
  };
}

function keptChart({ throughput }: ScaleData): BarChart {
  const first = throughput.values().next().value!;
  const kept = [...throughput.values()].map((samples) =>
    spreadOf(samples.map((each, i) => (100 * each.bytesPerSecond) / first[i]!.bytesPerSecond)),
  );
  return {
    type: 'bar',
    title: 'Throughput kept as topics become more',
    source: `measured, ${PARTITIONS_PER_TOPIC} partitions a topic, against the fewest topics of the same round`,
    x: { name: 'topics', unit: '' },
    y: { name: 'throughput kept', unit: '%', min: 0 },
    categories: [...throughput.keys()].map(String),
    series: [
      {
        name: 'kept',
        values: kept.map(({ median }) => median),
        min: kept.map(({ min }) => min),
        max: kept.map(({ max }) => max),
      },
    ],
  };
}

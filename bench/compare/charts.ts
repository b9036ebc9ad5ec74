/** Pictures of a comparison, made of its figures. Pure; a picture without data is left out. */
import type { BarChart, ChartSpec, LineChart } from '@mqlab/reports/chart-spec.ts';
import type { BenchResult } from '@mqlab/reports/run-data.ts';
import { START_UP } from './start-up.ts';

const SOURCE = 'measured on this machine, systems in turn, medians with their range';
const MB = 1e6;
/** Percentiles of the latency pictures, by the metric’s own words. */
const PERCENTILES = [
  ['p50', 50],
  ['p99', 99],
  ['p99.9', 99.9],
  ['p99.99', 99.99],
] as const;

export function compareCharts(results: readonly BenchResult[]): Record<string, ChartSpec> {
  const charts: Record<string, ChartSpec | null> = {
    'produce-throughput': bars(results, 'produce throughput', 'Produced', 'throughput', 'MB/s', MB),
    'drain-throughput': bars(results, 'drain throughput', 'Drained', 'throughput', 'MB/s', MB),
    'produce-cpu': bars(
      results,
      'produce processor time per GB',
      'Produced: processor time of the server',
      'processor time per GB',
      's',
      1,
    ),
    'drain-cpu': bars(
      results,
      'drain processor time per GB',
      'Drained: processor time of the server',
      'processor time per GB',
      's',
      1,
    ),
    'memory-peak': bars(results, 'memory peak', 'Memory at its peak', 'resident memory', 'MB', MB),
    'start-up': bars(
      results,
      'start to first acknowledged produce',
      'From the start to the first acknowledged record',
      'time',
      'ms',
      1,
    ),
    'memory-idle': bars(results, 'memory idle', 'Memory at rest, one topic', 'resident memory', 'MB', MB),
  };
  for (const workload of new Set(results.map((each) => each.workload)))
    for (const [where, chart] of latencyLines(results, workload)) charts[`latency-${workload}-${where}`] = chart;
  return Object.fromEntries(Object.entries(charts).filter((entry): entry is [string, ChartSpec] => entry[1] !== null));
}

function bars(
  results: readonly BenchResult[],
  metric: string,
  title: string,
  quantity: string,
  unit: string,
  divisor: number,
): BarChart | null {
  const own = results.filter((each) => each.metric === metric);
  if (own.length === 0) return null;
  const categories = [...new Set(own.map((each) => each.workload))];
  const systems = [...new Set(own.map((each) => each.system))];
  return {
    type: 'bar',
    title,
    source: SOURCE,
    x: { name: metric === 'start to first acknowledged produce' ? START_UP : 'workload', unit: '' },
    y: { name: quantity, unit, min: 0 },
    categories,
    series: systems.map((system) => {
      const of = (take: (result: BenchResult) => number) =>
        categories.map((workload) => {
          const found = own.find((each) => each.system === system && each.workload === workload);
          return found === undefined ? null : take(found) / divisor;
        });
      return {
        name: system,
        values: of(({ median }) => median),
        min: of(({ min }) => min),
        max: of(({ max }) => max),
      };
    }),
  };
}

/** Latency against percentile, a line a system, for each load of a workload. */
function latencyLines(results: readonly BenchResult[], workload: string): [string, LineChart][] {
  const own = results.filter((each) => each.workload === workload && each.metric.startsWith('end to end p50 '));
  const places = [...new Set(own.map((each) => each.metric.slice('end to end p50 '.length)))];
  return places.map((place) => {
    const systems = [...new Set(own.filter((each) => each.metric.endsWith(place)).map((each) => each.system))];
    const series = systems.map((system) => ({
      name: system,
      points: PERCENTILES.flatMap(([name, percent]) => {
        const found = results.find(
          (each) =>
            each.workload === workload && each.system === system && each.metric === `end to end ${name} ${place}`,
        );
        // Nines as distance from all: 50 % is 2, 99 % is 100.
        return found === undefined ? [] : [[Math.round(100 / (100 - percent)), found.median] as const];
      }),
    }));
    return [
      place
        .replaceAll(/[^a-z0-9]+/gi, '-')
        .replaceAll(/^-|-$/g, '')
        .toLowerCase(),
      {
        type: 'line',
        title: `${workload}: latency from end to end ${place}`,
        caption:
          'From the moment a record was due until a consumer had it: one in so many records waited at least as long.',
        source: SOURCE,
        x: { name: 'one in … records', unit: '', scale: 'log' },
        y: { name: 'latency', unit: 'ms', scale: 'log' },
        series,
      } satisfies LineChart,
    ];
  });
}

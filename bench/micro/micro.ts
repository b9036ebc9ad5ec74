import { readFileSync } from 'node:fs';
import type { BarChart } from '@mqlab/reports/chart-spec.ts';
import type { BenchResult, BenchRunData, Figure } from '@mqlab/reports/run-data.ts';
import { benchRunSchema } from '@mqlab/reports/run-data.ts';
import { Bench } from 'tinybench';
import { thisMachine } from '../machine.ts';
import { spreadOf } from '../statistics.ts';
import { microTasks } from './tasks.ts';
import { measureTransfer, type TransferPair } from './transfer.ts';

/**
 * The micro-benchmarks: one small operation at a time with tinybench, and the same fetch by sendfile and by copy. Their use is to see
 * where time goes and whether a change helped; no verdict hangs on them but that of C56.
 */
export interface MicroOptions {
  readonly profile: 'quick' | 'full';
  readonly replay: string;
  readonly progress: (text: string) => void;
}

const PROFILES = {
  quick: { taskMs: 150, pairs: 5, fileBytes: 256 * 1024 * 1024 },
  full: { taskMs: 1000, pairs: 9, fileBytes: 1024 * 1024 * 1024 },
} as const;
const SLICE_BYTES = 1024 * 1024;

export async function runMicro(options: MicroOptions): Promise<BenchRunData> {
  const startedAt = new Date();
  const { taskMs, pairs, fileBytes } = PROFILES[options.profile];
  const version = packageVersion();
  const results: BenchResult[] = [];
  const groups = new Map<string, Bench>();
  const tasks = microTasks();
  try {
    for (const task of tasks.list) {
      let bench = groups.get(task.group);
      if (bench === undefined)
        groups.set(task.group, (bench = new Bench({ name: task.group, time: taskMs, warmupTime: taskMs / 3 })));
      bench.add(task.name, task.run);
    }
    for (const [group, bench] of groups) {
      options.progress(`micro: ${group}`);
      await bench.run();
      for (const task of bench.tasks) {
        const { result } = task;
        if (result.state !== 'completed')
          throw new Error(`micro-benchmark ${group}/${task.name} ended ${result.state}`);
        const perCall =
          tasks.list.find((each) => each.group === group && each.name === task.name)?.operationsPerCall ?? 1;
        const ns = (ms: number): number => (ms * 1e6) / perCall;
        results.push({
          group,
          workload: task.name,
          metric: 'time per operation',
          unit: 'ns',
          betterIs: 'lower',
          system: 'mqlab',
          version,
          median: ns(result.latency.p50),
          min: ns(result.latency.min),
          max: ns(result.latency.p99),
          samples: result.latency.samplesCount,
        });
      }
    }
  } finally {
    tasks.close();
  }
  const transfer = await measureTransfer({ pairs, fileBytes, sliceBytes: SLICE_BYTES }, options.progress);
  results.push(...transferResults(transfer, version));
  return {
    schema: benchRunSchema,
    kind: 'micro',
    bench: 'micro',
    title: 'Micro-benchmarks',
    about: ABOUT,
    replay: options.replay,
    machine: thisMachine(),
    versions: { mqlab: version },
    startedAt: startedAt.toISOString(),
    durationMs: Date.now() - startedAt.getTime(),
    settings: {
      profile: options.profile,
      'time per task': `${taskMs} ms`,
      'transfer: pairs': String(pairs),
      'transfer: file': `${fileBytes / 2 ** 20} MiB`,
      'transfer: slice': `${SLICE_BYTES / 2 ** 20} MiB`,
    },
    figures: transferFigures(transfer),
    charts: { transfer: transferChart(transfer) },
    tables: {},
    limits: [
      'Loopback: no network card, no interrupts; the reader shares the cores with the server.',
      'Times of single operations hold for warm code and warm caches.',
    ],
    results,
  };
}

const ABOUT = `Each operation is called over and over by tinybench; the median over its samples stands in the table, with the fastest sample and the
99th percentile as its range. The transfer sends a file that the page cache holds to a socket on loopback, by sendfile and by read and write, in interleaved pairs
after a warm-up; the processor time is the serving process's own, user and system.`;

function packageVersion(): string {
  return (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version;
}

function transferResults(pairs: readonly TransferPair[], version: string): BenchResult[] {
  const rows: BenchResult[] = [];
  for (const way of ['sendfile', 'copy'] as const) {
    const row = (metric: string, unit: string, betterIs: 'higher' | 'lower', values: number[]): void => {
      rows.push({
        group: 'fetch',
        workload: `file to socket by ${way}`,
        metric,
        unit,
        betterIs,
        system: 'mqlab',
        version,
        ...spreadOf(values),
      });
    };
    row(
      'throughput',
      'bytes/s',
      'higher',
      pairs.map((pair) => pair[way].bytesPerSecond),
    );
    row(
      'processor time per GB',
      's',
      'lower',
      pairs.map((pair) => pair[way].cpuSecondsPerGb),
    );
  }
  return rows;
}

function transferFigures(pairs: readonly TransferPair[]): Record<string, Figure> {
  const figure = (unit: string, values: number[]): Figure => {
    const { median, min, max, samples } = spreadOf(values);
    return { value: median, unit, label: 'measured', min, max, samples };
  };
  return {
    'transfer.sendfile.throughput': figure(
      'bytes/s',
      pairs.map((pair) => pair.sendfile.bytesPerSecond),
    ),
    'transfer.copy.throughput': figure(
      'bytes/s',
      pairs.map((pair) => pair.copy.bytesPerSecond),
    ),
    'transfer.throughput.ratio': figure(
      'ratio',
      pairs.map((pair) => pair.sendfile.bytesPerSecond / pair.copy.bytesPerSecond),
    ),
    'transfer.sendfile.cpu': figure(
      's',
      pairs.map((pair) => pair.sendfile.cpuSecondsPerGb),
    ),
    'transfer.copy.cpu': figure(
      's',
      pairs.map((pair) => pair.copy.cpuSecondsPerGb),
    ),
    'transfer.cpu.ratio': figure(
      'ratio',
      pairs.map((pair) => pair.copy.cpuSecondsPerGb / pair.sendfile.cpuSecondsPerGb),
    ),
    'transfer.sendfile.copied': figure(
      '%',
      pairs.map(({ sendfile: s }) => (100 * s.bytesByCopy) / (s.bytesByCopy + s.bytesBySendfile)),
    ),
  };
}

function transferChart(pairs: readonly TransferPair[]): BarChart {
  const cpu = (way: 'sendfile' | 'copy') => spreadOf(pairs.map((pair) => pair[way].cpuSecondsPerGb));
  const ways = [cpu('sendfile'), cpu('copy')];
  return {
    type: 'bar',
    title: 'The same file to a socket: processor time of the server',
    source: 'measured, loopback, page cache warm, interleaved pairs',
    x: { name: 'way', unit: '' },
    y: { name: 'processor time per GB', unit: 's', min: 0 },
    categories: ['sendfile', 'copy through user space'],
    series: [
      { name: 'server', values: ways.map((w) => w.median), min: ways.map((w) => w.min), max: ways.map((w) => w.max) },
    ],
  };
}

/** Run data of a comparison, from its samples. Pure: what it says of the machine is given. */
import type { BenchRunData, Machine, Table } from '@mqlab/reports/run-data.ts';
import { benchRunSchema } from '@mqlab/reports/run-data.ts';
import type { Peer } from '../peers/peer.ts';
import { compareCharts } from './charts.ts';
import { figuresOf, type Sample } from './samples.ts';
import type { Skipped, System } from './session.ts';
import type { CompareWorkload } from './workload.ts';

export interface CompareReport {
  readonly machine: Machine;
  readonly startedAt: Date;
  readonly durationMs: number;
  readonly replay: string;
  readonly pairs: number;
  readonly workloads: readonly CompareWorkload[];
  readonly systems: readonly System[];
  readonly skipped: readonly Skipped[];
  readonly samples: readonly Sample[];
  readonly failures: readonly string[];
  /** What the run as a whole was given: touched memory, tools. */
  readonly settings: Readonly<Record<string, string>>;
}

export const ABOUT = `Several systems under the same load on one machine, in turn: A B, B A, A B…, after a warm-up of each. Within a workload every system runs on a
data folder of its own from its warm-up to its last round; topics are new for each round. The figure is the median over the rounds, with its range; the ratio to
Kafka is taken round by round, and the median of those ratios stands in the table.

Throughput is a closed loop with a bound on what is sent and not answered. Latency is an open loop: a record counts from the moment when it was due, whatever became of those
before it (no coordinated omission), in an HdrHistogram; the generator's own lateness is in it and is given beside it. Payloads are random text. Processor time and memory are
those of all of a server's processes, from /proc. Before a window all that was written goes to the device, and what speaks Kafka gives up the page cache of a deleted topic
at once. What is read has just been written: it lies in the page cache.`;

const LIMITS = [
  'Clients and servers share the cores of one machine; the network is loopback.',
  'The generator’s timers are no finer than a millisecond: latencies far below that cannot be told apart from it.',
];

export function compareRunData(report: CompareReport): BenchRunData {
  const { systems, skipped, workloads, pairs, samples, failures } = report;
  const results = figuresOf(samples);
  const settings: Record<string, string> = { rounds: String(pairs), ...report.settings };
  for (const { peer } of systems) settings[`system ${peer.name}`] = peer.settings.join('; ');
  return {
    schema: benchRunSchema,
    kind: 'compare',
    bench: 'compare',
    title: 'Systems compared',
    about: ABOUT,
    replay: report.replay,
    machine: report.machine,
    versions: versionsOf(systems),
    startedAt: report.startedAt.toISOString(),
    durationMs: report.durationMs,
    settings,
    figures: {},
    charts: compareCharts(results),
    tables: { workloads: workloadTable(workloads), samples: sampleTable(samples) },
    limits: [...LIMITS, ...skipped.map(({ name, why }) => `${name} was not measured: ${why}`), ...failures],
    results,
  };
}

export function versionsOf(
  systems: readonly { readonly peer: Peer; readonly version: string }[],
): Record<string, string> {
  return Object.fromEntries(systems.map(({ peer, version }) => [peer.name, version]));
}

function workloadTable(workloads: readonly CompareWorkload[]): Table {
  const skip = ['name', 'about'];
  const names = Object.keys(workloads[0] ?? {}).filter((name) => !skip.includes(name)) as (keyof CompareWorkload)[];
  return {
    title: 'Workloads',
    columns: [{ name: 'property' }, ...workloads.map(({ name }) => ({ name, align: 'right' as const }))],
    rows: names.map((name) => [
      name,
      ...workloads.map((workload) => {
        const value = workload[name];
        return Array.isArray(value) ? value.join(', ') || 'none' : String(value);
      }),
    ]),
  };
}

/** Every sample, in rounds: what the medians are made of. */
export function sampleTable(samples: readonly Sample[]): Table {
  const rounds = Math.max(0, ...samples.map(({ pair }) => pair + 1));
  const bySystem = Map.groupBy(samples, (each) => JSON.stringify([each.workload, each.metric, each.system]));
  return {
    title: 'Every round',
    columns: [
      { name: 'workload' },
      { name: 'metric' },
      { name: 'system' },
      { name: 'unit' },
      ...Array.from({ length: rounds }, (_, round) => ({ name: String(round + 1), align: 'right' as const })),
    ],
    rows: [...bySystem.values()].map((own) => {
      const { workload, metric, system, unit } = own[0]!;
      const values = Array.from(
        { length: rounds },
        (_, round) => own.find((each) => each.pair === round)?.value ?? null,
      );
      return [workload, metric, system, unit, ...values];
    }),
  };
}

/** The lab's tables and charts: the notes' table filled anew, what the settings were, throughput against topics, latency, and what a kill left. */

import type { BarChart, ChartSpec, LineChart } from '@mqlab/reports/chart-spec.ts';
import type { Table, TableCell } from '@mqlab/reports/run-data.ts';
import { medianOf } from './conclusions.ts';
import { keptOfFewest, shareText } from './kept.ts';
import {
  LATENCY_RATE,
  PARTITIONS,
  problemsOf,
  RECORD_BYTES,
  type SystemMeasured,
  type WhichQueueMeasured,
} from './measured.ts';

const SOURCE = 'measured, one server and its clients on this machine';

/** Each size that was not measured to its end too: a gap would read as a size that nobody tried. */
function sizes(system: SystemMeasured): string {
  const kept = keptOfFewest(system).map(({ from, to, share }) => `${from} → ${to}: ${shareText(share)}`);
  const missed = system.topics.filter((size) => size.missed !== null).map(({ topics }) => `${topics}: not reached`);
  return [...kept, ...missed].join('; ') || '–';
}

function crashWords({ crash }: SystemMeasured): TableCell {
  if (crash === null) return null;
  const text = `${crash.lost} lost, ${crash.twice} twice, of ${crash.confirmed}`;
  return { text, tone: crash.lost > 0 ? 'bad' : crash.twice > 0 ? 'warn' : 'good' };
}

export function comparisonTable({ systems }: WhichQueueMeasured): Table {
  return {
    title: 'The table of the notes, filled by this run',
    columns: [
      { name: 'System' },
      { name: 'Through', unit: 'records/s', align: 'right' },
      { name: 'Range', unit: 'records/s', align: 'right' },
      { name: 'Server', unit: 's per GB', align: 'right' },
      { name: 'p50', unit: 'ms', align: 'right' },
      { name: 'p99', unit: 'ms', align: 'right' },
      { name: 'Kept with many topics' },
      { name: 'After kill −9' },
      { name: 'Memory, peak', unit: 'MB', align: 'right' },
      { name: 'Start', unit: 'ms', align: 'right' },
    ],
    rows: systems.map((system): TableCell[] => {
      const { recordsPerSecond: rates, latency } = system;
      const round = (value: number | null): number | null => (value === null ? null : Number(value.toPrecision(3)));
      return [
        `${system.title} ${system.version}`,
        rates.length === 0 ? null : Math.round(medianOf(rates)),
        rates.length < 2 ? '–' : `${Math.round(Math.min(...rates))}–${Math.round(Math.max(...rates))}`,
        round(system.cpuSecondsPerGb),
        round(latency?.p50Ms ?? null),
        round(latency?.p99Ms ?? null),
        sizes(system),
        crashWords(system),
        system.rssBytesPeak === null ? null : Math.round(system.rssBytesPeak / 1e6),
        Number.isFinite(system.startMs) ? Math.round(system.startMs) : null,
      ];
    }),
    note: `Records of ${RECORD_BYTES} B, each confirmed by the server; latency in an open loop at ${LATENCY_RATE} records/s, from the due moment. Many topics have ${PARTITIONS} partitions or queues each, and memory is that of one topic.`,
  };
}

export function settingsTable({ systems, absent }: WhichQueueMeasured): Table {
  return {
    title: 'What each system promised when it confirmed',
    columns: [{ name: 'System' }, { name: 'Settings' }],
    rows: [
      ...systems.map((system): TableCell[] => [
        `${system.title} ${system.version}`,
        [...system.settings, ...problemsOf(system).map((problem) => `problem: ${problem}`)].join('; '),
      ]),
      ...absent.map(({ title, why }): TableCell[] => [title, { text: `not measured: ${why}`, tone: 'neutral' }]),
    ],
    note: 'A system that is not on the machine is left out, never guessed.',
  };
}

export function chartsOf(taken: WhichQueueMeasured): Record<string, ChartSpec> {
  return { throughput: throughputChart(taken), topics: topicsChart(taken), latency: latencyChart(taken) };
}

function throughputChart({ systems }: WhichQueueMeasured): BarChart {
  const rates = systems.map(({ recordsPerSecond }) => recordsPerSecond);
  const each = (of: (samples: readonly number[]) => number): (number | null)[] =>
    rates.map((samples) => (samples.length === 0 ? null : of(samples)));
  return {
    type: 'bar',
    horizontal: true,
    title: 'Confirmed records a second, one producer',
    caption:
      'Each system with its own client and durable settings: it is what a Node application gets, and says as much of the client as of the server.',
    source: `${SOURCE}, in turn`,
    x: { name: 'system', unit: '' },
    y: { name: 'throughput', unit: 'records/s', scale: 'linear', min: 0 },
    categories: systems.map(({ title }) => title),
    series: [
      {
        name: 'records/s',
        values: each(medianOf),
        min: each((samples) => Math.min(...samples)),
        max: each((samples) => Math.max(...samples)),
      },
    ],
  };
}

function topicsChart({ systems }: WhichQueueMeasured): LineChart {
  return {
    type: 'line',
    title: 'Total throughput against the number of topics',
    caption:
      'Of what the same system carried with the fewest topics, window by window; the median. The total load is the same; it is spread over more of them.',
    source: SOURCE,
    x: { name: 'topics', unit: '', scale: 'log' },
    y: { name: 'kept', unit: '%', min: 0 },
    series: systems.flatMap((system) => {
      const kept = keptOfFewest(system);
      if (kept.length === 0) return [];
      const points = kept.map(({ to, share }) => [to, share.median * 100] as const);
      return [{ name: system.title, points: [[kept[0]!.from, 100] as const, ...points] }];
    }),
  };
}

function latencyChart({ systems }: WhichQueueMeasured): BarChart {
  const measured = systems.filter(({ latency }) => latency !== null);
  return {
    type: 'bar',
    horizontal: true,
    title: 'From due to confirmed',
    caption: 'The same rate for all, far below what each can carry. What waits for a device or for a batch shows.',
    source: `${SOURCE}; open loop at ${LATENCY_RATE} records/s`,
    x: { name: 'system', unit: '' },
    y: { name: 'latency', unit: 'ms', min: 0 },
    categories: measured.map(({ title }) => title),
    series: [
      { name: 'p50', values: measured.map(({ latency }) => latency!.p50Ms) },
      { name: 'p99', values: measured.map(({ latency }) => latency!.p99Ms) },
    ],
  };
}

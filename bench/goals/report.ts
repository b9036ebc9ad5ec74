/** Run data of the goals, from their samples. Pure. */
import type { BarChart } from '@mqlab/reports/chart-spec.ts';
import { formatQuantity } from '@mqlab/reports/format.ts';
import type { BenchRunData, Table, TableCell } from '@mqlab/reports/run-data.ts';
import { benchRunSchema } from '@mqlab/reports/run-data.ts';
import { type CompareReport, sampleTable, versionsOf } from '../compare/report.ts';
import { figuresOf, REFERENCE } from '../compare/samples.ts';
import type { Spread } from '../statistics.ts';
import type { GoalLine, Reached } from './goal.ts';

export interface GoalsReport extends Omit<CompareReport, 'workloads'> {
  readonly lines: readonly GoalLine[];
}

const ABOUT = `The goals of the project's performance, each with its measured value and, where it is a comparison, the ratio to the other system, taken round by
round. All of it is one run of one command on one machine. Method and words are those of the comparison of systems: systems in turn after a warm-up, medians with their range, open loops from the
due moment, processor time and memory from /proc. A goal is reached when each of its demands holds for the median.

Beside Kafka stand two that keep nothing and so show what the load generators reach by themselves: null-sink answers every produce at once, null-relay also hands on
what it got to who waits for it.`;

const LIMITS = [
  'Clients and servers share the cores of one machine; the network is loopback.',
  'The generator’s timers are no finer than a millisecond; its own lateness is contained in the latencies.',
];

export function goalsRunData(report: GoalsReport): BenchRunData {
  const { systems, skipped, samples, failures, lines } = report;
  const settings: Record<string, string> = { rounds: String(report.pairs), ...report.settings };
  for (const { peer } of systems) settings[`system ${peer.name}`] = peer.settings.join('; ');
  const chart = ratioChart(lines);
  return {
    schema: benchRunSchema,
    kind: 'compare',
    bench: 'goals',
    title: 'Goals of performance',
    about: ABOUT,
    replay: report.replay,
    machine: report.machine,
    versions: versionsOf(systems),
    startedAt: report.startedAt.toISOString(),
    durationMs: report.durationMs,
    settings,
    figures: {},
    charts: chart === null ? {} : { ratios: chart },
    tables: { summary: goalTable(lines), samples: sampleTable(samples) },
    limits: [
      ...LIMITS,
      ...lines.flatMap(whereLimit),
      ...skipped.map(({ name, why }) => `${name} was not measured: ${why}`),
      ...failures,
    ],
    results: figuresOf(samples),
  };
}

function whereLimit({ goal, reached }: GoalLine): string[] {
  if (reached !== 'not reached') return [];
  return [
    `Not reached: ${goal.what}. Where the time goes, what was tried and what the limit is: \`${goal.evidence}\`.`,
  ];
}

const TONES: Readonly<Record<Reached, 'good' | 'bad' | 'warn'>> = {
  reached: 'good',
  'not reached': 'bad',
  'not measured': 'warn',
};

function goalTable(lines: readonly GoalLine[]): Table {
  return {
    title: 'Goals',
    columns: [
      { name: 'what' },
      { name: 'workload' },
      { name: 'goal' },
      { name: 'mqlab', align: 'right' },
      { name: 'others', align: 'right' },
      { name: 'ratio, pair by pair', align: 'right' },
      { name: 'reached' },
    ],
    rows: lines.map((line): TableCell[] => {
      const { what, workload, goal, ours, others, ratios } = goalWords(line);
      return [what, workload, goal, ours, others, ratios, { text: line.reached, tone: TONES[line.reached] }];
    }),
  };
}

export interface GoalWords {
  readonly what: string;
  readonly workload: string;
  readonly goal: string;
  readonly ours: string;
  readonly others: string;
  readonly ratios: string;
}

/** A row of the table as text. */
export function goalWords({ goal, unit, value, peers, ratios, demands }: GoalLine): GoalWords {
  const quantity = (spread: Spread): string => withRange(spread, (each) => formatQuantity(each, unit));
  return {
    what: goal.what,
    workload: goal.workload,
    goal: demands.map(({ words }) => words).join('; '),
    ours: value === null ? '–' : quantity(value),
    others: peers.map(({ system, value }) => `${system} ${quantity(value)}`).join('; ') || '–',
    ratios:
      ratios
        .map(({ to, ratio }) =>
          ratio === null ? `${to}: not measured` : `${withRange(ratio, (each) => each.toPrecision(3))} × ${to}`,
        )
        .join('; ') || '–',
  };
}

function withRange(spread: Spread, words: (value: number) => string): string {
  const { median, min, max, samples } = spread;
  return samples === 1 ? words(median) : `${words(median)} (${words(min)} to ${words(max)})`;
}

function ratioChart(lines: readonly GoalLine[]): BarChart | null {
  const rows = lines.flatMap(({ goal, ratios }) => {
    const ratio = ratios.find(({ to }) => to === REFERENCE)?.ratio;
    return ratio == null ? [] : [{ what: goal.what, ratio }];
  });
  if (rows.length === 0) return null;
  return {
    type: 'bar',
    title: 'mqlab as a multiple of Apache Kafka',
    caption: 'Throughput above one is better; time, processor time and memory below one are better.',
    source: 'measured on this machine, pair by pair, medians with their range',
    horizontal: true,
    x: { name: 'goal', unit: '' },
    y: { name: 'ratio to Kafka', unit: '', scale: 'log' },
    categories: rows.map(({ what }) => what),
    series: [
      {
        name: 'mqlab / Kafka',
        values: rows.map(({ ratio }) => ratio.median),
        min: rows.map(({ ratio }) => ratio.min),
        max: rows.map(({ ratio }) => ratio.max),
      },
    ],
  };
}

/** The lab's figures: the truth table, the moment of the first automatic commit, and the price of each way to commit. Taken on real processes. */
import type { HeatMapChart } from '@mqlab/reports/chart-spec.ts';
import type { Figure, PriceRow, Table, TableCell } from '@mqlab/reports/run-data.ts';
import { CLIENT_NAMES } from '../../kit/drivers/driver.ts';
import { clientTitle } from '../../kit/drivers/versions.ts';
import type { FigureContext, LabFigures } from '../../kit/lab.ts';
import type { TargetKind } from '../../kit/targets/target.ts';
import { BROKER_SETTINGS } from '../run.ts';
import { kcatVersion } from '../table/kcat.ts';
import { type Cell, INTERVAL_MS, measureTable, STRIKES, type TableRow } from '../table/measure-table.ts';
import { measurePrice, PRICED, PRICED_TITLES, type Priced, type PriceSamples } from './commit-price.ts';
import { type FirstCommits, measureFirstCommits } from './first-commit.ts';

const ROUNDS = { quick: 3, full: 9 } as const;

interface Observed {
  readonly rows: readonly TableRow[];
  readonly first: FirstCommits;
}

/** Libraries run on real processes only, whatever the scenarios ran on. */
function kindOf(context: FigureContext): TargetKind {
  return context.targets.find((target) => target !== 'sim') ?? 'local';
}

/** What waits for the clients' intervals of five seconds. */
export async function observeCommits(context: FigureContext): Promise<Observed> {
  const target = await context.open(kindOf(context), BROKER_SETTINGS);
  try {
    context.progress('truth table, and each client’s first commit');
    const [rows, first] = await Promise.all([measureTable(target, context.input), measureFirstCommits(target)]);
    return { rows, first };
  } finally {
    await target.close();
  }
}

export async function autoCommitFigures(context: FigureContext): Promise<LabFigures> {
  const kind = kindOf(context);
  const { input, profile, progress } = context;
  const target = await context.open(kind, BROKER_SETTINGS);
  try {
    progress('price of a commit');
    const price = await measurePrice(target, input, ROUNDS[profile]);
    const { rows, first } = context.observed as Observed;
    return figuresOf(rows, first, price, kind);
  } finally {
    await target.close();
  }
}

function outcomeOf({ lost, repeated }: Cell): 'lost' | 'repeated' | 'held' {
  return lost > 0 ? 'lost' : repeated > 0 ? 'repeated' : 'held';
}

function figuresOf(
  rows: readonly TableRow[],
  first: FirstCommits,
  price: Readonly<Record<Priced, PriceSamples>>,
  kind: TargetKind,
): LabFigures {
  const cells = rows.flatMap((row) => STRIKES.map((strike) => row.cells[strike])).filter((cell) => cell !== null);
  const count = (outcome: string): Figure => ({
    value: cells.filter((cell) => outcomeOf(cell) === outcome).length,
    unit: 'count',
    label: 'measured',
    source: 'cells of the truth table',
  });
  const figures: Record<string, Figure> = {
    'table.cells': { value: cells.length, unit: 'count', label: 'measured', source: 'ways × ends of the truth table' },
    'table.lost': count('lost'),
    'table.repeated': count('repeated'),
    'table.held': count('held'),
    'table.interval': { value: INTERVAL_MS, unit: 'ms', label: 'given', source: 'periodic commits in the truth table' },
  };
  for (const [name, ms] of Object.entries(first)) {
    figures[`first-commit.${name}`] = {
      value: ms,
      unit: 'ms',
      label: 'measured',
      source: 'from the first record in the application to its offset in __consumer_offsets, defaults',
    };
  }
  for (const way of PRICED) Object.assign(figures, priceFigures(way, price[way]));
  return {
    figures,
    charts: { 'truth-table': truthChart(rows, kind) },
    tables: { 'first-commit': firstCommitTable(first), 'truth-words': truthTable(rows) },
    price: PRICE_ROWS,
    limits: [
      ...(kcatVersion() === null
        ? ['kcat is not installed here: the row of librdkafka is missing from the truth table.']
        : []),
      'A cell of the truth table is one run: it shows what happens, and not how often. Whether a record was committed when the blow fell depends on the interval, not on luck alone: search over many moments is what the scenarios do.',
      'In the truth table the next consumer is not started: what it would get again follows from the committed offset.',
    ],
  };
}

/** Short, so that they stand whole below a column. */
const COLUMNS = { kill: 'killed', end: 'ended in order' } as const;
const TONES = { lost: 'bad', repeated: 'warn', held: 'good' } as const;

function cellText(cell: Cell): { readonly text: string; readonly tone: (typeof TONES)[keyof typeof TONES] } {
  const outcome = outcomeOf(cell);
  const text = outcome === 'lost' ? `lost ${cell.lost}` : outcome === 'repeated' ? `twice ${cell.repeated}` : 'held';
  return { text, tone: TONES[outcome] };
}

function truthTable(rows: readonly TableRow[]): Table {
  return {
    title: 'The same with the words of each library',
    columns: [
      { name: 'client' },
      { name: 'way to consume' },
      { name: 'settings' },
      ...STRIKES.map((strike) => ({ name: COLUMNS[strike] })),
    ],
    rows: rows.map(({ client, title, settings, cells }): readonly TableCell[] => [
      client,
      title,
      settings,
      ...STRIKES.map((strike) => (cells[strike] === null ? null : cellText(cells[strike]))),
    ]),
  };
}

function truthChart(rows: readonly TableRow[], kind: TargetKind): HeatMapChart {
  return {
    type: 'heatmap',
    title: 'What becomes of records when the consumer ends in the middle of its work',
    caption:
      'Lost: committed and never worked off. Twice: worked off and not committed, so the next consumer gets it again. The number says how many of one topic.',
    source: `measured, ${kind} target: real processes, SIGKILL and an orderly end; offsets as the broker keeps them`,
    x: { name: 'how the consumer ended', unit: '' },
    y: { name: 'way to consume', unit: '' },
    value: { name: 'outcome', unit: '' },
    columns: STRIKES.map((strike) => COLUMNS[strike]),
    rows: rows.map(({ short }) => short),
    cells: rows.flatMap((row, at) =>
      STRIKES.flatMap((strike, column) => {
        const cell = row.cells[strike];
        if (cell === null) return [];
        const { text, tone } = cellText(cell);
        return [{ column, row: at, value: null, text, tone }];
      }),
    ),
  };
}

function firstCommitTable(first: FirstCommits): Table {
  const words: Readonly<Record<string, string>> = {
    mqlab: 'every auto.commit.interval.ms, inside poll',
    kafkajs: 'when the handler has returned from a batch',
    platformatic: 'when a fetch has come in, before the application has the records',
    kcat: 'every auto.commit.interval.ms, by a timer',
  };
  const names = [...CLIENT_NAMES, 'kcat'].filter((name) => name in first);
  return {
    title: 'The first automatic commit, with each client’s defaults',
    columns: [
      { name: 'client' },
      { name: 'first commit stored after', align: 'right' },
      { name: 'by itself, it commits' },
    ],
    rows: names.map((name): readonly TableCell[] => [
      name === 'kcat' ? kcatVersion() : clientTitle(name as (typeof CLIENT_NAMES)[number]),
      { figure: `first-commit.${name}` },
      words[name]!,
    ]),
    note: 'From the moment in which the application had its first record; an interval itself runs from the assignment. A negative time: the offset was stored before the application had the record.',
  };
}

function priceFigures(way: Priced, { perSecond, callMs }: PriceSamples): Record<string, Figure> {
  const source = `${PRICED_TITLES[way]}: own client, one partition, one consumer that does nothing else; ways in turns`;
  const spread = (values: readonly number[], unit: string, at: number): Figure => {
    const sorted = values.toSorted((a, b) => a - b);
    const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * at))]!;
    return { value, unit, label: 'measured', samples: sorted.length, min: sorted[0]!, max: sorted.at(-1)!, source };
  };
  return {
    [`rate.${way}`]: spread(perSecond, 'records/s', 0.5),
    ...(callMs.length === 0
      ? {}
      : { [`call.${way}`]: spread(callMs, 'ms', 0.5), [`p99.${way}`]: spread(callMs, 'ms', 0.99) }),
  };
}

const PRICE_ROWS: readonly PriceRow[] = [
  { metric: 'throughput: auto commit → commitSync of a batch', before: 'rate.auto', after: 'rate.sync-batch' },
  { metric: 'throughput: auto commit → commitAsync of a batch', before: 'rate.auto', after: 'rate.async-batch' },
  { metric: 'throughput: auto commit → commitSync of each record', before: 'rate.auto', after: 'rate.sync-record' },
  { metric: 'median of the call: commitAsync → commitSync', before: 'call.async-batch', after: 'call.sync-batch' },
  { metric: 'p99 of the call: commitAsync → commitSync', before: 'p99.async-batch', after: 'p99.sync-batch' },
];

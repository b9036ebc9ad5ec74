/**
 * One outage, drawn and counted: log start, log end and committed offset over time, and what became of every departure, by identity. From the simulator.
 *
 * Invariant: the same plan for every way; each departure stands in exactly one column of the ledger, whatever the counts add up to.
 */
import type { AxisMark, LineChart, LineSeries } from '@mqlab/reports/chart-spec.ts';
import type { Figure, Table } from '@mqlab/reports/run-data.ts';
import type { History } from '../../kit/history.ts';
import type { FigureContext } from '../../kit/lab.ts';
import { runPlan } from '../../kit/run-plan.ts';
import type { ExpiryPlan } from '../plan.ts';
import { EARLIEST, LATEST, type Parts, REFILL, REFILL_BY_TIME, scenarioOf, TELL } from '../scenarios.ts';

const DEPARTURES = 16;
const PLAN: ExpiryPlan = {
  retention: 'ms',
  departures: Array.from({ length: DEPARTURES }, (_, at) => ({ key: at % 2, gapMs: 60 })),
  outageMs: 900,
  workMs: 0,
  faults: [],
};
/** Fine enough to tell what was there when the consumer read again. */
const LOOK_MS = 4;
const WAYS: Readonly<Record<string, Parts>> = {
  latest: LATEST,
  earliest: EARLIEST,
  tell: TELL,
  'refill-by-time': REFILL_BY_TIME,
  refill: REFILL,
};
const COLUMNS = ['consumed', 'refilled', 'twice', 'expired', 'jumped'] as const;
type Column = (typeof COLUMNS)[number];
type Ledger = Readonly<Record<Column | 'produced' | 'told', number>>;

export async function ledgerFigures({ seed, input, options }: FigureContext): Promise<{
  readonly figures: Record<string, Figure>;
  readonly charts: Record<string, LineChart>;
  readonly tables: Record<string, Table>;
}> {
  const figures: Record<string, Figure> = {};
  const charts: Record<string, LineChart> = {};
  for (const [name, parts] of Object.entries(WAYS)) {
    const scenario = scenarioOf({ ...parts, way: { ...parts.way, lookMs: LOOK_MS } }, 'after', 'holds');
    const made = await runPlan(scenario, PLAN, { target: 'sim', client: 'mqlab', seed, input, options });
    const ledger = ledgerOf(made.history);
    for (const [column, value] of Object.entries(ledger)) {
      figures[`${name}.${column}`] = {
        value,
        unit: 'count',
        label: 'measured',
        source: 'departures of one run, by identity',
      };
    }
    if (name === 'latest' || name === 'refill') charts[`offsets-${name}`] = chartOf(parts.title, made.history);
  }
  const table: Table = {
    title: 'One outage longer than retention: what became of each departure',
    columns: [
      { name: 'the consumer’s way' },
      { name: 'produced', align: 'right' },
      { name: 'consumed', align: 'right' },
      { name: 'refilled', align: 'right' },
      { name: 'twice', align: 'right' },
      { name: 'expired', align: 'right' },
      { name: 'told', align: 'right' },
      { name: 'jumped', align: 'right' },
    ],
    rows: Object.entries(WAYS).map(([name, { title }]) => [
      title,
      ...(['produced', 'consumed', 'refilled', 'twice', 'expired', 'told', 'jumped'] as const).map((column) => ({
        figure: `${name}.${column}`,
      })),
    ]),
    note: 'Simulated, the same plan for each. Consumed: from the log. Twice: refilled and consumed as well. Expired: deleted unread, and no effect anywhere; told: how many of those an alarm had named. Jumped: still in the log when the consumer was back, and never read.',
  };
  return { figures, charts, tables: { ledger: table } };
}

function ledgerOf({ operations }: History): Ledger {
  const done = operations.filter(({ phase }) => phase === 'ok');
  const counts: Record<Column | 'produced' | 'told', number> = {
    produced: 0,
    consumed: 0,
    refilled: 0,
    twice: 0,
    expired: 0,
    told: 0,
    jumped: 0,
  };
  // What was still there when the consumer read again was there to be read, whatever became of it later.
  let start = 0;
  for (const { data } of done) {
    if (data.type === 'poll') break;
    if (data.type === 'expire') start = data.logStartOffset;
  }
  for (const { data: send } of done) {
    if (send.type !== 'send') continue;
    const { value } = send;
    const offset = send.offset ?? -1;
    counts.produced++;
    const effects = done.filter(({ data }) => data.type === 'effect' && data.value === value).length;
    const polled = done.some(({ data }) => data.type === 'poll' && data.records.some((one) => one.value === value));
    const told = done.some(({ data }) => data.type === 'alarm' && data.from <= offset && offset < data.to);
    if (effects > 1) counts.twice++;
    else if (effects === 1) counts[polled ? 'consumed' : 'refilled']++;
    else {
      counts[offset < start ? 'expired' : 'jumped']++;
      if (told && offset < start) counts.told++;
    }
  }
  return counts;
}

function chartOf(title: string, { operations }: History): LineChart {
  const logEnd: [number, number][] = [[0, 0]];
  const logStart: [number, number][] = [[0, 0]];
  const committed: [number, number][] = [[0, 0]];
  const marks: AxisMark[] = [];
  let last = 0;
  for (const { data, phase, time } of operations) {
    if (data.type === 'heal') break;
    if (phase !== 'ok') continue;
    last = time;
    if (data.type === 'send') logEnd.push([time, (data.offset ?? 0) + 1]);
    else if (data.type === 'expire') logStart.push([time, data.logStartOffset]);
    else if (data.type === 'commit') committed.push([time, data.offset]);
    else if (data.type === 'alarm') marks.push({ at: time, label: 'alarm, refill', tone: 'warn' });
  }
  marks.push({ at: PLAN.outageMs, label: 'consumer back', tone: 'good' });
  const series = (name: string, points: [number, number][], dashed = false): LineSeries => ({
    name,
    points: [...points, [last, points.at(-1)![1]]],
    step: true,
    ...(dashed ? { line: 'dashed' as const } : {}),
  });
  return {
    type: 'line',
    title: `Log start against committed offset: ${title}`,
    caption:
      'Unread is what lies between committed and log end. Where log start rises above committed, what is between the two is gone unread.',
    source: 'sim target, one run, virtual time',
    x: { name: 'time since the consumer went', unit: 'ms' },
    y: { name: 'offset', unit: '' },
    series: [series('log end', logEnd), series('log start', logStart), series('committed', committed, true)],
    marks: marks.sort((a, b) => a.at - b.at),
  };
}

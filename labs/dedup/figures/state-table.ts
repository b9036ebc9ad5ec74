/**
 * The state table: each way to consume, struck at each of its moments, once by a crash and once by a pause in which a second consumer takes over.
 *
 * Invariant: every cell comes from runs in the simulator: each step of each way is struck once, the run says at which moment that was (what
 * stood where), and a cell shows the worst that happened at it. A moment that a way does not have stays empty.
 */
import type { HeatCell, HeatMapChart } from '@mqlab/reports/chart-spec.ts';
import { effectCount } from '../../kit/checkers/effect-count.ts';
import type { InputRecord } from '../../kit/input.ts';
import type { Fault } from '../../kit/plan.ts';
import { runPlan } from '../../kit/run-plan.ts';
import { lastWriter } from '../checks.ts';
import { MOMENTS, type Moment } from '../member.ts';
import type { DedupPlan } from '../plan.ts';
import { SCENARIOS, WAYS } from '../scenarios.ts';
import { LEASE_MS } from '../strategies/global-id.ts';

export type CellOutcome = 'holds' | 'repeated' | 'lost' | 'stale';
export type Strike = 'crash' | 'pause';

export interface StateRow {
  readonly id: string;
  readonly title: string;
  readonly outcomes: Readonly<Record<Strike, ReadonlyMap<Moment, CellOutcome>>>;
}

export interface StateTable {
  readonly rows: readonly StateRow[];
  readonly runs: number;
}

const STEPS_MAX = 40;
/** Outlasts the session, and the lease of the one way that has a lease. */
export const PAUSE_MS = LEASE_MS + 300;
const WORSE: Readonly<Record<CellOutcome, number>> = { holds: 0, stale: 1, repeated: 1, lost: 2 };

export async function makeStateTable(input: readonly InputRecord[], seed: number): Promise<StateTable> {
  const rows: StateRow[] = [];
  let runs = 0;
  for (const [id, { strategy }] of Object.entries(WAYS)) {
    const isLatest = /latest|newer/.test(id);
    const known = SCENARIOS.find((scenario) => scenario.id === id)!;
    const scenario = { ...known, checks: isLatest ? [lastWriter] : [effectCount()] };
    const outcomes = { crash: new Map<Moment, CellOutcome>(), pause: new Map<Moment, CellOutcome>() };
    // A key that keeps the latest value needs a newer one to lose.
    const records = isLatest ? [{ key: 0 }, { key: 0 }] : [{ key: 0 }];
    for (const strike of ['crash', 'pause'] as const) {
      for (let step = 0; step < STEPS_MAX; step++) {
        const fault: Fault =
          strike === 'crash'
            ? { kind: 'crash-app', app: 'c1', at: { step }, durationMs: 1 }
            : { kind: 'pause-app', app: 'c1', at: { step }, durationMs: PAUSE_MS };
        const plan: DedupPlan = { records, faults: [fault], storeMs: 1, pollRecords: 1 };
        const made = await runPlan(scenario, plan, { target: 'sim', client: 'mqlab', seed, input, options: {} });
        const goal = made.goals.find((known) => known.startsWith(`${strike}: `));
        // The way has no such step: all of them have been struck.
        if (goal === undefined) break;
        runs++;
        const moment = goal.slice(strike.length + 2) as Moment;
        const outcome = outcomeOf(made.results.flatMap(({ findings }) => findings.map(({ name }) => name)));
        const known = outcomes[strike].get(moment);
        if (known === undefined || WORSE[outcome] > WORSE[known]) outcomes[strike].set(moment, outcome);
      }
    }
    rows.push({ id, title: strategy.title, outcomes });
  }
  return { rows, runs };
}

function outcomeOf(names: readonly string[]): CellOutcome {
  if (names.includes('EFFECT-LOSS')) return 'lost';
  if (names.includes('EFFECT-DUPLICATE')) return 'repeated';
  return names.includes('KEY-ORDER') ? 'stale' : 'holds';
}

/** Short, so that they stand whole below a column. */
const COLUMNS: Readonly<Record<Moment, string>> = {
  'nothing done': 'nothing',
  checked: 'checked',
  'transaction open': 'tx open',
  'id written, no effect': 'id only',
  'effect made, no id': 'effect only',
  'all written': 'all written',
  'offset committed': 'committed',
};
const WORDS: Readonly<Record<CellOutcome, string>> = {
  holds: 'holds',
  repeated: 'twice',
  lost: 'lost',
  stale: 'stale',
};
const TONES = { holds: 'good', repeated: 'warn', lost: 'bad', stale: 'bad' } as const;

export function stateChart(table: StateTable, strike: Strike): HeatMapChart {
  const cells: HeatCell[] = table.rows.flatMap((row, at) =>
    MOMENTS.flatMap((moment, column): HeatCell[] => {
      const outcome = row.outcomes[strike].get(moment);
      if (outcome === undefined) return [];
      return [{ column, row: at, value: null, text: WORDS[outcome], tone: TONES[outcome] }];
    }),
  );
  const isCrash = strike === 'crash';
  return {
    type: 'heatmap',
    title: isCrash
      ? 'The consumer crashes: what becomes of the record in its hand'
      : 'The consumer stands still and another takes over: what becomes of the record that both hold',
    caption:
      'Columns say what stood where when it happened: nothing yet; the id looked up; a transaction open; the id without its effect; the effect without its id; everything; and everything with the offset committed. A cell shows the worst that its runs showed; an empty one is a moment that this way does not have.',
    source: `sim target, one run for each step of each way, ${table.runs} runs for both tables`,
    x: { name: isCrash ? 'moment of the crash' : 'moment of the pause', unit: '' },
    y: { name: 'way to consume', unit: '' },
    value: { name: 'outcome', unit: '' },
    columns: MOMENTS.map((moment) => COLUMNS[moment]),
    rows: table.rows.map(({ title }) => title),
    cells,
  };
}

/**
 * Commit and effect in swim lanes, and what a crash does in each gap: every way is killed once at each of its steps, with one record in its hand.
 *
 * Invariant: a cell shows the worst that its runs showed; the moment of a kill is read from the history up to it: whether the effect was there, and the offset.
 */
import type { ChartSpec, HeatCell, LanePoint } from '@mqlab/reports/chart-spec.ts';
import type { Figure } from '@mqlab/reports/run-data.ts';
import { effectCount } from '../kit/checkers/effect-count.ts';
import type { History } from '../kit/history.ts';
import type { FigureContext, Scenario } from '../kit/lab.ts';
import { runPlan } from '../kit/run-plan.ts';
import { RESULTS, SOURCE } from './app/hands.ts';
import type { DeliveryPlan } from './plan.ts';
import { SCENARIOS } from './scenarios.ts';
import { BEGIN } from './stores.ts';
import { WAYS, type WayName } from './ways.ts';

const MOMENTS = ['fetched', 'tx open', 'effect only', 'offset only', 'both'] as const;
type Moment = (typeof MOMENTS)[number];
const OUTCOMES = ['holds', 'twice', 'lost'] as const;
type Outcome = (typeof OUTCOMES)[number];
const TONES = { holds: 'good', twice: 'warn', lost: 'bad' } as const;
const STEPS_MAX = 40;
/** On their way: nothing has arrived yet. */
const IN_FLIGHT_MS = 0;

export async function momentTable(context: FigureContext): Promise<{
  readonly figures: Record<string, Figure>;
  readonly charts: Record<string, ChartSpec>;
}> {
  const { seed, input, options } = context;
  const names = Object.keys(WAYS) as WayName[];
  const cells: HeatCell[] = [];
  const kept = new Map<string, History>();
  let runs = 0;
  for (const [row, name] of names.entries()) {
    const known = SCENARIOS.find(({ id }) => id === name)!;
    const scenario: Scenario<DeliveryPlan> = { ...known, checks: [effectCount({ topics: [SOURCE] })] };
    const worst = new Map<Moment, Outcome>();
    for (let step = 0; step < STEPS_MAX; step++) {
      const plan: DeliveryPlan = {
        records: [{ key: 0 }],
        faults: [{ kind: 'crash-app', app: 'c1', at: { step }, durationMs: 1 }],
        pollRecords: 1,
        inFlightMs: IN_FLIGHT_MS,
      };
      const made = await runPlan(scenario, plan, { target: 'sim', client: 'mqlab', seed, input, options });
      const fired = made.history.operations.findIndex(({ data }) => data.type === 'fault');
      // Every step has been struck.
      if (fired < 0) break;
      // Nothing was in its hand.
      if (!made.goals.includes('fault:crash-app')) continue;
      runs++;
      const moment = momentOf(made.history, fired, WAYS[name].effect === 'topic');
      const found = made.results.flatMap(({ findings }) => findings.map((finding) => finding.name as string));
      const outcome: Outcome = found.includes('EFFECT-LOSS')
        ? 'lost'
        : found.includes('EFFECT-DUPLICATE')
          ? 'twice'
          : 'holds';
      const before = worst.get(moment);
      if (before === undefined || OUTCOMES.indexOf(outcome) > OUTCOMES.indexOf(before)) worst.set(moment, outcome);
      const key = `${name} ${moment}`;
      if (!kept.has(key)) kept.set(key, made.history);
    }
    for (const [column, moment] of MOMENTS.entries()) {
      const outcome = worst.get(moment);
      if (outcome !== undefined) cells.push({ column, row, value: null, text: outcome, tone: TONES[outcome] });
    }
  }
  const count = (value: number, source: string): Figure => ({ value, unit: 'count', label: 'measured', source });
  const cellsOf = (outcome: Outcome): number => cells.filter(({ text }) => text === outcome).length;
  return {
    figures: {
      'moments.runs': count(runs, 'a run for each step of each way'),
      'moments.holds': count(cellsOf('holds'), 'cells of the table'),
      'moments.twice': count(cellsOf('twice'), 'cells of the table'),
      'moments.lost': count(cellsOf('lost'), 'cells of the table'),
    },
    charts: {
      moments: {
        type: 'heatmap',
        title: 'Killed at each moment: what becomes of the record',
        caption:
          'A column says what stood where when the process was killed; a cell shows the worst of its runs, an empty one is a moment that this way does not have. The ways that hold have nothing between effect and offset to be killed in. A second consumer is not in this table: it is what breaks the database’s way that does not compare.',
        source: `sim target, ${runs} runs, one for each step of each way`,
        x: { name: 'when it was killed', unit: '' },
        y: { name: 'way to consume', unit: '' },
        value: { name: 'outcome', unit: '' },
        columns: [...MOMENTS],
        rows: names.map((name) => WAYS[name].title),
        cells,
      },
      lanes: swimLanes(kept),
    },
  };
}

function momentOf({ operations }: History, fired: number, isTopic: boolean): Moment {
  let hasEffect = false;
  let hasOffset = false;
  let isOpen = false;
  for (const { data, phase } of operations.slice(0, fired)) {
    if (phase !== 'ok') continue;
    if (data.type === 'effect') hasEffect = true;
    if (isTopic && data.type === 'send' && data.topic === RESULTS && data.transaction === undefined) hasEffect = true;
    if (data.type === 'commit' || (data.type === 'store' && data.text.startsWith('position '))) hasOffset = true;
    if (data.type === 'store' && data.text === BEGIN) isOpen = true;
    if (data.type === 'effect') isOpen = false;
    if (data.type === 'transaction') {
      isOpen = data.action === 'begin';
      if (data.action === 'commit') hasEffect ||= isTopic;
    }
  }
  // An effect that left the transaction is an effect.
  if (isOpen && !hasEffect) return 'tx open';
  if (hasEffect) return hasOffset ? 'both' : 'effect only';
  return hasOffset ? 'offset only' : 'fetched';
}

const LANES: readonly (readonly [WayName, Moment, string])[] = [
  ['commit-first', 'offset only', 'offset first'],
  ['process-first', 'effect only', 'effect first'],
  ['transaction', 'tx open', 'transaction'],
  ['offset-in-database', 'tx open', 'database'],
];

/** Two lanes a way: its commits and its effects, in the order in which they happened, with the kill between. */
function swimLanes(kept: ReadonlyMap<string, History>): ChartSpec {
  const lanes: string[] = [];
  const points: LanePoint[] = [];
  for (const [name, moment, title] of LANES) {
    const history = kept.get(`${name} ${moment}`);
    if (history === undefined) continue;
    const isTopic = WAYS[name].effect === 'topic';
    const base = lanes.length;
    lanes.push(`${title}: offset`, `${title}: effect`);
    let at = 0;
    let effects = 0;
    for (const { data, phase } of history.operations) {
      if (phase !== 'ok') continue;
      switch (data.type) {
        case 'poll':
          points.push({ lane: base, at: at++, label: 'fetch' });
          break;
        case 'crash':
          points.push({ lane: base, at, label: 'killed' });
          points.push({ lane: base + 1, at: at++, label: 'killed' });
          break;
        case 'effect':
          points.push({ lane: base + 1, at: at++, label: 'effect', tone: effects++ > 0 ? 'warn' : 'good' });
          break;
        case 'commit':
          // In a transaction both appear in one step.
          points.push({ lane: base, at: isTopic ? at - 1 : at++, label: 'commit', tone: 'accent' });
          break;
        case 'store':
          if (data.text.startsWith('position '))
            points.push({ lane: base, at: at - 1, label: 'stored', tone: 'accent' });
          break;
        case 'transaction':
          if (data.action === 'commit') points.push({ lane: base + 1, at: at++, label: 'effect', tone: 'good' });
          else points.push({ lane: base + 1, at: at++, label: data.action });
          break;
        default:
          break;
      }
    }
  }
  return {
    type: 'lanes',
    title: 'One kill in the gap between offset and effect',
    caption:
      'Time goes to the right, a step at a time. Offset first: after the kill there is nothing to fetch, and no effect. Effect first: the record is fetched again, and the effect is there twice. Where both are one step there is no gap to be killed in.',
    source: 'runs in the simulator, one record each',
    x: { name: 'what happened, in order', unit: '' },
    y: { name: 'way to consume', unit: '' },
    lanes,
    points,
  };
}

/**
 * The maps of loss and of waiting: what becomes of records under each setup and each fault.
 *
 * Invariant: every cell comes from runs in the simulator. All setups are topics of one cluster, with the same replicas, and the same records and faults at the same times: rows differ in nothing but
 * the setup. A cell of the first map shows in how many runs an acknowledged record was missing at the end; of the second, the longest that a producer waited in any of them.
 */
import type { HeatCell, HeatMapChart } from '@mqlab/reports/chart-spec.ts';
import type { Figure } from '@mqlab/reports/run-data.ts';
import { applyChecks } from '../../kit/checkers/check.ts';
import { lostWrite } from '../../kit/checkers/lost-write.ts';
import { type History, Recorder } from '../../kit/history.ts';
import type { InputRecord } from '../../kit/input.ts';
import type { Fault, FaultKind } from '../../kit/plan.ts';
import { seedOf } from '../../kit/search.ts';
import { openTarget } from '../../kit/targets/open-target.ts';
import { ALL_REPLICAS, type Setup } from '../app/writer.ts';
import { BROKER_SETTINGS, BROKERS, CONTROLLERS, SESSION_MS } from '../cluster.ts';
import { type AcksPlan, LONG_MS } from '../plan.ts';
import { runAcks } from '../run.ts';

interface Row {
  readonly name: string;
  readonly setup: Setup;
}

const ALL: Omit<Setup, 'topic'> = { replicas: ALL_REPLICAS, acks: -1 };
const ROWS: readonly Row[] = [
  { name: 'acks=0', setup: { ...ALL, topic: 'acks-0', acks: 0 } },
  { name: 'acks=1', setup: { ...ALL, topic: 'acks-1', acks: 1 } },
  { name: 'all, 1 replica', setup: { ...ALL, topic: 'one', replicas: [1] } },
  { name: 'all, min ISR 1', setup: { ...ALL, topic: 'min-1' } },
  { name: 'all, min ISR 1, unclean', setup: { ...ALL, topic: 'min-1-unclean', unclean: true } },
  { name: 'all, min ISR 2', setup: { ...ALL, topic: 'min-2', minInSync: 2 } },
  { name: 'all, min ISR 2, unclean', setup: { ...ALL, topic: 'min-2-unclean', minInSync: 2, unclean: true } },
  { name: 'all, min ISR 2, flush', setup: { ...ALL, topic: 'min-2-flush', minInSync: 2, flushes: true } },
];

interface Column {
  readonly name: string;
  readonly faults: readonly Fault[];
  /** Between the links and the brokers: followers that are cut off leave the in-sync replicas. */
  readonly isLong?: boolean;
  /** More runs: what a power cut takes is a matter of luck. */
  readonly isLuck?: boolean;
}

const FOREVER_MS = 60_000;
const at = (step: number): { readonly at: { readonly step: number }; readonly durationMs: number } => ({
  at: { step },
  durationMs: FOREVER_MS,
});
const hit = (kind: FaultKind, step: number, node: Fault['node']): Fault => ({
  kind,
  ...at(step),
  ...(node === undefined ? {} : { node }),
});
const cut = (a: number, b: number): Fault => ({ kind: 'cut-nodes', ...at(CUT), node: a, peer: b });
/** Records before the links are touched, with them touched, and after the brokers were hit. */
const CUT = 1;
const HIT = 3;
const LUCK = 3;
const LAST = HIT - 1;
const SENDS = 5;
/** For elections, before everything is healed: a producer that still waits then waits for the heal. */
const OPTIONS = { answerMs: 10, settleMs: 3 * SESSION_MS, isWatched: false } as const;
const COLUMNS: readonly Column[] = [
  { name: 'leader dies', faults: [hit('kill-broker', HIT, 1)] },
  {
    name: 'lag, dies',
    faults: [
      { kind: 'slow-link', ...at(CUT), node: 1, peer: 2, latencyMs: 400 },
      { kind: 'slow-link', ...at(CUT), node: 1, peer: 3, latencyMs: 400 },
      hit('kill-broker', HIT, 1),
    ],
  },
  { name: 'alone, dies', faults: [cut(1, 2), cut(1, 3), hit('kill-broker', HIT, 1)], isLong: true },
  {
    name: 'alone, power',
    faults: [cut(1, 2), cut(1, 3), hit('power-cut', HIT, 1)],
    isLong: true,
    isLuck: true,
  },
  {
    name: 'two die',
    faults: [cut(1, 3), hit('kill-broker', HIT, 1), hit('kill-broker', HIT, 2)],
    isLong: true,
  },
  { name: 'power, all', faults: [hit('power-cut', HIT, 'all')], isLuck: true },
];

interface Cell {
  runs: number;
  losses: number;
  lost: number;
  waitedMs: number;
  isUntilHealed: boolean;
}

export interface SetupsMap {
  readonly loss: HeatMapChart;
  readonly waiting: HeatMapChart;
  readonly figures: Record<string, Figure>;
}

export async function makeSetupsMap(input: readonly InputRecord[], seed: number, runs: number): Promise<SetupsMap> {
  const cells = COLUMNS.map(() =>
    ROWS.map((): Cell => ({ runs: 0, losses: 0, lost: 0, waitedMs: 0, isUntilHealed: false })),
  );
  let made = 0;
  for (const [column, { faults, isLong = false, isLuck = false }] of COLUMNS.entries()) {
    for (let run = 0; run < runs * (isLuck ? LUCK : 1); run++) {
      const sends = Array.from({ length: SENDS }, (_, send) => ({ pauseMs: isLong && send === LAST ? LONG_MS : 20 }));
      const history = await play({ sends, faults }, input, seedOf(seed, made++));
      for (const [row, cell] of cells[column]!.entries()) count(cell, history, ROWS[row]!.setup.topic);
    }
  }
  return mapOf(cells, made);
}

async function play(plan: AcksPlan, input: readonly InputRecord[], seed: number): Promise<History> {
  const target = await openTarget('sim', { seed, brokers: BROKERS, controllers: CONTROLLERS, broker: BROKER_SETTINGS });
  try {
    const began = target.clock.monotonic();
    const recorder = new Recorder(() => target.clock.monotonic() - began);
    const setups = ROWS.map(({ setup }) => setup);
    await target.run(() =>
      runAcks(plan, { target, client: 'mqlab', recorder, seed, input, options: {} }, setups, OPTIONS),
    );
    return { operations: [...recorder.operations], overflowed: recorder.overflowed };
  } finally {
    await target.close();
  }
}

function count(cell: Cell, history: History, topic: string): void {
  cell.runs++;
  const mine = `${topic} `;
  const lost = new Set(
    applyChecks([lostWrite], history).flatMap(({ findings }) =>
      findings
        .filter(({ certain }) => certain)
        .flatMap(({ values }) => values.filter((value) => value.startsWith(mine))),
    ),
  );
  cell.lost += lost.size;
  if (lost.size > 0) cell.losses++;
  const healed = history.operations.find(({ data }) => data.type === 'heal')?.time ?? Number.POSITIVE_INFINITY;
  for (const { data, invoked, time, process } of history.operations) {
    if (invoked === undefined || process !== 'p1' || data.type !== 'send' || data.topic !== topic) continue;
    cell.waitedMs = Math.max(cell.waitedMs, time - history.operations[invoked]!.time);
    if (time > healed) cell.isUntilHealed = true;
  }
}

function mapOf(cells: readonly (readonly Cell[])[], runs: number): SetupsMap {
  const each = (toCell: (cell: Cell) => Pick<HeatCell, 'text' | 'tone'>): HeatCell[] =>
    cells.flatMap((rows, column) => rows.map((cell, row): HeatCell => ({ column, row, value: null, ...toCell(cell) })));
  const axes = {
    type: 'heatmap',
    source: `sim target, ${runs} runs, each with all setups`,
    x: { name: 'fault', unit: '' },
    y: { name: 'setup', unit: '' },
    columns: COLUMNS.map(({ name }) => name),
    rows: ROWS.map(({ name }) => name),
  } as const;
  const all = cells.flat();
  return {
    loss: {
      ...axes,
      title: 'Acknowledged and gone',
      caption: `In how many of its runs an acknowledged record was missing at the end. The leader's process dies; the same while its followers lag; or when it is alone in sync; it loses power when it is alone; two are in sync, and both die; all lose power. Three replicas unless the row says one; a row without a word on flushing or unclean elections has the defaults.`,
      value: { name: 'runs with a loss', unit: '' },
      cells: each(({ losses, runs: of }) =>
        losses === 0 ? { text: `holds ${of}`, tone: 'good' } : { text: `lost ${losses}/${of}`, tone: 'bad' },
      ),
    },
    waiting: {
      ...axes,
      title: 'The longest that a producer waited for an answer',
      caption: `Not lost, but not available either. A broker that dies is noticed after its session of ${SESSION_MS} ms; "healed": only the return of the brokers that were gone ended it.`,
      value: { name: 'longest wait', unit: '' },
      cells: each(({ waitedMs, isUntilHealed }) => {
        if (isUntilHealed) return { text: 'healed', tone: 'bad' };
        return { text: waitText(waitedMs), tone: waitedMs < SESSION_MS / 2 ? 'good' : 'warn' };
      }),
    },
    figures: {
      'map.runs': { value: runs, unit: 'count', label: 'measured', source: 'runs behind the maps' },
      'map.lossCells': {
        value: all.filter(({ losses }) => losses > 0).length,
        unit: 'count',
        label: 'measured',
        source: 'cells of the map in which a run lost an acknowledged record',
      },
      'map.cells': { value: all.length, unit: 'count', label: 'given', source: 'cells of the map' },
    },
  };
}

function waitText(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

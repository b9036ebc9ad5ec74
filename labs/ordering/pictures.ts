/**
 * Pictures of two runs in the simulator: the lanes of the keys under the pool and under keyed queues, and the flags of what is in flight with the watermark
 * over time. Drawn from histories of the scenarios as they are, with one plan that shows much in little.
 */
import type { ChartSpec, HeatCell, LanePoint } from '@mqlab/reports/chart-spec.ts';
import type { History } from '../kit/history.ts';
import type { FigureContext } from '../kit/lab.ts';
import { runPlan } from '../kit/run-plan.ts';
import { commitWatermark, keyedQueues, scenarioFrom, threadPool } from './lab.ts';
import { type OrderingPlan, recordNumber } from './plan.ts';

const PLAN: OrderingPlan = {
  records: [
    { key: 0, units: 8 },
    { key: 1, units: 1 },
    { key: 0, units: 1 },
    { key: 1, units: 8 },
    { key: 2, units: 1 },
    { key: 1, units: 1 },
    { key: 0, units: 1 },
    { key: 2, units: 8 },
  ],
  workers: 3,
  queueRecordsMax: 3,
  pollRecordsMax: 8,
  faults: [],
};
const WITH_CRASH: OrderingPlan = { ...PLAN, faults: [{ kind: 'crash-app', at: { step: 5 }, app: 'c1' }] };
const SOURCE = 'a run in the simulator, virtual time';

export async function pictures({ seed, input, options }: FigureContext): Promise<Record<string, ChartSpec>> {
  const run = async (parts: Parameters<typeof scenarioFrom>[0], plan: OrderingPlan): Promise<History> =>
    (await runPlan(scenarioFrom(parts), plan, { target: 'sim', client: 'mqlab', seed, input, options })).history;
  return {
    'lanes-before': keyLanes(await run(threadPool, PLAN), 'Effects by key: any free worker'),
    'lanes-after': keyLanes(await run(keyedQueues, PLAN), 'Effects by key: one queue a key'),
    bitmap: bitmap(await run(commitWatermark, WITH_CRASH)),
  };
}

/** One lane a key, a dot an effect, numbered as sent; red where a later record of the key was first. */
function keyLanes({ operations }: History, title: string): ChartSpec {
  const lanes: string[] = [];
  const highest = new Map<string, number>();
  const points: LanePoint[] = [];
  const began = operations.find(({ data }) => data.type === 'poll')?.time ?? 0;
  for (const { data, time } of operations) {
    if (data.type !== 'effect' || data.key === null) continue;
    if (!lanes.includes(data.key)) lanes.push(data.key);
    const number = recordNumber(data.value);
    const before = highest.get(data.key) ?? -1;
    highest.set(data.key, Math.max(before, number));
    const tone = number < before ? 'bad' : 'good';
    points.push({ lane: lanes.indexOf(data.key), at: Math.round((time - began) * 10) / 10, label: `v${number}`, tone });
  }
  return {
    type: 'lanes',
    title,
    caption: 'Numbers are the order in which the records were sent; in each lane they must rise.',
    source: SOURCE,
    x: { name: 'time since the first poll', unit: 'ms' },
    y: { name: 'key', unit: '' },
    lanes,
    points,
  };
}

/** A column a moment at which something changed, a row an offset: waiting, done above the watermark, below the committed offset; and a crash. */
function bitmap({ operations }: History): ChartSpec {
  const columns: string[] = [];
  const cells: HeatCell[] = [];
  const rows: string[] = [];
  const inHand = new Set<number>();
  const effects = new Map<string, number>();
  const done = new Set<number>();
  const offsetOf = new Map<string, number>();
  const again = new Set<number>();
  let committed = 0;
  const began = operations.find(({ data }) => data.type === 'poll')?.time ?? 0;
  const column = (time: number, what: string): void => {
    const at = columns.push(`${Math.round(time - began)} ${what}`) - 1;
    for (let row = 0; row < rows.length; row++) {
      if (row < committed) cells.push({ column: at, row, value: 3, text: '■', tone: 'accent' });
      else if (again.has(row))
        cells.push({ column: at, row, value: 2, text: `×${effects.get(`${row}`)}`, tone: 'warn' });
      else if (done.has(row)) cells.push({ column: at, row, value: 2, text: '✓', tone: 'good' });
      else if (inHand.has(row)) cells.push({ column: at, row, value: 1, text: '·', tone: 'neutral' });
    }
  };
  for (const { data, time, phase } of operations) {
    if (data.type === 'send' && phase === 'ok' && data.offset !== undefined) {
      offsetOf.set(data.value, data.offset);
      rows.push(`${data.offset}`);
    } else if (data.type === 'poll') {
      for (const { offset } of data.records) inHand.add(offset);
      column(time, 'poll');
    } else if (data.type === 'effect' && phase === 'ok') {
      const offset = offsetOf.get(data.value)!;
      const times = (effects.get(`${offset}`) ?? 0) + 1;
      effects.set(`${offset}`, times);
      if (times > 1) again.add(offset);
      done.add(offset);
      column(time, `v${recordNumber(data.value)}`);
    } else if (data.type === 'commit' && phase === 'ok') {
      committed = data.offset;
      column(time, 'commit');
    } else if (data.type === 'crash') {
      inHand.clear();
      column(time, 'KILLED');
    }
  }
  return {
    type: 'heatmap',
    title: 'What is in flight, and the watermark',
    caption:
      '· polled, ✓ done above the watermark, ■ below the committed offset, ×n took effect n times. After the kill, what was done above the watermark is done again; nothing below it was unfinished.',
    source: SOURCE,
    x: { name: 'time since the first poll, and what happened', unit: 'ms' },
    y: { name: 'offset', unit: '' },
    value: { name: 'state', unit: '' },
    columns,
    rows,
    cells,
  };
}

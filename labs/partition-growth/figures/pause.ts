/**
 * How long nobody can send while a topic is drained before it grows: against what waits, measured in the simulator's time and predicted; and once on a real broker process.
 *
 * Invariant: the pause is that of the scenario's own run, from the moment at which sending stops to the moment at which the partitions are there.
 */
import { spreadOf } from '@mqlab/bench/statistics.ts';
import type { LineChart } from '@mqlab/reports/chart-spec.ts';
import type { Figure, PriceRow } from '@mqlab/reports/run-data.ts';
import { Recorder } from '../../kit/history.ts';
import type { FigureContext, RunContext } from '../../kit/lab.ts';
import type { Target } from '../../kit/targets/target.ts';
import { drainThenGrow, growAtOnce } from '../app/grow.ts';
import type { GrowthPlan } from '../plan.ts';
import { type GrowthWay, type Pause, runGrowth, WORK_UNIT_MS } from '../run-growth.ts';
import { BROKER_SETTINGS } from '../scenarios.ts';

const BACKLOGS = [0, 8, 16, 24, 32] as const;
const REAL_BACKLOG = 2;
const ROUNDS = { quick: 2, full: 7 } as const;
const WAYS = { 'at-once': { grow: growAtOnce }, 'drain-first': { grow: drainThenGrow } } as const;

/** One key, so one partition and one consumer hold it all: the slowest drain that there is. */
function planOf(backlog: number): GrowthPlan {
  return {
    partitions: 1,
    added: 1,
    before: Array.from({ length: Math.max(1, backlog) }, () => ({ key: 0, work: backlog === 0 ? 0 : 1 })),
    after: [],
  };
}

async function pauseOf(
  context: FigureContext,
  target: Target,
  way: GrowthWay,
  backlog: number,
  topic = 'flights',
): Promise<Pause> {
  const recorder = new Recorder(() => target.clock.monotonic());
  const { seed, input, options } = context;
  const run: RunContext = { target, client: 'mqlab', recorder, seed, input, options };
  return target.run(() => runGrowth(planOf(backlog), run, way, topic));
}

/** In a world of its own. */
async function simulatedPause(context: FigureContext, way: GrowthWay, backlog: number): Promise<Pause> {
  const target = await context.open('sim', BROKER_SETTINGS);
  return pauseOf(context, target, way, backlog).finally(() => target.close());
}

export async function measurePause(context: FigureContext): Promise<{
  readonly figures: Record<string, Figure>;
  readonly charts: Record<string, LineChart>;
  readonly price: readonly PriceRow[];
}> {
  const figures: Record<string, Figure> = {};
  const measured: [number, number][] = [];
  const atOnce: [number, number][] = [];
  for (const backlog of BACKLOGS) {
    const drained = await simulatedPause(context, WAYS['drain-first'], backlog);
    measured.push([drained.waiting, drained.ms]);
    const grown = await simulatedPause(context, WAYS['at-once'], backlog);
    atOnce.push([grown.waiting, grown.ms]);
  }
  const unitMs = WORK_UNIT_MS.sim;
  const growthMs = atOnce[0]![1];
  const predicted = measured.map(([waiting]): [number, number] => [waiting, waiting * unitMs + growthMs]);
  figures['pause.work'] = { value: unitMs, unit: 'ms', label: 'given', source: 'work of a record in the picture' };
  figures['pause.real-backlog'] = { value: REAL_BACKLOG, unit: 'count', label: 'given', source: 'records that wait' };
  figures['pause.real-work'] = { value: WORK_UNIT_MS.local, unit: 'ms', label: 'given', source: 'work of a record' };
  const target = await context.open('local', BROKER_SETTINGS);
  const samples = { 'at-once': [] as number[], 'drain-first': [] as number[] };
  try {
    for (let round = 0; round < ROUNDS[context.profile]; round++) {
      for (const name of Object.keys(WAYS) as (keyof typeof WAYS)[]) {
        const { ms } = await pauseOf(context, target, WAYS[name], REAL_BACKLOG, `${name}-${round}`);
        samples[name].push(ms);
      }
    }
  } finally {
    await target.close();
  }
  for (const name of Object.keys(WAYS) as (keyof typeof WAYS)[]) {
    const { median, min, max, samples: count } = spreadOf(samples[name]);
    const source = 'local target, one broker process; nobody could send for so long';
    figures[`pause.${name}`] = { value: median, unit: 'ms', label: 'measured', samples: count, min, max, source };
  }
  return {
    figures,
    charts: {
      pause: {
        type: 'line',
        title: 'How long nobody can send, against what waits',
        caption:
          'Drained first, the pause is the backlog of the fullest partition times the work of a record, and then the growth itself.',
        source: 'runs in the simulator, virtual time',
        x: { name: 'records that wait in the fullest partition', unit: 'records' },
        y: { name: 'pause', unit: 'ms' },
        series: [
          { name: 'drained first', points: measured },
          { name: 'backlog × work + growth', points: predicted, line: 'dashed' },
          { name: 'at once', points: atOnce },
        ],
      },
    },
    price: [
      {
        metric: 'pause of the producers: at once → drained first',
        before: 'pause.at-once',
        after: 'pause.drain-first',
      },
    ],
  };
}

/**
 * The same plan dispatched in turn and by key, as lanes: a row a key, a dot an effect, numbered in the order in which the records were sent.
 *
 * Invariant: both pictures are of runs in the simulator with one plan and one seed, the first plan of the lab's search that breaks the order.
 */
import type { LanePoint, LanesChart } from '@mqlab/reports/chart-spec.ts';
import type { History } from '../../kit/history.ts';
import type { Scenario, SimulateContext } from '../../kit/lab.ts';
import { runPlan } from '../../kit/run-plan.ts';
import { planOf, seedOf } from '../../kit/search.ts';
import type { BacklogPlan } from '../plan.ts';

const PLANS_TRIED_MAX = 200;
const RECORDS_MIN = 3;

export async function keyLanes(
  context: SimulateContext,
  inTurn: Scenario<BacklogPlan>,
  byKey: Scenario<BacklogPlan>,
): Promise<Record<string, LanesChart>> {
  for (let number = 0; number < PLANS_TRIED_MAX; number++) {
    const seed = seedOf(context.seed, number);
    const plan = planOf(inTurn.plan, seed);
    if (plan.backlog.length < RECORDS_MIN) continue;
    const settings = { target: 'sim', client: 'mqlab', seed, input: context.input, options: context.options } as const;
    const broken = await runPlan(inTurn, plan, settings);
    if (broken.outcome.violations.length === 0) continue;
    const whole = await runPlan(byKey, plan, settings);
    return {
      'lanes-in-turn': lanes(broken.history, 'Dispatched in turn: effects by key', `seed ${seed}`),
      'lanes-by-key': lanes(whole.history, 'The same plan dispatched by key', `seed ${seed}`),
    };
  }
  return {};
}

function lanes(history: History, title: string, source: string): LanesChart {
  const sent = new Map<string, number>();
  const keys: string[] = [];
  const perKey = new Map<string, number>();
  const latest = new Map<string, number>();
  const points: LanePoint[] = [];
  let first: number | null = null;
  for (const { data, phase, process, time } of history.operations) {
    if (data.type === 'send' && phase === 'invoke' && process === 'p1' && data.key !== null) {
      if (!keys.includes(data.key)) keys.push(data.key);
      const number = (perKey.get(data.key) ?? 0) + 1;
      perKey.set(data.key, number);
      sent.set(data.value, number);
    } else if (data.type === 'effect' && data.key !== null) {
      const number = sent.get(data.value) ?? 0;
      const isLate = number < (latest.get(data.key) ?? 0);
      latest.set(data.key, Math.max(number, latest.get(data.key) ?? 0));
      first ??= time;
      const at = Math.round((time - first) * 100) / 100;
      points.push({ lane: keys.indexOf(data.key), at, label: String(number), tone: isLate ? 'bad' : 'good' });
    }
  }
  return {
    type: 'lanes',
    title,
    caption: 'Dots are numbered in the order in which the producer sent them; a marked dot was overtaken.',
    source: `simulated, ${source}`,
    x: { name: 'virtual time since the first effect', unit: 'ms' },
    y: { name: 'key', unit: '' },
    lanes: keys,
    points,
  };
}

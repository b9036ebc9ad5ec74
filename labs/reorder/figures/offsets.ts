/**
 * Offsets against the order of sending, one plan under three settings: what a retry does to order, drawn.
 *
 * Invariant: the same plan for all, run in the simulator by the scenarios as they are. An offset is where the client was told that the record stands.
 */
import type { ChartSpec, ScatterSeries } from '@mqlab/reports/chart-spec.ts';
import type { Figure } from '@mqlab/reports/run-data.ts';
import type { History } from '../../kit/history.ts';
import type { FigureContext } from '../../kit/lab.ts';
import { runPlan } from '../../kit/run-plan.ts';
import type { ReorderPlan } from '../plan.ts';
import { TOPIC } from '../run.ts';
import { FIVE_IN_FLIGHT, IDEMPOTENT, ONE_IN_FLIGHT, type Parts, scenarioOf } from '../scenarios.ts';

const RECORDS = 16;
const PLAN: ReorderPlan = {
  records: Array.from({ length: RECORDS }, (_, at) => ({ key: at % 2 })),
  gapMs: 1,
  faults: [{ kind: 'break-link', step: 4, deadMs: 6 }],
};

const SETTINGS: readonly (readonly [Parts, string])[] = [
  [FIVE_IN_FLIGHT, 'five in flight'],
  [ONE_IN_FLIGHT, 'one in flight'],
  [IDEMPOTENT, 'five in flight, idempotent'],
];

export async function offsetPictures({ seed, input, options }: FigureContext): Promise<{
  readonly figures: Record<string, Figure>;
  readonly charts: Record<string, ChartSpec>;
}> {
  const series: ScatterSeries[] = [];
  const late: number[] = [];
  for (const [parts, name] of SETTINGS) {
    const scenario = scenarioOf(parts, 'after');
    const { history } = await runPlan(scenario, PLAN, { target: 'sim', client: 'mqlab', seed, input, options });
    const points = placesOf(history);
    late.push(countLate(points));
    series.push({ name, points, tone: countLate(points) > 0 ? 'bad' : 'good' });
  }
  const [five, one, idempotent] = series as [ScatterSeries, ScatterSeries, ScatterSeries];
  const chart = (title: string, caption: string, shown: readonly ScatterSeries[]): ChartSpec => ({
    type: 'scatter',
    title,
    caption,
    source: 'runs in the simulator, one plan',
    x: { name: 'order of sending', unit: '' },
    y: { name: 'offset', unit: '' },
    series: shown,
    marks: [
      { at: PLAN.faults[0]!.step, label: 'the link goes dead', tone: 'bad' },
      { at: PLAN.faults[0]!.step + PLAN.faults[0]!.deadMs / PLAN.gapMs, label: 'it breaks', tone: 'warn' },
    ],
  });
  const count = (value: number): Figure => ({
    value,
    unit: 'count',
    label: 'measured',
    source: `of ${RECORDS} records, one run in the simulator`,
  });
  return {
    figures: {
      'offsets.records': { value: RECORDS, unit: 'count', label: 'given', source: 'the plan of the picture' },
      'offsets.late.five': count(late[0]!),
      'offsets.late.one': count(late[1]!),
      'offsets.late.idempotent': count(late[2]!),
    },
    charts: {
      'offsets-before': chart(
        'Offsets against send order: five in flight, no idempotence',
        'A rising line is order. The requests that were on their way when the link broke were all sent again, and each retry went ahead of the ones before it: they stand in reverse.',
        [five],
      ),
      'offsets-after': chart(
        'The same link, the same records: the two cures',
        'Both rise without a step back; their dots cover each other.',
        [one, idempotent],
      ),
    },
  };
}

function placesOf({ operations }: History): [number, number][] {
  const sent: string[] = [];
  const offsets = new Map<string, number>();
  for (const { data, phase } of operations) {
    if (data.type !== 'send' || data.topic !== TOPIC || data.key === null) continue;
    if (phase === 'invoke') sent.push(data.value);
    else if (phase === 'ok' && data.offset !== undefined) offsets.set(data.value, data.offset);
  }
  return sent.flatMap((value, at) => (offsets.has(value) ? [[at, offsets.get(value)!]] : []) as [number, number][]);
}

/** Records with a lower offset than one that was sent before them. */
function countLate(points: readonly (readonly [number, number])[]): number {
  let highest = -1;
  let late = 0;
  for (const [, offset] of points) {
    if (offset < highest) late++;
    highest = Math.max(highest, offset);
  }
  return late;
}

/**
 * Within what expiry an id in Redis protects: the id is written after the effect, with an expiry; the consumer crashes before its commit and comes back after a while. Whether
 * the record is processed again depends on one comparison: how late it is redelivered, and when the id expires.
 *
 * Invariant: delays are measured in the run, from the id's taking effect to the next poll of the record, on the simulator's clock.
 */
import type { ScatterChart } from '@mqlab/reports/chart-spec.ts';
import type { InputRecord } from '../../kit/input.ts';
import type { Scenario } from '../../kit/lab.ts';
import { runPlan } from '../../kit/run-plan.ts';
import type { DedupPlan } from '../plan.ts';
import { runDedup } from '../run.ts';
import { runSettingsOf, SCENARIOS } from '../scenarios.ts';
import { checkProcessSetFor } from '../strategies/global-id.ts';

const EXPIRIES_MS = [60, 120, 250, 500, 1000];
/** How long the consumer is down; its old session must end too before the record is redelivered. */
const DOWNTIMES_MS = [1, 150, 350, 700, 1400];
/** After SET took effect, before its answer: the last moment before the commit. */
const STEP_AFTER_SET = 5;

export interface ExpiryPoint {
  readonly expiryMs: number;
  readonly delayMs: number;
  readonly isRepeated: boolean;
}

export async function measureExpiry(input: readonly InputRecord[], seed: number): Promise<readonly ExpiryPoint[]> {
  const points: ExpiryPoint[] = [];
  const base = SCENARIOS.find(({ id }) => id === 'check-process-set')!;
  for (const expiryMs of EXPIRIES_MS) {
    const settings = runSettingsOf({ strategy: checkProcessSetFor(expiryMs), usesId: true });
    const scenario: Scenario<DedupPlan> = { ...base, run: (plan, context) => runDedup(plan, settings, context) };
    for (const downMs of DOWNTIMES_MS) {
      const plan: DedupPlan = {
        records: [{ key: 0 }],
        faults: [{ kind: 'crash-app', app: 'c1', at: { step: STEP_AFTER_SET }, durationMs: downMs }],
        storeMs: 1,
        pollRecords: 1,
      };
      const { history, outcome } = await runPlan(scenario, plan, {
        target: 'sim',
        client: 'mqlab',
        seed,
        input,
        options: {},
      });
      const { operations } = history;
      const isSet = operations.findIndex(
        ({ phase, data }) => phase === 'ok' && data.type === 'store' && data.text.startsWith('SET '),
      );
      const again = operations.find(({ index, data }) => index > isSet && data.type === 'poll');
      if (isSet < 0 || again === undefined) throw new Error('the record was not redelivered');
      points.push({
        expiryMs,
        delayMs: again.time - operations[isSet]!.time,
        isRepeated: outcome.violations.includes('EFFECT-DUPLICATE'),
      });
    }
  }
  return points;
}

export function expiryChart(points: readonly ExpiryPoint[]): ScatterChart {
  const of = (isRepeated: boolean): (readonly [number, number])[] =>
    points.filter((point) => point.isRepeated === isRepeated).map(({ delayMs, expiryMs }) => [delayMs, expiryMs]);
  return {
    type: 'scatter',
    title: 'An id with an expiry: redelivered sooner, the record is skipped; later, it is processed again',
    caption: 'Each dot is a run. Where the delay of the redelivery exceeds the expiry, the effect is repeated.',
    source: `sim target, virtual time, ${points.length} runs`,
    x: { name: 'delay from the id to the redelivery', unit: 'ms' },
    y: { name: 'expiry of the id', unit: 'ms', scale: 'log' },
    series: [
      { name: 'held', points: of(false), tone: 'good' },
      { name: 'repeated', points: of(true), tone: 'bad' },
    ],
  };
}

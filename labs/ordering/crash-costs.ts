/**
 * What a crash costs under each commit policy: the same random plans, each with a crash, under all three; lost and repeated records counted from the
 * histories, the loss of a value by the final read and not by a count of effects.
 */
import type { Figure, Table } from '@mqlab/reports/run-data.ts';
import { effectCount } from '../kit/checkers/effect-count.ts';
import type { History } from '../kit/history.ts';
import type { FigureContext } from '../kit/lab.ts';
import { runPlan } from '../kit/run-plan.ts';
import { planOf, seedOf } from '../kit/search.ts';
import type { CommitPolicyName } from './app/commit-policies.ts';
import { commitWatermark, scenarioFrom } from './lab.ts';

const PLANS = { quick: 30, full: 300 } as const;
const POLICIES: readonly CommitPolicyName[] = ['highest-polled', 'highest-finished', 'watermark'];

const WORDS: Readonly<Record<CommitPolicyName, string>> = {
  'highest-polled': 'what was polled',
  'highest-finished': 'behind the highest finished record',
  watermark: 'the contiguous watermark',
};

export async function crashCosts(
  context: FigureContext,
): Promise<{ readonly figures: Record<string, Figure>; readonly tables: Record<string, Table> }> {
  const plans = PLANS[context.profile];
  const lost: Record<string, number> = {};
  const repeated: Record<string, number> = {};
  let sent = 0;
  for (let at = 0; at < plans; at++) {
    const seed = seedOf(context.seed, at);
    for (const policy of POLICIES) {
      const scenario = scenarioFrom({
        ...commitWatermark,
        limits: { faultKinds: ['crash-app'], faultsMax: 1 },
        setup: { ...commitWatermark.setup, policy },
      });
      const plan = planOf(scenario.plan, seed);
      const { input, options } = context;
      const { history } = await runPlan(scenario, plan, { target: 'sim', client: 'mqlab', seed, input, options });
      lost[policy] = (lost[policy] ?? 0) + lossesIn(history);
      repeated[policy] = (repeated[policy] ?? 0) + repeatsIn(history);
      if (policy === 'watermark') sent += plan.records.length;
    }
  }
  const counted = (value: number): Figure => ({
    value,
    unit: 'count',
    label: 'measured',
    source: 'sum over the same random plans, each with a crash, in the simulator',
  });
  const figures: Record<string, Figure> = { 'crash.plans': counted(plans), 'crash.records': counted(sent) };
  for (const policy of POLICIES) {
    figures[`crash.lost.${policy}`] = counted(lost[policy]!);
    figures[`crash.repeated.${policy}`] = counted(repeated[policy]!);
  }
  return {
    figures,
    tables: {
      policies: {
        title: 'The same crashes under three commit policies',
        columns: [{ name: 'Commits' }, { name: 'Lost', align: 'right' }, { name: 'Repeated', align: 'right' }],
        rows: POLICIES.map((policy) => [
          WORDS[policy],
          { figure: `crash.lost.${policy}` },
          { figure: `crash.repeated.${policy}` },
        ]),
        note: 'Records, summed over the plans; keyed queues in all three.',
      },
    },
  };
}

function lossesIn(history: History): number {
  return effectCount()
    .apply(history)
    .filter(({ checker }) => checker === 'EFFECT-LOSS')
    .reduce((sum, { count }) => sum + count, 0);
}

function repeatsIn(history: History): number {
  const effects = history.operations.flatMap(({ data, phase }) =>
    data.type === 'effect' && phase === 'ok' ? [data.value] : [],
  );
  return effects.length - new Set(effects).size;
}

/**
 * A small lab for the kit's own tests: an application without a broker that takes records from a list, makes their effects and commits, and may be
 * crashed between any two steps. `before` commits first and loses; `after` makes the effect and the commit in one step.
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import fc from 'fast-check';
import { effectCount } from '../checkers/effect-count.ts';
import type { Lab, RunContext, Scenario, Variant } from '../lab.ts';
import {
  describeFault,
  describeRecords,
  type Fault,
  FaultSchedule,
  faultsArbitrary,
  type PlannedRecord,
  recordsArbitrary,
} from '../plan.ts';

interface Plan {
  readonly records: readonly PlannedRecord[];
  readonly faults: readonly Fault[];
}

const plan: fc.Arbitrary<Plan> = fc.record({
  records: recordsArbitrary(8, 3),
  faults: faultsArbitrary({ kinds: ['crash-app'], apps: ['c1'], stepMax: 24, countMax: 2 }),
});

async function run(plan: Plan, context: RunContext, variant: Variant): Promise<void> {
  const { target, recorder } = context;
  const values = plan.records.map(({ key }, at) => ({ key: `k${key}`, value: `v${at}` }));
  values.forEach(({ key, value }, offset) => {
    recorder.note('p1', { type: 'send', topic: 't', partition: 0, offset, key, value });
  });
  let committed = 0;
  let crashed = false;
  const faults = new FaultSchedule(plan.faults, target, recorder, {
    holds: () => true,
    on: {
      'crash-app': () => {
        recorder.note('c1', { type: 'crash' });
        target.crashApp('c1');
        crashed = true;
      },
    },
  });
  while (committed < values.length) {
    crashed = false;
    const app = target.app('c1');
    const { key, value } = values[committed]!;
    const offset = committed;
    const effect = (): void => recorder.note('c1', { type: 'effect', key, value, generation: -1 });
    const commit = (): void => {
      recorder.note('c1', { type: 'commit', group: 'g', topic: 't', partition: 0, offset: offset + 1 });
      committed = offset + 1;
    };
    recorder.note('c1', { type: 'poll', records: [{ topic: 't', partition: 0, offset, key, value }] });
    const both = (): void => {
      effect();
      commit();
    };
    const steps = variant === 'before' ? [commit, effect] : [both];
    for (const step of steps) {
      await faults.step();
      if (crashed || !app.alive) break;
      step();
      await sleep(target.clock, 1);
    }
  }
  await faults.stop();
  recorder.note('c1', { type: 'drained' });
}

function scenario(variant: Variant): Scenario<Plan> {
  return {
    id: variant,
    title: `commit ${variant === 'before' ? 'first' : 'with the effect'}`,
    claims: ['C66'],
    variant,
    targets: ['sim'],
    clients: ['mqlab'],
    expected: variant === 'before' ? 'violated' : 'holds',
    plan,
    describe: ({ records, faults }) => [...describeRecords(records), ...faults.map(describeFault)],
    checks: [effectCount()],
    exercised: ['fault:crash-app'],
    withoutBroker: true,
    ...(variant === 'after' ? { fixes: 'before' } : {}),
    run: (plan, context) => run(plan, context, variant),
  };
}

export const lab: Lab = {
  name: 'toy',
  title: 'A toy',
  question: 'Does the kit work?',
  claims: ['C66'],
  scenarios: [scenario('before'), scenario('after')],
  conclusions: [{ claim: 'C66', verdict: 'confirmed', scope: 'for a toy' }],
  text: { en: new URL('./toy.en.md', import.meta.url) },
  simulate: async ({ seed, input }) => ({ seed, records: input.length }),
  figures: async ({ simulated }) => {
    const { seed, records } = simulated as { readonly seed: number; readonly records: number };
    const count = (value: number) => ({ value, unit: 'count', label: 'measured', source: 'the toy' }) as const;
    return { figures: { seed: count(seed), records: count(records) } };
  },
  limits: [],
};

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Scenario } from './lab.ts';
import { runPlan } from './run-plan.ts';
import { storyOf } from './story.ts';
import { openTarget } from './targets/open-target.ts';
import type { InvariantViolation } from './targets/target.ts';

/** A run in which somebody outside sees the cluster break a promise, before the scenario ends well or badly. */
function runWith(violation: InvariantViolation, more: Partial<Scenario<number>>, ending?: Error) {
  let onInvariant: ((violation: InvariantViolation) => void) | undefined;
  const scenario: Scenario<number> = {
    id: 's',
    title: '',
    claims: [],
    variant: 'after',
    targets: ['sim'],
    clients: ['mqlab'],
    expected: 'holds',
    plan: fc.constant(1),
    describe: () => [],
    checks: [],
    exercised: [],
    run: async (_, { recorder }) => {
      recorder.note('kit', { type: 'fault', kind: 'kill-broker', detail: 'node 1', role: 'leader', inFlight: true });
      onInvariant?.(violation);
      if (ending !== undefined) throw ending;
    },
    ...more,
  };
  return runPlan(scenario, 1, {
    target: 'sim',
    client: 'mqlab',
    seed: 1,
    input: [],
    options: {},
    open: (kind, settings) => {
      onInvariant = settings.onInvariant;
      return openTarget(kind, { ...settings, withoutBroker: true });
    },
  });
}

const twoLeaders: InvariantViolation = {
  name: 'INVARIANT ONE-LEADER',
  text: 'Nodes 1 and 2 both lead t-0 in epoch 3.',
};

test('an invariant that a cluster breaks is a violation of the run, also when the run then fails', async () => {
  const made = await runWith(twoLeaders, { brokers: 3 }, new Error('the final read stopped'));
  expect(made.outcome).toMatchObject({ status: 'invalid', violations: ['INVARIANT ONE-LEADER'] });
  expect(made.goals).toEqual(['fault:kill-broker', 'fault:kill-broker leader']);
  expect(storyOf(made.history, made.results[0]!.findings[0]!)).toEqual([
    'fault: kill-broker node 1',
    'kit: INVARIANT ONE-LEADER',
    'Nodes 1 and 2 both lead t-0 in epoch 3.',
  ]);
});

test('what a scenario does not watch is not seen; a single broker is not watched unless it says so', async () => {
  const ofCluster = await runWith(twoLeaders, { brokers: 3, invariants: ['INVARIANT ONE-CONTROLLER'] });
  expect(ofCluster.outcome.status).toBe('valid');
  expect((await runWith(twoLeaders, {})).outcome.status).toBe('valid');
  expect((await runWith(twoLeaders, { invariants: ['INVARIANT ONE-LEADER'] })).outcome.status).toBe('invalid');
});

test('a run that fails for no such reason fails', async () => {
  await expect(runWith(twoLeaders, { brokers: 1 }, new Error('oops'))).rejects.toThrow('oops');
});

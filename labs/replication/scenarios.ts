/**
 * The scenarios: the campaign; what consistency between replicas does not give by itself (loss and duplicates by what the producer asks for); lost controllers.
 */
import { duplicate } from '../kit/checkers/duplicate.ts';
import { inconsistentOffset } from '../kit/checkers/inconsistent-offset.ts';
import { liveness } from '../kit/checkers/liveness.ts';
import { lostWrite } from '../kit/checkers/lost-write.ts';
import type { Scenario } from '../kit/lab.ts';
import { agreement, storm } from './agreement/scenario.ts';
import { CAREFUL, LOCAL_TIMES, QUICK_TIMES } from './cluster-settings.ts';
import {
  DRAIN_MS_MAX,
  describeWrites,
  runWrites,
  TWO_LOST,
  type WritesLimits,
  type WritesPlan,
  type WritesSetup,
  writesPlans,
} from './writes.ts';

/** The leader is cut off from the others for longer than a session; whoever writes to it still reaches it. */
const CUT_OFF: WritesLimits = {
  kinds: ['cut-nodes'],
  cluster: { nodes: ['leader'] },
  msMax: 200,
  faultsMax: 1,
  durationMs: 1500,
};
const RETRIES: WritesLimits = {
  kinds: ['drop-response', 'kill-broker'],
  cluster: { nodes: ['leader'] },
  msMax: 400,
  faultsMax: 2,
  durationMs: 500,
};
const CONTROLLERS: WritesLimits = {
  kinds: ['kill-broker', 'pause-broker'],
  cluster: { nodes: [101, 102, 103] },
  msMax: 300,
  faultsMin: 2,
  faultsMax: 3,
  durationMs: 2000,
};

type Parts = Pick<Scenario<WritesPlan>, 'title' | 'claims' | 'checks' | 'exercised'> &
  Partial<Scenario<WritesPlan>> & { readonly id: string; readonly limits: WritesLimits; readonly setup: WritesSetup };

function scenarioOf({ limits, setup, ...parts }: Parts, variant: 'before' | 'after'): Scenario<WritesPlan> {
  return {
    targets: ['sim'],
    clients: ['mqlab'],
    variant,
    expected: variant === 'before' ? 'violated' : 'holds',
    plan: writesPlans(limits),
    describe: describeWrites,
    brokers: 3,
    broker: { ...CAREFUL, ...(parts.targets?.includes('local') ? LOCAL_TIMES : QUICK_TIMES) },
    runs: { quick: { sim: 20, local: 1 } },
    run: (plan, context) => runWrites(plan, context, setup),
    ...parts,
  };
}

const BOTH = ['sim', 'local'] as const;
/** Their faults are possible with brokers that the user's commands kill and start. */
const OUTSIDE = { targets: ['sim', 'external'], needs: ['drop-response', 'kill-broker'] } as const;

// biome-ignore lint/suspicious/noExplicitAny: plans of two types
export const SCENARIOS: readonly Scenario<any>[] = [
  scenarioOf(
    {
      id: 'acks-1',
      title: 'acks=1, the default before Kafka 3.0: what the deposed leader took is cut off',
      witnessTitle: 'An acknowledged record on a leader that nobody followed any more, and its end',
      claims: ['C43'],
      limits: CUT_OFF,
      setup: { producer: { acks: 1, idempotence: false } },
      checks: [lostWrite, inconsistentOffset],
      exercised: ['fault:cut-nodes leader'],
      targets: BOTH,
      needs: ['cut-nodes'],
    },
    'before',
  ),
  scenarioOf(
    {
      id: 'acks-all',
      title: 'acks=all with two in sync, the same plans',
      claims: ['C43'],
      limits: CUT_OFF,
      setup: { producer: { acks: -1, idempotence: true } },
      checks: [lostWrite, inconsistentOffset, duplicate],
      exercised: ['fault:cut-nodes leader'],
      fixes: 'acks-1',
      targets: BOTH,
      needs: ['cut-nodes'],
    },
    'after',
  ),
  scenarioOf(
    {
      id: 'retries',
      title: 'acks=all without idempotence, the default before Kafka 3.0: a retry doubles',
      witnessTitle: 'The replicas agree, on two copies of one record',
      claims: ['C43'],
      limits: RETRIES,
      setup: { producer: { acks: -1, idempotence: false } },
      checks: [duplicate, lostWrite],
      exercised: ['fault:drop-response'],
      ...OUTSIDE,
      runs: { quick: { sim: 100, external: 6 } },
    },
    'before',
  ),
  scenarioOf(
    {
      id: 'idempotent',
      title: 'acks=all with idempotence, the same plans',
      claims: ['C43'],
      limits: RETRIES,
      setup: { producer: { acks: -1, idempotence: true } },
      checks: [duplicate, lostWrite, inconsistentOffset, liveness({ drainMsMax: DRAIN_MS_MAX })],
      exercised: ['fault:drop-response', 'fault:kill-broker leader'],
      fixes: 'retries',
    },
    'after',
  ),
  // Whether a send is under way just when a leader is killed is chance where the killing is a command's.
  scenarioOf(
    {
      id: 'idempotent-outside',
      title: 'acks=all with idempotence, the same plans, on a cluster that is there already',
      claims: ['C43'],
      limits: RETRIES,
      setup: { producer: { acks: -1, idempotence: true } },
      checks: [duplicate, lostWrite, inconsistentOffset, liveness({ drainMsMax: DRAIN_MS_MAX })],
      exercised: ['fault:drop-response'],
      fixes: 'retries',
      ...OUTSIDE,
      targets: ['external'],
      runs: { quick: { external: 5 } },
    },
    'after',
  ),
  agreement,
  storm,
  scenarioOf(
    {
      id: 'controllers',
      title: 'controllers are lost, one or two of three: writing goes on',
      claims: ['C47'],
      limits: CONTROLLERS,
      setup: { producer: { acks: -1, idempotence: true, requestTimeoutMs: 1000 }, mustGoOn: true },
      checks: [lostWrite, duplicate, inconsistentOffset, liveness({ drainMsMax: DRAIN_MS_MAX })],
      exercised: ['fault:kill-broker', 'fault:pause-broker', TWO_LOST],
      controllers: 3,
    },
    'after',
  ),
];

/** The campaign: everything that a cluster promises, under random plans. */
import { commitOrder } from '../../kit/checkers/commit-order.ts';
import { duplicate } from '../../kit/checkers/duplicate.ts';
import { inconsistentOffset } from '../../kit/checkers/inconsistent-offset.ts';
import { liveness } from '../../kit/checkers/liveness.ts';
import { lostWrite } from '../../kit/checkers/lost-write.ts';
import { pollOrder } from '../../kit/checkers/poll-order.ts';
import { sendOrder } from '../../kit/checkers/send-order.ts';
import { transactionReads } from '../../kit/checkers/transaction-reads.ts';
import type { Scenario } from '../../kit/lab.ts';
import { withoutLegal } from '../checks.ts';
import { CAREFUL, QUICK_TIMES } from '../cluster-settings.ts';
import { type AgreementPlan, agreementPlans, describeAgreement, SKEW_MS_MAX, stormPlans } from './plan.ts';
import { DRAIN_MS_MAX, GOALS, runAgreement } from './run.ts';

const FLUSHED = { 'log.flush.interval.messages': '1' } as const;

/** Small enough that a run meets snapshots, aborts of time-outs, and leaders that go back to where they are preferred. */
const OFTEN = {
  'metadata.log.max.record.bytes.between.snapshots': '4000',
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500',
  'leader.imbalance.check.interval.seconds': '2',
} as const;

export const agreement: Scenario<AgreementPlan> = {
  id: 'agreement',
  title: 'the cluster keeps agreement whatever strikes it',
  claims: ['C43'],
  variant: 'after',
  targets: ['sim'],
  clients: ['mqlab'],
  expected: 'holds',
  plan: agreementPlans,
  describe: describeAgreement,
  checks: [
    inconsistentOffset,
    lostWrite,
    duplicate,
    ...[transactionReads, pollOrder, sendOrder, commitOrder()].map(withoutLegal),
    // The run itself waits no longer than its own clocks' skew asks for.
    liveness({ drainMsMax: DRAIN_MS_MAX + SKEW_MS_MAX }),
  ],
  exercised: [
    'fault:kill-broker',
    'fault:stop-broker',
    'fault:pause-broker',
    'fault:cut-nodes',
    'fault:power-cut',
    'fault:slow-link',
    'fault:clock-skew',
    'fault:crash-app',
    GOALS.elected,
  ],
  brokers: ({ brokers }) => brokers,
  broker: ({ flushing }) => ({ ...CAREFUL, ...QUICK_TIMES, ...OFTEN, ...(flushing === 'always' ? FLUSHED : {}) }),
  runs: { quick: { sim: 24 }, full: { sim: 2000 } },
  run: runAgreement,
};

export const storm: Scenario<AgreementPlan> = {
  ...agreement,
  id: 'storm',
  title: 'leaders and controllers fall one after the other',
  plan: stormPlans,
  exercised: ['fault:kill-broker leader', 'fault:power-cut', 'fault:pause-broker', GOALS.elected],
  runs: { quick: { sim: 8 }, full: { sim: 2000 } },
};

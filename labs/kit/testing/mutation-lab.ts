/**
 * Scenarios that are there to notice planted faults of a single broker: small plans, many faults, everything that the log promises checked. All of
 * them hold with the broker that ships.
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import fc from 'fast-check';
import { LOG_CHECKS } from '../checkers/all-checks.ts';
import { finalRead, healAll } from '../finish-run.ts';
import type { Lab, RunContext, Scenario } from '../lab.ts';
import {
  describeFault,
  describeRecords,
  type Fault,
  type FaultKind,
  FaultSchedule,
  faultsArbitrary,
  type PlannedRecord,
  recordsArbitrary,
} from '../plan.ts';

interface Plan {
  readonly records: readonly PlannedRecord[];
  readonly faults: readonly Fault[];
  /** Between two sends. */
  readonly pauseMs: number;
}

const TOPIC = 't';

/** `step`: right after an answer, the most telling moment for what should be on the device by then. */
function planArbitrary(kinds: readonly FaultKind[], moment: 'step' | 'ms'): fc.Arbitrary<Plan> {
  const last = moment === 'step' ? { stepMax: 8 } : { msMax: 60 };
  return fc.record({
    records: recordsArbitrary(12, 2, 4),
    faults: faultsArbitrary({ kinds, apps: ['p1'], ...last, countMin: 1, countMax: 3 }),
    pauseMs: fc.nat(5),
  });
}

/** One idempotent producer that does not wait for answers before it sends on. */
async function run(plan: Plan, { target, recorder, client }: RunContext): Promise<void> {
  const app = target.app('p1');
  const driver = app.client(client);
  const admin = await driver.admin();
  await admin.createTopic(TOPIC, 1);
  await admin.close();
  const producer = await driver.producer({ acks: -1, idempotence: true });
  const schedule = new FaultSchedule(plan.faults, target, recorder);
  const sends: Promise<void>[] = [];
  for (const [at, { key }] of plan.records.entries()) {
    const record = { topic: TOPIC, key: `k${key}`, value: `v${at}` };
    const call = recorder.invoke('p1', { type: 'send', ...record });
    const answered = producer.send(record).then((answer) => {
      if (answer.outcome !== 'ok') {
        recorder[answer.outcome](call, answer.error);
        return;
      }
      const offset = answer.offset === undefined ? {} : { offset: answer.offset };
      recorder.ok(call, { type: 'send', ...record, partition: answer.partition, ...offset });
      return schedule.step();
    });
    sends.push(answered);
    await sleep(target.clock, plan.pauseMs);
  }
  await Promise.all(sends);
  await schedule.stop();
  await producer.close();
  await healAll(target, recorder);
  await finalRead(target, recorder, [TOPIC], { client: 'mqlab' });
}

function scenario(
  id: string,
  title: string,
  kinds: readonly FaultKind[],
  moment: 'step' | 'ms',
  broker: Readonly<Record<string, string>> = {},
): Scenario<Plan> {
  return {
    id,
    title,
    claims: ['C32'],
    variant: 'after',
    targets: ['sim'],
    clients: ['mqlab'],
    expected: 'holds',
    plan: planArbitrary(kinds, moment),
    describe: ({ records, faults }) => [...describeRecords(records), ...faults.map(describeFault)],
    checks: LOG_CHECKS,
    exercised: kinds.map((kind) => `fault:${kind}`),
    broker,
    run,
  };
}

export const lab: Lab = {
  name: 'mutation',
  title: 'Planted faults',
  question: 'Would anybody notice if the broker were wrong?',
  claims: ['C32'],
  scenarios: [
    scenario('idempotent', 'answers are lost, the broker is killed', ['drop-response', 'kill-broker'], 'ms'),
    scenario('flushed', 'every batch is flushed, the power fails', ['power-cut'], 'step', {
      'log.flush.interval.messages': '1',
    }),
  ],
  conclusions: [{ claim: 'C32', verdict: 'confirmed', scope: 'for a planted fault' }],
  text: { en: new URL('./toy.en.md', import.meta.url) },
  limits: [],
};

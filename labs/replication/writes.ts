/**
 * One run: a producer writes to one partition with three replicas while faults strike its leader, or the controllers; then everything is read afresh.
 *
 * Invariant: the producer has its client's defaults but for what the scenario says. A record is judged by what its producer was told, and by nothing that the lab knows.
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import type { PlanOperation } from '@mqlab/reports/run-data.ts';
import fc from 'fast-check';
import type { ProducerSettings } from '../kit/drivers/driver.ts';
import { finalRead, healAll } from '../kit/finish-run.ts';
import type { Recorder } from '../kit/history.ts';
import type { RunContext } from '../kit/lab.ts';
import type { NodeFaultLimits } from '../kit/node-faults.ts';
import { describeFault, type Fault, type FaultKind, FaultSchedule, faultsArbitrary } from '../kit/plan.ts';
import { freshTopic } from '../kit/send-flights.ts';
import type { Target } from '../kit/targets/target.ts';

export interface WritesPlan {
  readonly records: number;
  /** Between two records. */
  readonly pauseMs: number;
  readonly faults: readonly Fault[];
}

export interface WritesLimits {
  readonly kinds: readonly FaultKind[];
  readonly cluster: NodeFaultLimits;
  readonly msMax: number;
  readonly faultsMin?: number;
  readonly faultsMax: number;
  /** How long a fault lasts. */
  readonly durationMs: number;
}

export interface WritesSetup {
  readonly producer: ProducerSettings;
  /** Everything must have been acknowledged while the faults lasted. */
  readonly mustGoOn?: boolean;
}

const TOPIC = 'orders';
/** What the cluster's own settings say elsewhere. */
const SHAPE = { replicas: 3, configs: { 'min.insync.replicas': '2' } } as const;
export const DRAIN_MS_MAX = 60_000;
export const TWO_LOST = 'nobody was the active controller for a while';
const SLOWER = { sim: 1, local: 4, external: 4 } as const;

export function writesPlans({
  kinds,
  cluster,
  msMax,
  faultsMin = 1,
  faultsMax,
  durationMs,
}: WritesLimits): fc.Arbitrary<WritesPlan> {
  return fc.record({
    records: fc.integer({ min: 1, max: 12 }),
    pauseMs: fc.integer({ min: 10, max: 100 }),
    faults: faultsArbitrary({
      kinds,
      apps: ['p1'],
      msMax,
      countMin: faultsMin,
      countMax: faultsMax,
      durationMsMax: durationMs,
      cluster,
    }).map((faults) => faults.map((fault) => ({ ...fault, durationMs }))),
  });
}

export function describeWrites({ records, pauseMs, faults }: WritesPlan): readonly PlanOperation[] {
  return [
    { kind: 'operation', text: `p1 sends ${records} records, one every ${pauseMs} ms` },
    ...faults.map(describeFault),
  ];
}

export async function runWrites(plan: WritesPlan, context: RunContext, setup: WritesSetup): Promise<void> {
  const { target, recorder, client } = context;
  const slower = SLOWER[target.kind];
  const app = target.app('p1');
  const driver = app.client(client);
  const admin = await driver.admin();
  await freshTopic(admin, context, TOPIC, 1, target.kind === 'external' ? SHAPE : {});
  await admin.close();
  const faults = plan.faults.map(({ durationMs = 0, ...fault }) => ({ ...fault, durationMs: durationMs * slower }));
  const producer = await driver.producer({ lingerMs: 0, ...setup.producer });
  const sends: Promise<boolean>[] = [];
  const send = (value: string): Promise<boolean> => {
    const record = { topic: TOPIC, key: null, value, partition: 0 };
    const call = recorder.invoke('p1', { type: 'send', ...record });
    const answered = producer.send(record).then((answer) => {
      if (answer.outcome !== 'ok') recorder[answer.outcome](call, answer.error);
      else {
        const offset = answer.offset === undefined ? {} : { offset: answer.offset };
        recorder.ok(call, { type: 'send', ...record, ...offset });
      }
      return answer.outcome === 'ok';
    });
    sends.push(answered);
    return answered;
  };
  // A new idempotent producer needs an id, and its broker may have to ask the controller for a block of them.
  if (setup.mustGoOn === true) await send('first');
  const schedule = new FaultSchedule(faults, target, recorder, {
    partition: { topic: TOPIC, partition: 0 },
    holds: () => sends.length < plan.records,
  });
  for (let at = 0; at < plan.records; at++) {
    void send(`v${at}`);
    await sleep(target.clock, plan.pauseMs * slower);
  }
  // Faults that began last to their end, and what they made of the cluster shows.
  const lastMs = Math.max(0, ...faults.map(({ at, durationMs }) => ('ms' in at ? at.ms : 0) + durationMs));
  const all = Promise.all(sends);
  let early: readonly boolean[] | null = null;
  void all.then((answers) => {
    early = answers;
  });
  if (target.nodes.some(({ isBroker }) => !isBroker)) await noteLost(target, recorder, lastMs);
  else await sleep(target.clock, Math.max(0, lastMs - plan.records * plan.pauseMs * slower));
  const wentOn = (early as readonly boolean[] | null)?.every(Boolean) ?? false;
  await schedule.stop();
  await healAll(target, recorder);
  const answers = await all;
  if (setup.mustGoOn === true ? wentOn : answers.length >= plan.records) recorder.note('kit', { type: 'drained' });
  await producer.close();
  await finalRead(target, recorder, [TOPIC], { client: 'mqlab' });
}

/** While faults last: is there no active controller for a while? With one lost there is, but for an election. */
async function noteLost(target: Target, recorder: Recorder, lastMs: number): Promise<void> {
  const { clock } = target;
  const until = clock.monotonic() + lastMs;
  let isNoted = false;
  while (clock.monotonic() < until) {
    await sleep(clock, 50);
    if (isNoted || (await target.controller()) !== null) continue;
    isNoted = true;
    recorder.note('kit', { type: 'reach', goal: TWO_LOST });
  }
}

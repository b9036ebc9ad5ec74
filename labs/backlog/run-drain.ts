/**
 * One run of the lab: a backlog is produced, a temporary topic is made, a dispatcher and consumers drain it while processes are killed, the old layout is
 * restored, late records arrive, everything is worked off and read once more.
 *
 * Invariant: it writes what happened and judges nothing. `drained` is noted only when both topics have no lag left for their groups.
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import { finalRead, healAll } from '../kit/finish-run.ts';
import type { RunContext } from '../kit/lab.ts';
import { consume } from './app/consumer.ts';
import { type CutBack, type Layout, untilNoLag } from './app/cut-back.ts';
import type { ConsumeSettings, Environment } from './app/environment.ts';
import { Store } from './app/store.ts';
import { Fleet } from './fleet.ts';
import { type BacklogPlan, type Flight, flightsOf } from './plan.ts';
import { recordedClient } from './recorded-client.ts';

export type Dispatch = (
  env: Environment,
  from: ConsumeSettings,
  to: { readonly topic: string; readonly partitions: number },
) => Promise<void>;

/** The application under test, in its parts. */
export interface Strategy {
  readonly dispatch: Dispatch;
  readonly repeats: 'applied' | 'dropped';
  readonly cutBack: (layout: Layout, how: CutBack) => Promise<void>;
}

export const SOURCE = 'flights';
export const TEMPORARY = 'flights-drain';
const LAYOUT: Layout = {
  source: { topic: SOURCE, group: 'billing' },
  temporary: { topic: TEMPORARY, group: 'billing-drain' },
};
const SOURCE_PARTITIONS = 1;
/** Few, so that a plan takes milliseconds; the ten times of the claim are for the figures. */
export const TEMPORARY_PARTITIONS = 4;
export const DISPATCHER = 'd1';
export const WORKERS: readonly string[] = ['w1', 'w2'];
export const OLD_CONSUMER = 'c1';

/** Broker settings that let a group of a dead member go on quickly. */
export const BROKER: Readonly<Record<string, string>> = {
  'group.initial.rebalance.delay.ms': '0',
  'group.min.session.timeout.ms': '100',
  'offsets.topic.num.partitions': '1',
};
export const SESSION_MS = { sim: 200, local: 1500, external: 6000 } as const;
/** Real processes take longer to react, so their work is made longer too: the same plan has the same races. */
const WORK_UNIT_MS = { sim: 8, local: 50, external: 50 } as const;
const POLL_MS = 20;
const CHECK_MS = { sim: 10, local: 20, external: 20 } as const;
/** Small, so that a dispatcher has several rounds to be killed in. */
const POLL_RECORDS = 2;
const DRAIN_MS_MAX = 30_000;

export async function runDrain(plan: BacklogPlan, context: RunContext, strategy: Strategy): Promise<void> {
  const { target, recorder, input } = context;
  const sessionTimeoutMs = SESSION_MS[target.kind];
  const backlog = flightsOf(plan.backlog, input, 0);
  const late = flightsOf(plan.late, input, backlog.length);
  const unitMs = WORK_UNIT_MS[target.kind];
  const workMs = new Map([...backlog, ...late].map(({ value, work }) => [value, work * unitMs]));
  const store = new Store(
    (process, { key, value, topic, partition }) =>
      recorder.note(process, { type: 'effect', key, value, generation: -1, topic, partition }),
    (process) => recorder.note(process, { type: 'reach', goal: 'repeat dropped' }),
  );
  const fleet = new Fleet(context, plan.faults);
  const operator = target.app('operator');
  const admin = await operator.client(context.client).admin();
  const wait = (ms: number): Promise<void> => sleep(target.clock, ms);

  await admin.createTopic(SOURCE, SOURCE_PARTITIONS);
  await admin.createTopic(TEMPORARY, TEMPORARY_PARTITIONS);
  const producing = target.app('p1');
  const producer = await recordedClient(producing.client(context.client), { recorder, process: 'p1' }).producer();
  const produce = async (flights: readonly Flight[]): Promise<void> => {
    for (const { key, value } of flights) await producer.send({ topic: SOURCE, key, value });
  };
  await produce(backlog);

  const settings = { sessionTimeoutMs, heartbeatIntervalMs: sessionTimeoutMs / 4, pollMs: POLL_MS };
  const assigned = new Map<string, number>();
  const consumerOf = (process: string, at: Layout['source'], onAssigned?: (partitions: number) => void) => {
    fleet.start(process, (env) =>
      consume(env, { ...settings, ...at, ...(onAssigned === undefined ? {} : { onAssigned }) }, async (record) => {
        await env.wait(workMs.get(record.value) ?? 0);
        if (strategy.repeats === 'dropped') store.applyOnce(process, record);
        else store.apply(process, record);
      }),
    );
  };
  for (const worker of WORKERS) {
    consumerOf(worker, LAYOUT.temporary, (partitions) => assigned.set(worker, partitions));
  }
  const share = TEMPORARY_PARTITIONS / WORKERS.length;
  while (!WORKERS.every((worker) => assigned.get(worker) === share)) await wait(POLL_MS / 2);
  fleet.start(DISPATCHER, (env) =>
    strategy.dispatch(
      env,
      { ...settings, ...LAYOUT.source, maxPollRecords: POLL_RECORDS },
      { topic: TEMPORARY, partitions: TEMPORARY_PARTITIONS },
    ),
  );

  const checkMs = CHECK_MS[target.kind];
  const drain = async (): Promise<void> => {
    let arriving: Promise<void> = Promise.resolve();
    await strategy.cutBack(LAYOUT, {
      admin,
      wait,
      checkMs,
      stopDispatcher: () => fleet.stop(DISPATCHER),
      stopWorkers: async () => {
        await Promise.all(WORKERS.map((worker) => fleet.stop(worker)));
      },
      startOldConsumers: () => {
        consumerOf(OLD_CONSUMER, LAYOUT.source);
        arriving = produce(late);
      },
    });
    await arriving;
  };
  await drain();
  noteGoals(context, backlog, late);
  await fleet.stopFaults();
  await healAll(target, recorder);
  // Nothing is left in the temporary topic: its consumers were stopped when that was so.
  let isDrained = false;
  const draining = untilNoLag({ admin, wait, checkMs }, LAYOUT.source).then(() => {
    isDrained = true;
  });
  await Promise.race([draining, wait(DRAIN_MS_MAX)]);
  if (isDrained) recorder.note(OLD_CONSUMER, { type: 'drained' });
  await fleet.stop(OLD_CONSUMER);
  await producer.close();
  await finalRead(target, recorder, [SOURCE, TEMPORARY], { client: context.client });
  await admin.close();
}

/** What makes a plan able to show anything, as it happened. */
function noteGoals({ recorder }: RunContext, backlog: readonly Flight[], late: readonly Flight[]): void {
  const reach = (goal: string): void => recorder.note('kit', { type: 'reach', goal });
  const keys = new Set(backlog.map(({ key }) => key));
  if (keys.size < backlog.length) reach('one key twice in the backlog');
  if (late.some(({ key }) => keys.has(key))) reach('late record of a key of the backlog');
  const partitionOf = new Map<string, number>();
  for (const { data, phase } of recorder.operations) {
    if (data.type !== 'send' || phase !== 'ok' || data.topic !== TEMPORARY || data.key === null) continue;
    const { key, partition = -1 } = data;
    const known = partitionOf.get(key) ?? partition;
    if (known !== partition) return reach('one key in two partitions');
    partitionOf.set(key, partition);
  }
}

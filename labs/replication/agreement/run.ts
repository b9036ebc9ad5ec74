/**
 * One run of the campaign: a cluster, its clients and its operator while faults strike; then everything whole again, and it must all come to its end.
 *
 * Invariant: judged by nobody here. The invariants of the cluster are watched by the target after every step; that everything drains in time is noted, that it does not is LIVENESS.
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import { finalRead, healAll } from '../../kit/finish-run.ts';
import type { RunContext } from '../../kit/lab.ts';
import { type Fault, FaultSchedule } from '../../kit/plan.ts';
import {
  carefulProducer,
  GROUP,
  hastyProducer,
  LEDGER,
  MAIN,
  member,
  PARTITIONS,
  type Progress,
  reader,
  type TransactionsDone,
  transactor,
} from './clients.ts';
import { ClusterOperator } from './operator.ts';
import { type AgreementPlan, SPAN_MS, skewAheadMs } from './plan.ts';

/**
 * After the heal; virtual. A transaction that began by a clock that was ahead is given up by its time limit that much later: its coordinator keeps the wall clock's
 * time of its beginning, as Kafka does.
 */
export const DRAIN_MS_MAX = 30_000;
const LOOK_MS = 500;
const RESTART_MS = 300;

export const GOALS = { elected: 'a leader was elected anew' } as const;

export async function runAgreement(plan: AgreementPlan, context: RunContext): Promise<void> {
  const { target, recorder, client } = context;
  const { clock } = target;
  const operator = new ClusterOperator(target.app('o1'), context);
  await operator.makeTopics();
  const { latencyMs } = plan;
  if (latencyMs > 0) {
    for (const { id: a } of target.nodes) {
      for (const { id: b } of target.nodes) if (a < b) target.slowLink(a, b, { latencyMs });
    }
  }
  const careful: Progress = { of: plan.careful.length, done: 0, refused: 0 };
  const hasty: Progress = { of: plan.hasty.length, done: 0, refused: 0 };
  const transactions: TransactionsDone = { next: 0, isOver: false };
  const start = (name: string, body: (app: ReturnType<typeof target.app>) => Promise<void>): void => {
    const app = target.app(name);
    app.spawn(() => body(app));
  };
  const startMember = (): void => start('c1', (app) => member(app, context));
  const startTransactor = (): void => start('t1', (app) => transactor(app, context, plan.transactions, transactions));
  start('p1', (app) => carefulProducer(app, context, plan.careful, careful));
  start('p2', (app) => hastyProducer(app, context, plan.hasty, hasty));
  start('c2', (app) => reader(app, context, false));
  start('c3', (app) => reader(app, context, true));
  startMember();
  startTransactor();
  const changes = operator.change(plan.changes, plan.brokers);
  const restarts = new Set<Promise<void>>();
  const crash = ({ app = 'c1', durationMs = RESTART_MS }: Fault): void => {
    recorder.note(app, { type: 'crash' });
    target.crashApp(app);
    const again = sleep(clock, durationMs).then(() => {
      restarts.delete(again);
      if (app === 't1') startTransactor();
      else startMember();
    });
    restarts.add(again);
  };
  const schedule = new FaultSchedule(plan.faults, target, recorder, {
    on: { 'crash-app': crash },
    partition: { topic: MAIN, partition: 0 },
  });
  await sleep(clock, SPAN_MS);
  await schedule.stop();
  await Promise.all(restarts);
  await healAll(target, recorder);

  const deadline = clock.monotonic() + DRAIN_MS_MAX + skewAheadMs(plan);
  let probed: Probed | null = null;
  let missing: readonly string[] = [];
  const isDone = async (): Promise<boolean> => {
    missing = ['producers have no answer'];
    if (careful.done < careful.of || hasty.done < hasty.of || !transactions.isOver) return false;
    missing = ['the careful producer was refused'];
    if (careful.refused > 0) return false;
    missing = ['a partition cannot be written to'];
    probed ??= await probe(context);
    if (probed === null) return false;
    missing = ['the cluster does not say how it is'];
    const seen = await operator.look(probed);
    missing = seen.missing;
    if (missing.length > 0) return false;
    for (const at of seen.committed) recorder.note('kit', { type: 'commit', group: GROUP, ...at });
    return true;
  };
  await changes;
  let isDrained = false;
  while (!isDrained && clock.monotonic() < deadline) {
    const late = sleep(clock, deadline - clock.monotonic()).then(() => false);
    isDrained = await Promise.race([isDone().catch(() => false), late]);
    if (isDrained) recorder.note('kit', { type: 'drained' });
    else await sleep(clock, LOOK_MS);
  }
  if (!isDrained) for (const text of missing) recorder.note('kit', { type: 'store', text });
  await noteGoals(context);
  for (const name of ['p1', 'p2', 'c1', 'c2', 'c3', 't1']) if (target.can('crash-app')) target.crashApp(name);
  try {
    const readMsMax = isDrained ? {} : { readMsMax: 5000 };
    await finalRead(target, recorder, [MAIN], { client, mayEndInMarkers: true, ...readMsMax });
    await finalRead(target, recorder, [LEDGER], { client, committedOnly: true, ...readMsMax });
  } catch (error) {
    // What never drained is told by LIVENESS.
    if (isDrained) throw error;
  }
  await operator.close();
}

/** Where the probes lie: by partition of the main topic. */
export type Probed = readonly number[];

/** Everything can be written to again: null when it cannot. */
async function probe({ target, client }: RunContext): Promise<Probed | null> {
  const producer = await target.app('probe').client(client).producer({ acks: -1, lingerMs: 0, requestTimeoutMs: 1000 });
  const places = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: MAIN, partition }));
  const answers = await Promise.all(
    [...places, { topic: LEDGER, partition: 0 }].map((place) =>
      producer.send({ ...place, key: null, value: `probe ${place.topic}-${place.partition}` }),
    ),
  );
  await producer.close();
  const offsets = answers.map((answer) => (answer.outcome === 'ok' ? (answer.offset ?? -1) : -1));
  return offsets.includes(-1) ? null : offsets.slice(0, PARTITIONS);
}

async function noteGoals({ target, recorder }: RunContext): Promise<void> {
  const state = await target.partitionOf(MAIN, 0);
  if ((state?.leaderEpoch ?? 0) > 0) recorder.note('kit', { type: 'reach', goal: GOALS.elected });
}

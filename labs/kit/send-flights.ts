/**
 * Real records into a topic of one partition, each acknowledged before the next is sent: short texts that a timeline can show, each with a number of its own.
 *
 * Invariant: the same input and plan give the same records. No fault touches the producer, so a send that fails is an error of the run.
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import type { AdminDriver } from './drivers/driver.ts';
import { flightsOf, type PlannedFlight } from './flights.ts';
import type { RunContext } from './lab.ts';
import type { PlannedRecord } from './plan.ts';
import type { AppProcess, Target } from './targets/target.ts';

const ATTEMPT_MS = 200;
const ATTEMPTS_MAX = 25;
const IN_SYNC_MS_MAX = 60_000;
const LOOK_MS = 50;

export interface TopicShape {
  readonly configs?: Readonly<Record<string, string>>;
  /** Of each partition; the cluster's default otherwise. */
  readonly replicas?: number;
}

/** A topic that nobody has used: on the user's cluster the one of the last run goes first, and its group offsets with it. */
export async function freshTopic(
  admin: AdminDriver,
  { target }: Pick<RunContext, 'target'>,
  topic: string,
  partitions: number,
  { configs, replicas }: TopicShape = {},
): Promise<void> {
  const make = (): Promise<void> => admin.createTopic(topic, partitions, configs, replicas);
  if (target.kind !== 'external') return make();
  await afterDeletion(admin, target, topic, make);
  // A cluster that is under way tells its nodes one by one.
  for (let partition = 0; partition < partitions; partition++) await whenInSync(target, topic, partition);
}

/** As `freshTopic`, for who makes the topic in a way of their own. */
export async function makeAfresh(
  app: AppProcess,
  target: Target,
  topic: string,
  make: () => Promise<void>,
): Promise<void> {
  if (target.kind !== 'external') return make();
  const admin = await app.client('mqlab').admin();
  await afterDeletion(admin, target, topic, make);
  await admin.close();
}

async function afterDeletion(
  admin: AdminDriver,
  target: Target,
  topic: string,
  make: () => Promise<void>,
): Promise<void> {
  await admin.deleteTopic(topic).catch(() => {});
  for (let attempt = 1; ; attempt++) {
    await sleep(target.clock, ATTEMPT_MS);
    try {
      return await make();
    } catch (error) {
      if (attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

/** Until a partition has a leader, and all its replicas are in sync. */
export async function whenInSync(target: Target, topic: string, partition: number): Promise<void> {
  const { clock } = target;
  const began = clock.monotonic();
  for (;;) {
    const state = await target.partitionOf(topic, partition);
    const isWhole = state !== null && state.inSyncReplicas.length === state.replicas.length;
    if (isWhole && state.leader !== null && state.replicas.length > 0) return;
    if (clock.monotonic() - began > IN_SYNC_MS_MAX) {
      throw new Error(`${topic}-${partition} has not all its replicas in sync after ${IN_SYNC_MS_MAX} ms`);
    }
    await sleep(clock, LOOK_MS);
  }
}

/** Makes the topic and fills it. The admin is the caller's to close. */
export async function sendFlights(
  records: readonly PlannedRecord[],
  context: RunContext,
  topic: string,
): Promise<{ readonly admin: AdminDriver; readonly flights: readonly PlannedFlight[] }> {
  const { target, recorder, client, input } = context;
  const flights = flightsOf(records, input);
  const driver = target.app('p1').client(client);
  const admin = await driver.admin();
  await freshTopic(admin, context, topic, 1);
  const producer = await driver.producer({ acks: -1, lingerMs: 0 });
  for (const { key, value } of flights) {
    const call = recorder.invoke('p1', { type: 'send', topic, key, value });
    const answer = await producer.send({ topic, key, value, partition: 0 });
    if (answer.outcome !== 'ok') throw new Error(`no fault touches the producer, and its send was ${answer.error}`);
    const { partition, offset } = answer;
    recorder.ok(call, { type: 'send', topic, partition, key, value, ...(offset === undefined ? {} : { offset }) });
  }
  await producer.close();
  return { admin, flights };
}

/**
 * One run: records to one or several topics over the same faults, everything healed, a last record, and every topic read whole by a fresh client.
 *
 * Invariant: topics differ in their setup alone: same brokers in the same order, same records at the same times, same faults. A send is not waited for longer than
 * a moment, so that a partition that refuses does not delay the faults; all have ended before the last record is sent.
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import type { ProducerDriver } from '../kit/drivers/driver.ts';
import { finalRead, healAll } from '../kit/finish-run.ts';
import { flightsOf, type PlannedFlight } from '../kit/flights.ts';
import type { RunContext } from '../kit/lab.ts';
import { FaultSchedule } from '../kit/plan.ts';
import { makeAfresh } from '../kit/send-flights.ts';
import type { Target } from '../kit/targets/target.ts';
import { makeTopic, openWriter, type Setup } from './app/writer.ts';
import { LAG_MS, SESSION_MS } from './cluster.ts';
import { type AcksPlan, faultsOf } from './plan.ts';
import { ReplicaWatch } from './replica-watch.ts';

export const GOALS = {
  alone: 'a record was acknowledged while its leader was the only replica in sync',
  elected: 'another leader was elected',
  refused: 'a record had to wait while too few replicas were in sync',
  behind: 'a record was acknowledged that no follower had',
} as const;

/** For an answer, before the next thing happens: time for followers to leave the in-sync replicas. */
const ANSWER_MS = { sim: 2 * LAG_MS, local: 4 * LAG_MS, external: 4 * LAG_MS } as const;
/** Until brokers know what the controller has just decided: faults ask them who is in sync. */
const HEARSAY_MS = 20;
/** After the last record, for elections. */
const SETTLE_MS = 1.3 * SESSION_MS;
/** For what waits to be acknowledged, and for replicas to be in sync again. */
const RECOVERY_MS_MAX = 60_000;
const ASK_MS = 100;

export interface RunOptions {
  /** For an answer, before the next thing happens. */
  readonly answerMs?: number;
  /** After the last record, before everything is healed. */
  readonly settleMs?: number;
  /** Default: yes. Looking takes time, and goals need it. */
  readonly isWatched?: boolean;
}

export interface RunReport {
  /** By topic; empty on real processes. */
  readonly watches: ReadonlyMap<string, ReplicaWatch>;
}

export async function runAcks(
  plan: AcksPlan,
  context: RunContext,
  wanted: readonly Setup[],
  options: RunOptions = {},
): Promise<RunReport> {
  const setups = wanted.map((setup) => onNodesOf(context.target, setup));
  const { target, recorder, client, input } = context;
  const { answerMs = ANSWER_MS[target.kind], settleMs = SETTLE_MS, isWatched = true } = options;
  const app = target.app('p1');
  const driver = app.client(client);
  for (const setup of setups) await makeAfresh(app, target, setup.topic, () => makeTopic(app, target.bootstrap, setup));
  const writers: Writer[] = [];
  for (const setup of setups) {
    const watch = isWatched ? new ReplicaWatch(target, setup.topic, setups.length === 1 ? recorder : null) : null;
    const writer = new Writer(setup, await openWriter(driver, setup), context, watch);
    writers.push(writer);
  }
  await settled(context, setups, SESSION_MS * 10);
  const hasRecords = (): boolean => writers.some((writer) => writer.hasRecords);
  const [first] = setups;
  const schedule = new FaultSchedule(faultsOf(plan), target, recorder, {
    partition: { topic: first!.topic, partition: 0 },
    holds: hasRecords,
  });
  const flights = flightsOf(
    plan.sends.map(() => ({ key: 0 })),
    input,
  );
  for (const [at, { pauseMs }] of plan.sends.entries()) {
    await schedule.step();
    if (pauseMs > 0) await sleep(target.clock, pauseMs);
    await Promise.all(writers.map((writer) => writer.send(flights[at]!, writers.length > 1, answerMs)));
    await sleep(target.clock, HEARSAY_MS);
  }
  await schedule.step();
  await sleep(target.clock, settleMs);
  await schedule.stop();
  await healAll(target, recorder);
  await Promise.race([Promise.all(writers.map((writer) => writer.ended())), sleep(target.clock, RECOVERY_MS_MAX)]);
  await settled(context, setups, RECOVERY_MS_MAX);
  for (const writer of writers) writer.watch?.stop();
  await sendLast(context, setups);
  await finalRead(
    target,
    recorder,
    setups.map(({ topic }) => topic),
    { client },
  );
  return { watches: new Map(writers.flatMap(({ setup, watch }) => (watch === null ? [] : [[setup.topic, watch]]))) };
}

/** The user's cluster numbers its brokers in its own way. */
function onNodesOf({ nodes }: Target, setup: Setup): Setup {
  const brokers = nodes.filter(({ isBroker }) => isBroker);
  return { ...setup, replicas: setup.replicas.map((number) => brokers[number - 1]!.id) };
}

const NOTHING: Pick<ReplicaWatch, 'leader' | 'now'> = { leader: null, now: new Map() };

class Writer {
  readonly setup: Setup;
  readonly watch: ReplicaWatch | null;
  readonly #producer: ProducerDriver;
  readonly #context: RunContext;
  readonly #open = new Set<Promise<void>>();
  #sent = 0;

  constructor(setup: Setup, producer: ProducerDriver, context: RunContext, watch: ReplicaWatch | null) {
    this.setup = setup;
    this.#producer = producer;
    this.#context = context;
    this.watch = watch;
  }

  get hasRecords(): boolean {
    return this.#sent > 0;
  }

  /** Resolves when it is answered, or after a moment. A value is unique: among several topics it names its own. */
  async send({ key, value: text }: PlannedFlight, isOneOfMany: boolean, answerMs: number): Promise<void> {
    const { target, recorder } = this.#context;
    const { topic } = this.setup;
    const value = isOneOfMany ? `${topic} ${text}` : text;
    const call = recorder.invoke('p1', { type: 'send', topic, key, value });
    const sentMs = target.clock.monotonic();
    this.#sent++;
    const ended = this.#producer.send({ topic, key, value, partition: 0 }).then((answer) => {
      this.watch?.look();
      if (answer.outcome !== 'ok') return recorder[answer.outcome](call, answer.error);
      const { partition, offset } = answer;
      recorder.ok(call, { type: 'send', topic, partition, key, value, ...(offset === undefined ? {} : { offset }) });
      this.#noteGoals(offset, target.clock.monotonic() - sentMs);
    });
    this.#open.add(ended);
    void ended.finally(() => this.#open.delete(ended));
    await Promise.race([ended, sleep(target.clock, answerMs)]);
    this.#noteRefusal();
  }

  async ended(): Promise<void> {
    await Promise.all(this.#open);
    await this.#producer.close();
  }

  #noteGoals(offset: number | undefined, waitedMs: number): void {
    const { leader, now } = this.watch ?? NOTHING;
    if (leader === null) return;
    if (leader.view!.leaderEpoch > 0) this.#reach(GOALS.elected);
    if (offset === undefined) return;
    if (leader.inSyncReplicas.length === 1 && waitedMs < SESSION_MS / 2) this.#reach(GOALS.alone);
    const holders = [...now.values()].filter(({ view }) => (view?.logEndOffset ?? 0) > offset);
    if (holders.length <= 1) this.#reach(GOALS.behind);
  }

  #noteRefusal(): void {
    const { leader } = this.watch ?? NOTHING;
    const { minInSync = 1, acks } = this.setup;
    if (acks !== -1 || leader === null || this.#open.size === 0) return;
    if (leader.inSyncReplicas.length < minInSync) this.#reach(GOALS.refused);
  }

  #reach(goal: string): void {
    this.#context.recorder.note('kit', { type: 'reach', goal });
  }
}

/** Until each partition has a leader and all its replicas in sync. */
async function settled({ target }: RunContext, setups: readonly Setup[], msMax: number): Promise<void> {
  const { clock } = target;
  const began = clock.monotonic();
  for (const { topic, replicas } of setups) {
    while (true) {
      const state = await target.partitionOf(topic, 0);
      if (state !== null && state.leader !== null && state.inSyncReplicas.length === replicas.length) break;
      if (clock.monotonic() - began > msMax) throw new Error(`${topic} did not recover in ${msMax} ms`);
      await sleep(clock, ASK_MS);
    }
  }
}

/** What comes after: with it a read that returned it says that what is missing before it is lost, and not late. */
async function sendLast({ target, recorder, client }: RunContext, setups: readonly Setup[]): Promise<void> {
  const producer = await target.app('p2').client(client).producer({ acks: -1, lingerMs: 0 });
  for (const { topic } of setups) {
    const data = { type: 'send', topic, key: 'last', value: `last of ${topic}` } as const;
    const call = recorder.invoke('p2', data);
    const answer = await producer.send({ topic, key: data.key, value: data.value, partition: 0 });
    if (answer.outcome !== 'ok') throw new Error(`all is healed, and the last record was ${answer.error}`);
    const { partition, offset } = answer;
    recorder.ok(call, { ...data, partition, ...(offset === undefined ? {} : { offset }) });
  }
  await producer.close();
}

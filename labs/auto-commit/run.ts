/**
 * One run: departures into a topic, a consumer application that works on them, faults, and at the end the topic read afresh.
 *
 * Invariant: the application knows nothing of the run: it polls, works and commits as it does anywhere. Commits in the history are what the broker stored.
 * A life that was killed makes no effect any more. In the simulator the client has its own defaults (auto commit every 5 s):
 * a unit of work is a second there, since time costs nothing.
 */
import { Consumer } from '@mqlab/core/client/consumer/consumer.ts';
import { sleep } from '@mqlab/core/ports/clock.ts';
import { type CommitWatch, watchCommits } from '../kit/commit-watch.ts';
import type { ConsumerSettings, PolledRecord } from '../kit/drivers/driver.ts';
import { finalRead, healAll } from '../kit/finish-run.ts';
import { flightsOf } from '../kit/flights.ts';
import type { SeenRecord } from '../kit/history.ts';
import type { RunContext } from '../kit/lab.ts';
import { type Fault, FaultSchedule } from '../kit/plan.ts';
import type { AppProcess } from '../kit/targets/target.ts';
import type { CommittingConsumer } from './app/commit-calls.ts';
import type { Pace, Shift } from './app/shift.ts';
import type { CommitPlan } from './plan.ts';

export const TOPIC = 'flights';
export const GROUP = 'departures';

export const GOALS = {
  held: 'ended with records in hand',
  early: 'the broker stored a commit of records without effect',
  again: 'delivered again',
  lostCall: 'a commit call failed',
} as const;

export const BROKER_SETTINGS: Readonly<Record<string, string>> = {
  'group.initial.rebalance.delay.ms': '0',
  'group.min.session.timeout.ms': '100',
  'offsets.topic.num.partitions': '1',
  'offsets.topic.replication.factor': '1',
};

export interface RunPace extends Pace {
  readonly unitMs: number;
  readonly restartMs: number;
  /** Left out: the client's own defaults. */
  readonly client: Pick<ConsumerSettings, 'autoCommitIntervalMs' | 'sessionTimeoutMs' | 'heartbeatIntervalMs'>;
  readonly quietMsMax: number;
}

export const PACES: Readonly<Record<RunContext['target']['kind'], RunPace>> = {
  sim: {
    unitMs: 1000,
    pollMs: 1000,
    restartMs: 100,
    // Auto commit is the default one; a shorter session only brings the next life sooner.
    client: { sessionTimeoutMs: 2000, heartbeatIntervalMs: 600 },
    quietMsMax: 120_000,
  },
  local: {
    unitMs: 60,
    pollMs: 50,
    restartMs: 10,
    client: { autoCommitIntervalMs: 150, sessionTimeoutMs: 800, heartbeatIntervalMs: 200 },
    quietMsMax: 15_000,
  },
  external: {
    unitMs: 60,
    pollMs: 50,
    restartMs: 10,
    client: { autoCommitIntervalMs: 150, sessionTimeoutMs: 6000, heartbeatIntervalMs: 500 },
    quietMsMax: 30_000,
  },
};
export const DRAIN_MS_MAX = 240_000;
const LOOK_MS = 10;

type Driven = (
  consumer: Awaited<ReturnType<ReturnType<AppProcess['client']>['consumer']>>,
  shift: Shift,
  pace: Pace,
) => Promise<void>;
type Calling = (consumer: CommittingConsumer, shift: Shift, pace: Pace) => Promise<void>;

/** `driven` runs on any client; `calling` needs the two commit calls of the own one. */
export type Application =
  | { readonly kind: 'driven'; readonly autoCommit: boolean; readonly main: Driven }
  | { readonly kind: 'calling'; readonly main: Calling };

interface Life {
  readonly app: AppProcess;
  isEnding: boolean;
  /** Polled, and without effect. */
  readonly held: Map<string, SeenRecord>;
}

export async function runAutoCommit(plan: CommitPlan, application: Application, context: RunContext): Promise<void> {
  await new AutoCommitRun(plan, application, context).play();
}

class AutoCommitRun {
  readonly #plan: CommitPlan;
  readonly #application: Application;
  readonly #context: RunContext;
  readonly #pace: RunPace;
  readonly #schedule: FaultSchedule;
  readonly #units = new Map<string, number>();
  readonly #effects = new Set<string>();
  readonly #delivered = new Set<string>();
  #life: Life | null = null;
  #isComing = false;
  #isOver = false;
  #logEnd = 0;
  #committed = 0;

  constructor(plan: CommitPlan, application: Application, context: RunContext) {
    this.#plan = plan;
    this.#application = application;
    this.#context = context;
    this.#pace = PACES[context.target.kind];
    this.#schedule = new FaultSchedule(plan.faults, context.target, context.recorder, {
      holds: () => this.#life !== null && (this.#life.held.size > 0 || this.#committed < this.#delivered.size),
      on: { 'crash-app': () => this.#crash(), 'stop-app': () => this.#stop() },
    });
  }

  async play(): Promise<void> {
    const { target, recorder, client } = this.#context;
    const watch = await this.#sendAll();
    this.#start();
    await this.#until(() => this.#isDone(), this.#pace.quietMsMax);
    await this.#schedule.stop();
    await healAll(target, recorder);
    if (await this.#until(() => this.#isDone(), this.#pace.quietMsMax)) recorder.note('kit', { type: 'drained' });
    this.#isOver = true;
    if (this.#life !== null) target.crashApp('c1');
    await watch.close();
    await finalRead(target, recorder, [TOPIC], { client });
  }

  /** One after the other, so that offsets are beyond doubt; and the reader of the offsets topic, in place before any consumer. */
  async #sendAll(): Promise<CommitWatch> {
    const { target, recorder, client, input } = this.#context;
    const p1 = target.app('p1');
    const driver = p1.client(client);
    const admin = await driver.admin();
    await admin.createTopic(TOPIC, 1);
    await admin.committed(GROUP, TOPIC);
    await admin.close();
    const producer = await driver.producer({ lingerMs: 0 });
    for (const [at, { key, value }] of flightsOf(this.#plan.records, input).entries()) {
      this.#units.set(value, this.#plan.records[at]!.units);
      const call = recorder.invoke('p1', { type: 'send', topic: TOPIC, key, value });
      const answer = await producer.send({ topic: TOPIC, key, value, partition: 0 });
      if (answer.outcome !== 'ok') throw new Error(`no fault touches the producer, and yet: ${answer.error}`);
      const { partition, offset = at } = answer;
      recorder.ok(call, { type: 'send', topic: TOPIC, key, value, partition, offset });
      this.#logEnd = offset + 1;
    }
    await producer.close();
    // A host of its own: no fault of the plan touches it.
    const { ports } = target.app('broker log');
    return watchCommits(ports, target.bootstrap, ({ group, topic, partition, offset }) => {
      if (group !== GROUP || topic !== TOPIC) return;
      recorder.note('broker', { type: 'commit', group, topic, partition, offset });
      this.#committed = Math.max(this.#committed, offset);
      const held = [...(this.#life?.held.values() ?? [])];
      if (held.some((record) => record.offset < offset)) recorder.note('kit', { type: 'reach', goal: GOALS.early });
      this.#step();
    });
  }

  #step(): void {
    if (!this.#isOver) void this.#schedule.step();
  }

  /** All is done with, as far as this application will ever know. */
  #isDone(): boolean {
    const life = this.#life;
    if (life === null || this.#isComing || life.isEnding || life.held.size > 0) return false;
    return this.#effects.size === this.#plan.records.length || this.#committed >= this.#logEnd;
  }

  async #until(isReached: () => boolean, msMax: number): Promise<boolean> {
    const { clock } = this.#context.target;
    const from = clock.monotonic();
    while (!isReached()) {
      if (clock.monotonic() - from > msMax) return false;
      await sleep(clock, LOOK_MS * (this.#pace.unitMs / 60));
    }
    return true;
  }

  #start(): void {
    const { target } = this.#context;
    const app = target.app('c1');
    const life: Life = { app, isEnding: false, held: new Map() };
    this.#life = life;
    this.#isComing = false;
    const shift: Shift = {
      get isEnding() {
        return life.isEnding;
      },
      work: (record) => this.#work(life, record),
    };
    app.spawn(async () => {
      const { main, kind } = this.#application;
      if (kind === 'driven') await main(await this.#driven(life), shift, this.#pace);
      else await main(this.#calling(life), shift, this.#pace);
      // An orderly end: somebody starts it again.
      if (this.#life === life) this.#ended(life);
    });
  }

  async #work(life: Life, record: SeenRecord): Promise<void> {
    const { recorder } = this.#context;
    const { topic, partition, key, value } = record;
    await sleep(life.app.ports.clock, this.#units.get(value)! * this.#pace.unitMs);
    // The process is gone: what its timers would do, nobody does.
    if (!life.app.alive || this.#isOver || this.#life !== life) return new Promise(() => {});
    recorder.note('c1', { type: 'effect', key, value, generation: -1, topic, partition });
    this.#effects.add(value);
    life.held.delete(value);
    this.#step();
  }

  #polled(life: Life, polled: readonly SeenRecord[]): void {
    if (polled.length === 0 || this.#isOver || this.#life !== life) return;
    const records = polled.map(({ topic, partition, offset, key, value }) => ({
      topic,
      partition,
      offset,
      key,
      value,
    }));
    const { recorder } = this.#context;
    recorder.note('c1', { type: 'poll', records });
    for (const record of records) {
      life.held.set(record.value, record);
      if (this.#delivered.has(record.value)) recorder.note('kit', { type: 'reach', goal: GOALS.again });
      this.#delivered.add(record.value);
    }
    this.#step();
  }

  /** Code of a life that is over goes no further. */
  #whileAlive<T>(life: Life, value: T): T | Promise<never> {
    return this.#life === life ? value : new Promise<never>(() => {});
  }

  async #driven(life: Life): ReturnType<ReturnType<AppProcess['client']>['consumer']> {
    const { client } = this.#context;
    const { autoCommit } = this.#application as Application & { kind: 'driven' };
    const { autoCommitIntervalMs, ...session } = this.#pace.client;
    const consumer = await life.app.client(client).consumer({
      group: GROUP,
      topics: [TOPIC],
      fromBeginning: true,
      maxPollRecords: this.#plan.pollRecordsMax,
      ...session,
      // On is every client's default: only off is said.
      ...(autoCommit ? (autoCommitIntervalMs === undefined ? {} : { autoCommitIntervalMs }) : { autoCommit: false }),
    });
    const poll = async (maxWaitMs: number): Promise<readonly PolledRecord[]> => {
      const records = await consumer.poll(maxWaitMs);
      this.#polled(life, records);
      return this.#whileAlive(life, records);
    };
    return { ...consumer, commit: (offsets) => consumer.commit(offsets), close: () => consumer.close(), poll };
  }

  /** The own client itself: in the simulator alone, where a process takes its connections with it. */
  #calling(life: Life): CommittingConsumer {
    const { target, recorder } = this.#context;
    const consumer = new Consumer<string, string>(
      life.app.ports,
      {
        'bootstrap.servers': target.bootstrap,
        'group.id': GROUP,
        'enable.auto.commit': false,
        'auto.offset.reset': 'earliest',
        'max.poll.records': this.#plan.pollRecordsMax,
        'session.timeout.ms': this.#pace.client.sessionTimeoutMs,
        'heartbeat.interval.ms': this.#pace.client.heartbeatIntervalMs,
      },
      { keyDeserializer: (_, data) => data.toString(), valueDeserializer: (_, data) => data.toString() },
    );
    consumer.subscribe([TOPIC]);
    const failed = (): void => {
      recorder.note('kit', { type: 'reach', goal: GOALS.lostCall });
    };
    return {
      poll: async (timeoutMs) => {
        const records = (await consumer.poll(timeoutMs)).map((record) => ({ ...record, value: record.value ?? '' }));
        this.#polled(life, records);
        return this.#whileAlive(life, records);
      },
      commitSync: async (offsets) => {
        const call = recorder.invoke('c1', { type: 'store', text: `commitSync(${offsets?.[0]?.offset ?? ''})` });
        this.#step();
        await this.#whileAlive(life, null);
        try {
          await consumer.commitSync(offsets);
          recorder.ok(call);
        } catch (error) {
          recorder.info(call, (error as Error).message);
          failed();
        }
      },
      commitAsync: () => {
        const call = recorder.invoke('c1', { type: 'store', text: 'commitAsync()' });
        consumer.commitAsync(null, (error) => {
          if (error === null) recorder.ok(call);
          else {
            recorder.info(call, error.kind);
            failed();
          }
          this.#step();
        });
        this.#step();
      },
      close: () => consumer.close(),
    };
  }

  /** kill −9, and a supervisor that starts it again. */
  #crash(): void {
    const { target, recorder } = this.#context;
    const life = this.#life;
    if (life === null) return;
    if (life.held.size > 0) recorder.note('kit', { type: 'reach', goal: GOALS.held });
    recorder.note('c1', { type: 'crash' });
    target.crashApp('c1');
    this.#comeBack();
  }

  /** SIGTERM. */
  #stop(): void {
    if (this.#life !== null) this.#life.isEnding = true;
  }

  #ended(life: Life): void {
    const { target, recorder } = this.#context;
    if (life.held.size > 0) recorder.note('kit', { type: 'reach', goal: GOALS.held });
    recorder.note('c1', { type: 'store', text: 'ended in order' });
    if (life.app.alive) target.crashApp('c1');
    this.#comeBack();
  }

  #comeBack(): void {
    this.#life = null;
    this.#isComing = true;
    const { target } = this.#context;
    target.clock.setTimer(this.#pace.restartMs, () => {
      if (!this.#isOver) this.#start();
    });
  }
}

export type { Fault };

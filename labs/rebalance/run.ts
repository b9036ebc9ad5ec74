/**
 * One run: departures into a topic with two partitions, a group that grows, shrinks, stands still and dies, and the topic read afresh.
 *
 * Invariant: members are real members of a real group, or consumers with partitions by hand where the scenario says so; who owns what is what the client told its
 * application. A revocation is recorded when the application has let go. A life that was killed makes no effect any more.
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import type { CommitOffset, ConsumerDriver, ConsumerSettings } from '../kit/drivers/driver.ts';
import { finalRead, healAll } from '../kit/finish-run.ts';
import { flightsOf } from '../kit/flights.ts';
import type { SeenRecord, TopicPartition } from '../kit/history.ts';
import type { RunContext } from '../kit/lab.ts';
import { type Fault, FaultSchedule } from '../kit/plan.ts';
import type { AppProcess } from '../kit/targets/target.ts';
import type { Application, Shift } from './app/team.ts';
import { PARTITIONS, type RebalancePlan } from './plan.ts';

export const TOPIC = 'flights';
export const GROUP = 'departures';

export const GOALS = {
  moved: 'a partition moved while its records were in hand',
  idle: 'a member without a partition',
  employed: 'an idle member got a partition',
  again: 'delivered again',
  refused: 'a commit was refused',
} as const;

export const BROKER_SETTINGS: Readonly<Record<string, string>> = {
  'group.initial.rebalance.delay.ms': '0',
  'group.min.session.timeout.ms': '100',
  'offsets.topic.num.partitions': '1',
  'offsets.topic.replication.factor': '1',
};

interface Pace {
  readonly unitMs: number;
  readonly restartMs: number;
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly maxPollIntervalMs: number;
  readonly quietMsMax: number;
}

const REAL: Pace = {
  unitMs: 100,
  restartMs: 20,
  sessionTimeoutMs: 4000,
  heartbeatIntervalMs: 100,
  maxPollIntervalMs: 1000,
  quietMsMax: 12_000,
};
export const PACES: Readonly<Record<RunContext['target']['kind'], Pace>> = {
  sim: { ...REAL, sessionTimeoutMs: 500, quietMsMax: 10_000 },
  local: REAL,
  external: { ...REAL, sessionTimeoutMs: 6000 },
};
export const DRAIN_MS_MAX = 60_000;
const LOOK_MS = 20;

export type MakeApplication = (consumer: () => ConsumerDriver, shift: Shift) => Application;

export interface RunSettings {
  readonly application: MakeApplication;
  /** Partitions by hand: a supervisor gives all of them to one consumer, and to another when that one says nothing. */
  readonly byHand?: boolean;
}

interface Life {
  readonly name: string;
  readonly app: AppProcess;
  isEnding: boolean;
  isIdle: boolean;
  polls: number;
  /** Polled, and without effect. */
  readonly held: Map<string, SeenRecord>;
  owns: number;
  /** The last assignment left it without a partition. */
  isWithout: boolean;
  application: Application | null;
}

export async function runRebalance(plan: RebalancePlan, settings: RunSettings, context: RunContext): Promise<void> {
  await new RebalanceRun(plan, settings, context).play();
}

let externalRuns = 0;

class RebalanceRun {
  readonly #plan: RebalancePlan;
  readonly #settings: RunSettings;
  readonly #context: RunContext;
  readonly #pace: Pace;
  readonly #topic: string;
  readonly #group: string;
  readonly #schedule: FaultSchedule;
  readonly #units = new Map<string, number>();
  readonly #effects = new Set<string>();
  readonly #delivered = new Set<string>();
  readonly #lives = new Map<string, Life>();
  readonly #committed = new Map<number, number>();
  readonly #ends = new Map<number, number>();
  readonly #paused = new Set<string>();
  #coming = 0;
  #term = 0;
  #isOver = false;
  #hasHung = false;

  constructor(plan: RebalancePlan, settings: RunSettings, context: RunContext) {
    this.#plan = plan;
    this.#settings = settings;
    this.#context = context;
    this.#pace = PACES[context.target.kind];
    // The user's cluster keeps what earlier runs left behind.
    const own = context.target.kind === 'external' ? `-${process.pid}-${externalRuns++}` : '';
    this.#topic = TOPIC + own;
    this.#group = GROUP + own;
    this.#schedule = new FaultSchedule(plan.faults, context.target, context.recorder, {
      holds: () => [...this.#lives.values()].some((life) => life.held.size > 0),
      on: {
        'crash-app': ({ app }) => this.#crash(app!),
        'pause-app': (fault) => this.#pause(fault),
        rebalance: ({ app }) => this.#joinOrLeave(app!),
      },
    });
  }

  async play(): Promise<void> {
    const { target, recorder, client } = this.#context;
    await this.#sendAll();
    this.#start('c1');
    await this.#until(() => this.#isDone(), this.#pace.quietMsMax);
    await this.#schedule.stop();
    await healAll(target, recorder);
    if (await this.#until(() => this.#isDone(), this.#pace.quietMsMax)) recorder.note('kit', { type: 'drained' });
    this.#isOver = true;
    if (target.can('crash-app')) for (const name of this.#lives.keys()) target.crashApp(name);
    await finalRead(target, recorder, [this.#topic], { client });
  }

  async #sendAll(): Promise<void> {
    const { target, recorder, client, input } = this.#context;
    const driver = target.app('p1').client(client);
    const admin = await driver.admin();
    await admin.createTopic(this.#topic, PARTITIONS);
    await admin.close();
    const producer = await driver.producer({ lingerMs: 0 });
    for (const [at, { key, value }] of flightsOf(this.#plan.records, input).entries()) {
      const { units, partition } = this.#plan.records[at]!;
      this.#units.set(value, units);
      const call = recorder.invoke('p1', { type: 'send', topic: this.#topic, key, value });
      const answer = await producer.send({ topic: this.#topic, key, value, partition });
      if (answer.outcome !== 'ok') throw new Error(`no fault touches the producer, and yet: ${answer.error}`);
      const offset = answer.offset ?? this.#ends.get(partition) ?? 0;
      recorder.ok(call, { type: 'send', topic: this.#topic, key, value, partition, offset });
      this.#ends.set(partition, offset + 1);
    }
    await producer.close();
  }

  #step(): void {
    if (!this.#isOver) void this.#schedule.step();
  }

  #reach(goal: string): void {
    this.#context.recorder.note('kit', { type: 'reach', goal });
  }

  /** Everything is committed, and nobody has anything in hand. */
  #isDone(): boolean {
    if (this.#coming > 0 || this.#paused.size > 0 || this.#lives.size === 0) return false;
    for (const life of this.#lives.values()) {
      // Somebody who has just come may yet get records again.
      if (life.isEnding || !life.isIdle || life.polls < 2 || life.application!.isBusy) return false;
    }
    return [...this.#ends].every(([partition, end]) => (this.#committed.get(partition) ?? 0) >= end);
  }

  async #until(isReached: () => boolean, msMax: number): Promise<boolean> {
    const { clock } = this.#context.target;
    const from = clock.monotonic();
    while (!isReached()) {
      if (clock.monotonic() - from > msMax) return false;
      await sleep(clock, LOOK_MS);
    }
    return true;
  }

  #isCurrent(life: Life): boolean {
    return !this.#isOver && this.#lives.get(life.name) === life;
  }

  #start(name: string): void {
    const { target } = this.#context;
    const app = target.app(name);
    const life: Life = {
      name,
      app,
      isEnding: false,
      isIdle: false,
      polls: 0,
      held: new Map(),
      owns: 0,
      isWithout: false,
      application: null,
    };
    this.#lives.set(name, life);
    const shift: Shift = {
      get isEnding() {
        return life.isEnding;
      },
      work: (record) => this.#work(life, record),
    };
    let consumer: ConsumerDriver | null = null;
    const application = this.#settings.application(() => consumer!, shift);
    life.application = application;
    app.spawn(async () => {
      consumer = this.#watched(
        life,
        await app.client(this.#context.client).consumer(this.#consumerSettings(life, application)),
      );
      if (this.#settings.byHand === true) this.#assigned(life, this.#allPartitions(), ++this.#term);
      await application.run();
      if (!this.#isCurrent(life)) return;
      this.#lives.delete(name);
      if (target.can('crash-app')) target.crashApp(name);
    });
  }

  #allPartitions(): TopicPartition[] {
    return Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: this.#topic, partition }));
  }

  #consumerSettings(life: Life, application: Application): ConsumerSettings {
    const { sessionTimeoutMs, heartbeatIntervalMs, maxPollIntervalMs } = this.#pace;
    const common = {
      group: this.#group,
      fromBeginning: true,
      autoCommit: false,
      maxPollRecords: this.#plan.pollRecordsMax,
    };
    if (this.#settings.byHand === true) return { ...common, partitions: this.#allPartitions() };
    return {
      ...common,
      topics: [this.#topic],
      // An idle fetch of kafkajs holds up its heartbeats: a session shorter than that would end by itself.
      ...(this.#context.client === 'kafkajs' ? {} : { sessionTimeoutMs, heartbeatIntervalMs }),
      maxPollIntervalMs,
      assignor: this.#plan.assignor,
      onAssigned: (partitions, generation) => this.#assigned(life, partitions, generation),
      onRevoked: async (partitions, generation) => {
        if (!this.#isCurrent(life)) return;
        const names = new Set(partitions.map(({ partition }) => partition));
        const inHand = [...life.held.values()].filter(({ partition }) => names.has(partition));
        if (inHand.length > 0) this.#reach(GOALS.moved);
        await application.revoked(partitions);
        if (!this.#isCurrent(life)) return;
        life.owns -= partitions.length;
        for (const { value } of inHand) life.held.delete(value);
        this.#context.recorder.note(life.name, { type: 'revoke', group: this.#group, generation, partitions });
      },
    };
  }

  #assigned(life: Life, partitions: readonly TopicPartition[], generation: number): void {
    if (!this.#isCurrent(life)) return;
    this.#context.recorder.note(life.name, { type: 'assign', group: this.#group, generation, partitions });
    life.owns += partitions.length;
    if (life.owns === 0) this.#reach(GOALS.idle);
    else if (life.isWithout) this.#reach(GOALS.employed);
    life.isWithout = life.owns === 0;
  }

  #watched(life: Life, consumer: ConsumerDriver): ConsumerDriver {
    const { recorder } = this.#context;
    const never = new Promise<never>(() => {});
    return {
      ...consumer,
      get generation() {
        return consumer.generation;
      },
      poll: async (maxWaitMs) => {
        life.isIdle = true;
        const polled = await consumer.poll(maxWaitMs);
        if (!this.#isCurrent(life)) return never;
        life.polls++;
        if (polled.length === 0) return polled;
        life.isIdle = false;
        const records = polled.map(({ topic, partition, offset, key, value }) => ({
          topic,
          partition,
          offset,
          key,
          value,
        }));
        recorder.note(life.name, { type: 'poll', records });
        for (const record of records) {
          life.held.set(record.value, record);
          if (this.#delivered.has(record.value)) this.#reach(GOALS.again);
          this.#delivered.add(record.value);
        }
        this.#step();
        return this.#isCurrent(life) ? polled : never;
      },
      commit: async (offsets) => {
        const { generation } = consumer;
        const calls = offsets.map((at) =>
          recorder.invoke(life.name, { type: 'commit', group: this.#group, generation, ...at }),
        );
        const answer = await consumer.commit(offsets);
        if (!this.#isCurrent(life)) return never;
        for (const call of calls) {
          if (answer.outcome === 'ok') recorder.ok(call);
          else recorder[answer.outcome](call, answer.error);
        }
        if (answer.outcome === 'fail') this.#reach(GOALS.refused);
        if (answer.outcome === 'ok') this.#noteCommitted(offsets);
        return this.#isCurrent(life) ? answer : never;
      },
      close: () => consumer.close(),
    };
  }

  #noteCommitted(offsets: readonly CommitOffset[]): void {
    for (const { partition, offset } of offsets) this.#committed.set(partition, offset);
    this.#step();
  }

  async #work(life: Life, record: SeenRecord): Promise<void> {
    const { topic, partition, key, value } = record;
    const hangUnits = life.name === 'c1' && !this.#hasHung ? (this.#plan.hangUnits ?? 0) : 0;
    if (life.name === 'c1') this.#hasHung = true;
    await sleep(life.app.ports.clock, (this.#units.get(value)! + hangUnits) * this.#pace.unitMs);
    // The process is gone: what its timers would do, nobody does.
    if (!life.app.alive || !this.#isCurrent(life)) return new Promise(() => {});
    this.#context.recorder.note(life.name, { type: 'effect', key, value, generation: -1, topic, partition });
    this.#effects.add(value);
    life.held.delete(value);
    this.#step();
  }

  /** kill −9, and a supervisor that starts it again. */
  #crash(name: string): void {
    const { target, recorder } = this.#context;
    if (!this.#lives.has(name)) return;
    recorder.note(name, { type: 'crash' });
    this.#lives.delete(name);
    target.crashApp(name);
    this.#later(this.#pace.restartMs, () => this.#start(name));
  }

  #pause({ app: name, durationMs = 100 }: Fault): void {
    const { target } = this.#context;
    if (!this.#lives.has(name!) || this.#paused.has(name!)) return;
    this.#paused.add(name!);
    target.pauseApp(name!);
    target.clock.setTimer(durationMs, () => {
      if (this.#isOver) return;
      this.#paused.delete(name!);
      target.resumeApp(name!);
    });
    // By hand: the supervisor hears nothing, and gives the partitions to another one.
    if (this.#settings.byHand === true && !this.#lives.has('c2')) this.#later(0, () => this.#start('c2'));
  }

  #joinOrLeave(name: string): void {
    const life = this.#lives.get(name);
    if (life === undefined) this.#later(0, () => this.#start(name));
    else life.isEnding = true;
  }

  #later(delayMs: number, action: () => void): void {
    this.#coming++;
    this.#context.target.clock.setTimer(delayMs, () => {
      this.#coming--;
      if (!this.#isOver) action();
    });
  }
}

/**
 * One run: departures into a topic, a consumer that makes their effects in a store, a second one when the first stands still, faults between any two
 * steps; at the end the stores and the topic are read afresh.
 *
 * Invariant: redelivery is the broker's own doing. A crash restarts the consumer, which waits for its old session to end; a pause outlasts the
 * session (or not), and the second consumer gets the partition while the first still holds its records. The stores outlive every consumer.
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import type { ProducerDriver } from '../kit/drivers/driver.ts';
import { finalRead, healAll } from '../kit/finish-run.ts';
import { flightsOf } from '../kit/flights.ts';
import type { RunContext } from '../kit/lab.ts';
import { type Fault, FaultSchedule } from '../kit/plan.ts';
import type { AppProcess } from '../kit/targets/target.ts';
import { consume } from './application.ts';
import { type EffectKind, linkConsumer, linkStores } from './links.ts';
import { Member, momentOf, noProgress } from './member.ts';
import type { DedupPlan } from './plan.ts';
import { type OpenStores, openStores } from './stores/open-stores.ts';
import type { DatabaseSession, KeyValueSession } from './stores/store.ts';
import { readFlight, type Strategy } from './strategies/strategy.ts';

export const TOPIC = 'flights';
export const GROUP = 'departures';

/** Small sessions, so that a run is short: a member that says nothing for this long is removed. */
export const SESSION_MS = { sim: 100, local: 500, external: 6000 } as const;
/** Asked for by the lab: Kafka's defaults make every run tens of seconds long and change nothing else. */
export const BROKER_SETTINGS: Readonly<Record<string, string>> = {
  'group.min.session.timeout.ms': '50',
  'group.initial.rebalance.delay.ms': '0',
  'offsets.topic.num.partitions': '1',
  'offsets.topic.replication.factor': '1',
};

/** Virtual time in which everything must be drained; on real processes it is real time. */
export const DRAIN_MS_MAX = 20_000;
const LOOK_MS = 10;

export interface RunSettings {
  readonly strategy: Strategy;
  readonly effect: EffectKind;
  /** The way to consume writes an id beside the effect. */
  readonly usesId: boolean;
}

interface Life {
  readonly app: AppProcess;
  readonly database: DatabaseSession;
  readonly redis: KeyValueSession;
}

export async function runDedup(plan: DedupPlan, settings: RunSettings, context: RunContext): Promise<void> {
  const stores = await openStores(context.target.kind, context.target.clock, settings.strategy.tables, context.options);
  const run = new DedupRun(plan, settings, context, stores);
  try {
    await run.play();
  } finally {
    run.end();
    await stores.database.close();
    await stores.redis.close();
  }
}

class DedupRun {
  readonly #plan: DedupPlan;
  readonly #settings: RunSettings;
  readonly #context: RunContext;
  readonly #stores: OpenStores;
  readonly #members = new Map<string, Member>();
  readonly #lives = new Map<string, Life>();
  readonly #flights: ReturnType<typeof flightsOf>;
  readonly #schedules: FaultSchedule[] = [];
  readonly #sessionMs: number;
  /** Pauses and downtimes of the plan are made for the simulator's sessions. */
  readonly #slower: number;
  #producer: ProducerDriver | null = null;
  #sends = 0;
  #logEnd = 0;
  #committed = 0;
  #comings = 0;
  readonly #polled = new Map<string, Set<string>>();

  constructor(plan: DedupPlan, settings: RunSettings, context: RunContext, stores: OpenStores) {
    this.#plan = plan;
    this.#settings = settings;
    this.#context = context;
    this.#stores = stores;
    this.#flights = flightsOf(plan.records, context.input);
    this.#sessionMs = SESSION_MS[context.target.kind];
    this.#slower = this.#sessionMs / SESSION_MS.sim;
  }

  async play(): Promise<void> {
    const { target, recorder, client } = this.#context;
    const p1 = target.app('p1');
    const driver = p1.client(client);
    const admin = await driver.admin();
    await admin.createTopic(TOPIC, 1);
    this.#producer = await driver.producer({ acks: -1 });
    for (const flight of this.#flights) await this.#send(flight);

    for (const name of ['c1', 'c2']) this.#members.set(name, this.#newMember(name));
    await this.#start(this.#member('c1'));
    const drained = await this.#drain();

    for (const schedule of this.#schedules) await schedule.stop();
    this.#takeDown();
    await healAll(target, recorder);
    if (drained) recorder.note('kit', { type: 'drained' });
    await this.#readStores();
    await finalRead(target, recorder, [TOPIC], { client });
    await admin.close();
  }

  /** Connections of consumers that still live: nothing of this run may reach a store that is closed. */
  end(): void {
    for (const { database, redis } of this.#lives.values()) {
      database.disconnect();
      redis.disconnect();
    }
    this.#lives.clear();
  }

  /** The consumers have done their part: what they would do from here on is not of this run. */
  #takeDown(): void {
    for (const [name] of this.#lives) {
      this.#member(name).app = null;
      this.#context.target.crashApp(name);
    }
    this.end();
  }

  async #send({ key, value }: { readonly key: string; readonly value: string }): Promise<void> {
    const { recorder } = this.#context;
    const call = recorder.invoke('p1', { type: 'send', topic: TOPIC, key, value });
    this.#sends++;
    const answer = await this.#producer!.send({ topic: TOPIC, key, value });
    this.#sends--;
    if (answer.outcome === 'ok') {
      const { partition, offset } = answer;
      recorder.ok(call, {
        type: 'send',
        topic: TOPIC,
        partition,
        key,
        value,
        ...(offset === undefined ? {} : { offset }),
      });
      this.#logEnd++;
    } else throw new Error(`no fault touches the producer, and yet its send came out as ${answer.error}`);
  }

  #newMember(name: string): Member {
    const { target, recorder } = this.#context;
    const faults = this.#plan.faults.filter(({ app }) => app === name);
    const schedule = new FaultSchedule(faults, target, recorder, {
      holds: () => this.#member(name).held.length > 0,
      on: {
        'crash-app': (fault) => this.#crash(this.#member(name), fault),
        'pause-app': (fault) => this.#pause(this.#member(name), fault),
        redeliver: () => this.#resend(this.#member(name)),
      },
    });
    this.#schedules.push(schedule);
    return new Member({ name, clock: target.clock, recorder, schedule, storeMs: this.#plan.storeMs });
  }

  #member(name: string): Member {
    return this.#members.get(name)!;
  }

  async #start(member: Member): Promise<void> {
    this.#comings++;
    const { client, recorder, target } = this.#context;
    const { strategy, effect } = this.#settings;
    const { name } = member;
    const app = target.app(name);
    const [database, redis] = await Promise.all([this.#stores.database.connect(), this.#stores.redis.connect()]);
    this.#lives.set(name, { app, database, redis });
    member.app = app;
    member.isIdle = false;
    member.rounds = 0;
    this.#comings--;
    app.spawn(async () => {
      const assigned =
        (type: 'assign' | 'revoke') =>
        (partitions: readonly { readonly topic: string; readonly partition: number }[], generation: number) => {
          if (partitions.length > 0) recorder.note(name, { type, group: GROUP, generation, partitions });
        };
      const consumer = await app.client(client).consumer({
        group: GROUP,
        topics: [TOPIC],
        fromBeginning: true,
        autoCommit: false,
        maxPollRecords: this.#plan.pollRecords,
        sessionTimeoutMs: this.#sessionMs,
        heartbeatIntervalMs: Math.floor(this.#sessionMs / 4),
        onAssigned: assigned('assign'),
        onRevoked: assigned('revoke'),
      });
      const link = {
        member,
        life: app,
        effect,
        recordOf: (id: string) => this.#flights[Number(id.slice(1))]?.value ?? id,
        generation: () => consumer.generation,
      };
      const linked = linkConsumer(consumer, {
        ...link,
        group: GROUP,
        polled: (flights) => {
          for (const { id } of flights) this.#notePolled(name, id);
        },
        committed: (offset) => {
          this.#committed = Math.max(this.#committed, offset);
        },
      });
      const told: Strategy = {
        ...strategy,
        handle: (flight, stores) => {
          member.progress = noProgress();
          return strategy.handle(flight, stores);
        },
        afterPoll: async (stores) => {
          member.isIdle = false;
          await strategy.afterPoll?.(stores);
          member.rounds++;
        },
      };
      await consume(linked, told, linkStores(database, redis, link));
    });
  }

  #notePolled(name: string, id: string): void {
    const { recorder } = this.#context;
    const by = this.#polled.get(id);
    if (by === undefined) this.#polled.set(id, new Set([name]));
    else {
      recorder.note('kit', { type: 'reach', goal: 'redelivered' });
      by.add(name);
    }
    const other = [...this.#members.values()].find(
      (member) => member.name !== name && member.app !== null && member.held.some((held) => held.id === id),
    );
    if (other !== undefined) recorder.note('kit', { type: 'reach', goal: 'two at once' });
  }

  #moment(what: string, member: Member): void {
    const moment = momentOf(member.progress, this.#settings.usesId);
    this.#context.recorder.note('kit', { type: 'reach', goal: `${what}: ${moment}` });
  }

  /** kill −9, and a supervisor that starts it again after a while. */
  #crash(member: Member, fault: Fault): void {
    const { target, recorder } = this.#context;
    const life = this.#lives.get(member.name);
    // Two faults of one step: the second finds it down.
    if (life === undefined) return;
    this.#moment('crash', member);
    recorder.note(member.name, { type: 'crash' });
    this.#lives.delete(member.name);
    member.app = null;
    member.held = [];
    target.crashApp(member.name);
    life.database.disconnect();
    life.redis.disconnect();
    this.#comings++;
    target.clock.setTimer((fault.durationMs ?? 1) * this.#slower, () => {
      this.#comings--;
      void this.#start(member);
    });
  }

  /** It stands still: a long collection, a stopped virtual machine. A supervisor that sees it starts a second consumer at once. */
  #pause(member: Member, fault: Fault): void {
    const { target } = this.#context;
    if (member.app === null) return;
    this.#moment('pause', member);
    member.isPaused = true;
    const isReal = target.can('pause-app');
    if (isReal) target.pauseApp(member.name);
    else {
      // The target cannot stop a process: its answers wait and its link to the broker is cut instead.
      member.closeGate();
      target.cutLink(member.name);
    }
    target.clock.setTimer((fault.durationMs ?? 1) * this.#slower, () => {
      member.isPaused = false;
      if (isReal) target.resumeApp(member.name);
      else {
        target.healLink(member.name);
        member.openGate();
      }
    });
    const other = this.#member(member.name === 'c1' ? 'c2' : 'c1');
    if (other.app === null && this.#comings === 0) {
      this.#comings++;
      target.clock.setTimer(0, () => {
        this.#comings--;
        void this.#start(other);
      });
    }
  }

  /** The producing application does not trust its first send, and sends the same departure again. */
  #resend(member: Member): void {
    const id = member.held[0]?.id;
    if (id === undefined) return;
    const flight = this.#flights.find(({ key, value }) => readFlight({ key, value }).id === id)!;
    this.#sends++;
    this.#context.target.clock.setTimer(0, () => {
      this.#sends--;
      void this.#send(flight);
    });
  }

  /** Until everything is committed, and every consumer that lives has nothing in hand. */
  async #drain(): Promise<boolean> {
    const { clock } = this.#context.target;
    const deadline = clock.monotonic() + DRAIN_MS_MAX;
    for (;;) {
      const members = [...this.#members.values()];
      const isQuiet =
        this.#comings === 0 &&
        this.#sends === 0 &&
        members.every((member) => !member.isPaused && (member.app === null || (member.isIdle && member.rounds > 0)));
      if (isQuiet && this.#committed >= this.#logEnd) return true;
      if (clock.monotonic() > deadline) return false;
      await sleep(clock, LOOK_MS);
    }
  }

  /** How often each departure's effect stands in the stores, read by connections of their own. */
  async #readStores(): Promise<void> {
    const { recorder } = this.#context;
    const flights = this.#flights.map(readFlight);
    const database = await this.#stores.database.connect();
    const redis = await this.#stores.redis.connect();
    const found = new Map(await this.#settings.strategy.effects({ database, redis }, flights));
    database.disconnect();
    redis.disconnect();
    const counts = flights.map(({ id, text }) => [text, found.get(id) ?? 0] as const);
    recorder.note('kit', { type: 'effects-read', counts });
  }
}

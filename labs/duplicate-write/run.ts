/**
 * One run: an outbox of departures, a process that sends them and is struck by faults, and at the end the log as it is stored: every batch with its producer's id, epoch and sequence, then every
 * record read afresh.
 *
 * Invariant: the outbox and its marks outlive every process, as a database does. A broker is killed as C31 says: when every in-sync replica has the record and nobody has heard of it. Of several
 * brokers it is the leader, and it stays away until another one has answered.
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import type {
  ConsumerDriver,
  OutgoingRecord,
  ProducerDriver,
  SendAnswer,
  TransactionalDriver,
} from '../kit/drivers/driver.ts';
import { leaderAfter, whenSo } from '../kit/failover.ts';
import { finalRead, healAll } from '../kit/finish-run.ts';
import { flightsOf } from '../kit/flights.ts';
import type { Call } from '../kit/history.ts';
import type { RunContext } from '../kit/lab.ts';
import { linkTransactional } from '../kit/linked-clients.ts';
import { Exit, type Life, Members } from '../kit/members.ts';
import type { Fault } from '../kit/plan.ts';
import { freshTopic, whenInSync } from '../kit/send-flights.ts';
import { leaderOf } from '../kit/targets/target.ts';
import { type Hands, type Outbox, POSITION, TOPIC } from './app/hands.ts';
import { IN_OUTBOX, KEEPS } from './checks.ts';
import { BROKER, brokerName, SHAPE } from './cluster.ts';
import { type DuplicatePlan, PROCESS } from './plan.ts';
import { RawLog, type StoredBatch } from './raw-log.ts';
import type { Way } from './ways.ts';

export const BROKER_SETTINGS: Readonly<Record<string, string>> = {
  'group.initial.rebalance.delay.ms': '0',
  'offsets.topic.num.partitions': '1',
  'offsets.topic.replication.factor': '1',
  'transaction.state.log.num.partitions': '1',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
};

/** How long the application waits for an acknowledgement: less than a client needs to try again. */
export const PATIENCE_MS = { sim: 50, local: 60, external: 60 } as const;
export const DRAIN_MS_MAX = 20_000;
/** Durations of the plan last so much longer on real processes: another must have the time to do its part. */
const SLOWER = { sim: 1, local: 2, external: 4 } as const;
const WAIT_MS = { sim: [5000, 5000], local: [6000, 6000], external: [20_000, 20_000] } as const;
/** The same with several brokers, where somebody has to be elected. */
const CLUSTER_WAIT_MS = { sim: [20_000, 20_000], local: [30_000, 30_000], external: [90_000, 60_000] } as const;
const LOOKS_MAX = 40;
const LOOK_MS = 1;
/** For followers to have the record. */
const CLUSTER_LOOKS_MAX = 2000;
const READ_MS = 50;
const STANDBY = 'p2';
export const IS_BACK = 'is back';
export const LEADS = 'leads from here';
const FENCED: ReadonlySet<string> = new Set(['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH']);

export const GOALS = {
  unheard: 'stored, and its answer never heard',
  fenced: 'an older producer of the id was refused',
  both: 'two processes sent at once',
  replaced: 'another leader answered while the old one was away',
} as const;

export async function runDuplicate(plan: DuplicatePlan, context: RunContext, way: Way): Promise<void> {
  await new DuplicateRun(plan, context, way).play();
}

class DuplicateRun {
  readonly #plan: DuplicatePlan;
  readonly #context: RunContext;
  readonly #way: Way;
  readonly #records: readonly OutgoingRecord[];
  readonly #marked = new Set<OutgoingRecord>();
  readonly #log: RawLog;
  #isFinished = false;
  #transactions = 0;

  constructor(plan: DuplicatePlan, context: RunContext, way: Way) {
    this.#plan = plan;
    this.#context = context;
    this.#way = way;
    this.#records = flightsOf(plan.records, context.input).map(({ key, value }) =>
      way.namesPartition ? { topic: TOPIC, partition: 0, key, value } : { topic: TOPIC, key: null, value },
    );
    const { target } = context;
    this.#log = new RawLog(target.app('reader').ports, target.bootstrap, TOPIC, way.partitions);
  }

  async play(): Promise<void> {
    const { target, recorder } = this.#context;
    const admin = await target.app('admin').client('mqlab').admin();
    await freshTopic(admin, this.#context, TOPIC, this.#way.partitions, this.#isCluster ? SHAPE : {});
    await admin.close();
    await this.#whenWhole();
    const members = new Members(this.#context, {
      names: [PROCESS, STANDBY],
      faults: this.#plan.faults,
      inFlightMs: this.#plan.inFlightMs,
      slower: SLOWER[target.kind],
      standbyOf: (name) => (name === PROCESS ? STANDBY : null),
      main: (life) => this.#live(life),
      holds: (life, { kind }) =>
        kind === 'drop-response' || kind === 'kill-broker' ? this.#isSending(life) : life.isBusy,
      on: {
        'drop-response': (life) => this.#dropAnswer(life),
        'kill-broker': (life, fault) => this.#killBroker(life, fault),
      },
    });
    members.start(PROCESS);
    const [quietMs, drainMs] = (this.#isCluster ? CLUSTER_WAIT_MS : WAIT_MS)[target.kind];
    const early = await members.until(() => this.#isFinished, quietMs);
    await members.stopFaults();
    await healAll(target, recorder);
    if (early || (await members.until(() => this.#isFinished, drainMs))) recorder.note('kit', { type: 'drained' });
    members.end();
    this.#noteBoth();
    await this.#whenWhole();
    const keeper = this.#isCluster ? brokerName(target, await leaderOf(target, TOPIC, 0)) : BROKER;
    for (const batch of await this.#log.batches()) this.#noteStored(batch, keeper);
    // The reader is not what is under test.
    await finalRead(target, recorder, [TOPIC], { client: 'mqlab', ...this.#isolation });
    for (const { value } of this.#records)
      recorder.note('kit', { type: 'store', text: `${shortOf(value)} ${IN_OUTBOX}`, value });
    this.#log.close();
  }

  get #isolation(): { readonly committedOnly?: boolean } {
    return this.#way.isTransactional ? { committedOnly: true } : {};
  }

  get #isCluster(): boolean {
    return this.#context.target.nodes.length > 1;
  }

  /** With several brokers: every replica is in sync. */
  async #whenWhole(): Promise<void> {
    if (this.#isCluster) await whenInSync(this.#context.target, TOPIC, 0);
  }

  #reach(goal: string): void {
    this.#context.recorder.note('kit', { type: 'reach', goal });
  }

  #isSending({ name }: Life): boolean {
    return this.#context.recorder.inFlight(({ process, data }) => process === name && data.type === 'send');
  }

  /** The application, with its clients opened and linked. */
  async #live(life: Life): Promise<void> {
    life.isBusy = true;
    const { recorder, client, target } = this.#context;
    const { clock } = life.app.ports;
    const driver = life.app.client(client);
    let producer: ProducerDriver | undefined;
    let transactional: TransactionalDriver | undefined;
    let group: ConsumerDriver | undefined;
    if (this.#way.isTransactional) {
      const opened = await driver.transactional({ transactionalId: 'relay', lingerMs: 0 }).catch((error: Error) => {
        throw new Exit(error.message);
      });
      const nextTransaction = (): string => `tx${this.#transactions++}`;
      transactional = linkTransactional(opened, life, { recorder, group: POSITION, nextTransaction });
      group = await driver.consumer({ group: POSITION, topics: [TOPIC], autoCommit: false });
    } else {
      producer = this.#linkProducer(await driver.producer(this.#way.settings(client)), life);
    }
    const hands: Omit<Hands, 'producer' | 'transactional' | 'group'> = {
      outbox: this.#outboxOf(life),
      inTime: async (answer) => {
        const timeout = sleep(clock, PATIENCE_MS[target.kind]).then(() => null);
        return (await Promise.race([answer, timeout]))?.outcome === 'ok';
      },
      lastWritten: () => this.#lastWritten(life),
      storedPosition: async () => {
        await life.step();
        const admin = await driver.admin();
        const [stored] = await admin.committed(POSITION, TOPIC);
        await admin.close();
        return Math.max(0, stored?.offset ?? 0);
      },
    };
    try {
      await this.#way.main({ ...hands, producer, transactional, group } as Hands);
      // Whatever is still under way belongs to this run.
      await producer?.flush();
      this.#isFinished = true;
    } catch (error) {
      // Another one has the id: it is at work, and this one is not needed any more.
      if (!(error instanceof Exit) || !FENCED.has(error.message)) throw error;
      this.#reach(GOALS.fenced);
    }
    life.isBusy = false;
  }

  /** The kit's link, but for one thing: on real processes a fault strikes before the answer can be there, without a timer's millisecond between. */
  #linkProducer(producer: ProducerDriver, life: Life): ProducerDriver {
    const { recorder, target } = this.#context;
    const inFlightMs = target.kind === 'sim' ? this.#plan.inFlightMs : 0;
    const sendOne = async (record: OutgoingRecord, call: Call): Promise<SendAnswer> => {
      const answer = await producer.send(record);
      const { topic, key, value } = record;
      if (answer.outcome !== 'ok') recorder[answer.outcome](call, answer.error);
      else {
        const { partition, offset } = answer;
        const place = offset === undefined ? { partition } : { partition, offset };
        recorder.ok(call, { type: 'send', topic, key, value, ...place });
      }
      return answer;
    };
    return {
      send: async (record) => {
        await life.step();
        const { topic, key, value } = record;
        const answer = sendOne(record, recorder.invoke(life.name, { type: 'send', topic, key, value }));
        // Nobody looks at it when a fault strikes here.
        answer.catch(() => {});
        if (inFlightMs > 0) await sleep(target.clock, inFlightMs);
        await life.step();
        return answer;
      },
      flush: () => producer.flush(),
      close: () => producer.close(),
    };
  }

  #outboxOf(life: Life): Outbox {
    const { recorder } = this.#context;
    return {
      all: this.#records,
      unmarked: () => this.#records.filter((record) => !this.#marked.has(record)),
      mark: async (record) => {
        await life.step();
        this.#marked.add(record);
        recorder.note(life.name, {
          type: 'store',
          text: `marks ${shortOf(record.value)} as sent`,
          value: record.value,
        });
      },
    };
  }

  async #lastWritten(life: Life): Promise<string | null> {
    const { recorder, client } = this.#context;
    await life.step();
    const driver = life.app.client(client);
    const admin = await driver.admin();
    const [log] = await admin.offsets(TOPIC);
    await admin.close();
    let last: string | null = null;
    if (log !== undefined && log.end > log.start) {
      const partitions = [{ topic: TOPIC, partition: 0 }];
      const consumer = await driver.consumer({ partitions, fromBeginning: true, autoCommit: false });
      await consumer.seek({ topic: TOPIC, partition: 0, offset: log.end - 1 });
      while (last === null) last = (await consumer.poll(READ_MS)).at(0)?.value ?? null;
      await consumer.close();
    }
    const text = last === null ? 'reads back: nothing' : `reads back: ${shortOf(last)} is the last`;
    recorder.note(life.name, { type: 'store', text, ...(last === null ? {} : { value: last }) });
    await life.step();
    return last;
  }

  /** The answer to what is under way is lost; noted when the log has the record by then. */
  async #dropAnswer(life: Life): Promise<void> {
    const isSending = this.#isSending(life);
    this.#context.target.dropNextResponse(life.name);
    if (isSending) await this.#awaitUnheard(life);
  }

  /** The broker dies between the record's replication and its answer. */
  async #killBroker(life: Life, { durationMs = 1 }: Fault): Promise<void> {
    const { target, recorder } = this.#context;
    if (this.#isCluster) return this.#killLeader(life);
    if (this.#isSending(life)) {
      target.dropNextResponse(life.name);
      await this.#awaitUnheard(life);
    }
    await target.killBroker();
    recorder.note(BROKER, { type: 'crash' });
    await sleep(target.clock, durationMs);
    await target.startBroker();
    recorder.note(BROKER, { type: 'store', text: IS_BACK });
  }

  /** The same with the leader of several: its answers go nowhere until it is dead, however long killing it takes. */
  async #killLeader(life: Life): Promise<void> {
    const { target, recorder } = this.#context;
    const leader = await leaderOf(target, TOPIC, 0);
    if (leader === null) return;
    const isSending = this.#isSending(life);
    if (isSending) {
      target.cutLink(life.name, 'to-app', leader);
      await this.#awaitUnheard(life, CLUSTER_LOOKS_MAX);
    }
    await target.killBroker(leader);
    recorder.note(brokerName(target, leader), { type: 'crash' });
    target.breakLink(life.name);
    target.healLink(life.name, leader);
    const next = await leaderAfter(target, TOPIC, 0, leader);
    if (next !== null) {
      recorder.note(brokerName(target, next), { type: 'store', text: LEADS });
      const isWaiting = this.#isSending(life);
      if ((await whenSo(target, () => !this.#isSending(life))) && isWaiting) this.#reach(GOALS.replaced);
    }
    await target.startBroker(leader);
    recorder.note(brokerName(target, leader), { type: 'store', text: IS_BACK });
  }

  async #awaitUnheard(life: Life, looksMax = LOOKS_MAX): Promise<void> {
    const { target, recorder } = this.#context;
    for (let look = 0; look < looksMax && this.#isSending(life); look++) {
      const stored = await this.#log.replicated();
      const heard = recorder.operations.filter(({ phase, data }) => phase === 'ok' && data.type === 'send').length;
      if (stored > heard && this.#isSending(life)) return this.#reach(GOALS.unheard);
      await sleep(target.clock, LOOK_MS);
    }
  }

  /** Whether both processes had a send under way or done. */
  #noteBoth(): void {
    const { operations } = this.#context.recorder;
    const senders = new Set(operations.flatMap(({ data, process }) => (data.type === 'send' ? [process] : [])));
    if (senders.size > 1) this.#reach(GOALS.both);
  }

  #noteStored(batch: StoredBatch, keeper: string): void {
    const { partition, offset, values, end } = batch;
    const what = end ?? values.map(shortOf).join(' ');
    const text = `${KEEPS} ${partition}@${offset}: ${what}, ${headerText(batch)}`;
    const [value] = values;
    this.#context.recorder.note(keeper, { type: 'store', text, ...(value === undefined ? {} : { value }) });
  }
}

/** `v0` of `v0 JFK→LAX 2475 mi`. */
export function shortOf(value: string): string {
  return value.split(' ', 1)[0]!;
}

/** Who wrote a batch, as its header says. */
export function headerText({ producerId, epoch, sequence }: StoredBatch): string {
  if (producerId < 0) return 'no id';
  return `id ${producerId}, epoch ${epoch}${sequence < 0 ? '' : `, seq ${sequence}`}`;
}

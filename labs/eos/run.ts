/**
 * One run: departures, an application that reads, processes and writes while faults strike it, a reader of its results that makes their effects, and at the end
 * everything read afresh.
 *
 * Invariant: an effect is what the reader of the results does, so it depends on what the writer's transactions let be seen and on nothing else. A result carries the number of
 * its attempt: an aborted one and its repetition are two values.
 */

import type { TransactionalDriver } from '../kit/drivers/driver.ts';
import { finalRead, healAll } from '../kit/finish-run.ts';
import type { SeenRecord } from '../kit/history.ts';
import type { RunContext } from '../kit/lab.ts';
import { linkConsumer, linkProducer, linkTransactional } from '../kit/linked-clients.ts';
import { type Life, Members } from '../kit/members.ts';
import { freshTopic, sendFlights } from '../kit/send-flights.ts';
import { consumeResults } from './app/downstream.ts';
import {
  GROUP,
  NOTICES,
  RECEIPTS,
  RESULTS,
  readProcessWrite,
  readProcessWritePlainly,
  SOURCE,
  WorkFailed,
} from './app/read-process-write.ts';
import { type KnownTransaction, Operator } from './operator.ts';
import type { EosPlan } from './plan.ts';
import type { EosSetup } from './setup.ts';

export const SESSION_MS = { sim: 100, local: 500, external: 6000 } as const;
/** Before and after the heal: virtual time; on real processes it is real time. */
const WAIT_MS = { sim: [2000, 3000], local: [3000, 3000], external: [20_000, 20_000] } as const;
export const DRAIN_MS_MAX = 20_000;
/** How often an operator looks, and from what age on a transaction hangs for them. */
const OPERATOR_MS = 200;

export const GOALS = {
  aborted: 'aborted results stand in the log',
  unheard: 'a commit was done and its answer never heard',
  open: 'killed with a transaction open',
  fenced: 'an older producer of the id was refused',
  generation: 'offsets of an older generation were refused',
  late: 'a late commit met the next transaction',
} as const;

export async function runEos(plan: EosPlan, context: RunContext, setup: EosSetup): Promise<void> {
  await new EosRun(plan, context, setup).play();
}

class EosRun {
  readonly #plan: EosPlan;
  readonly #context: RunContext;
  readonly #setup: EosSetup;
  readonly #effects = new Map<string, number>();
  readonly #mails = new Map<string, number>();
  readonly #ids = new Map<Life, string>();
  /** Commits that were asked for, the last two: who the producer was by then. */
  #asked: { readonly transaction: string; readonly known: KnownTransaction }[] = [];
  #operator: Operator | null = null;
  /** Members of an earlier run may still be in the group, on a cluster that outlives it. */
  readonly #group: string;
  #transactions = 0;
  #attempts = 0;
  #lives = 0;
  #isOver = false;

  constructor(plan: EosPlan, context: RunContext, setup: EosSetup) {
    this.#plan = plan;
    this.#context = context;
    this.#setup = setup;
    this.#group = context.target.kind === 'external' ? `${GROUP}-${context.seed}` : GROUP;
  }

  async play(): Promise<void> {
    const { target, recorder, client } = this.#context;
    const { admin, flights } = await sendFlights(this.#plan.records, this.#context, SOURCE);
    await freshTopic(admin, this.#context, RESULTS, 2);
    if (this.#setup.lateRequests || this.#setup.operator) {
      this.#operator = await Operator.connect(target.app('operator').ports, target.bootstrap);
    }
    const members = new Members(this.#context, {
      names: ['c1', 'c2'],
      faults: this.#plan.faults,
      inFlightMs: this.#plan.inFlightMs,
      slower: SESSION_MS[target.kind] / SESSION_MS.sim,
      standbyOf: (name) => (name === 'c1' ? 'c2' : null),
      main: (life) => this.#process(life),
      on: {
        'fail-work': (life) => {
          if (life.transaction !== null) life.failure = new WorkFailed('the work failed');
        },
        'late-request': (life) => this.#commitLate(life),
      },
      holds: (life, { kind }) => {
        if (kind === 'fail-work') return life.transaction !== null;
        if (kind === 'late-request') return life.transaction !== null && this.#earlierThan(life) !== null;
        return life.isBusy;
      },
      ended: (life) => {
        if (life.transaction !== null && !this.#isOver) this.#reach(GOALS.open);
      },
    });
    await this.#startReader();
    members.start('c1');
    if (this.#setup.operator) this.#watch();
    const isDone = async (): Promise<boolean> => {
      // A send with an unknown outcome or a lost one: everything that was sent must come out.
      if (!flights.every(({ value }) => this.#effects.has(value))) return false;
      const [committed] = await admin.committed(this.#group, SOURCE);
      return (committed?.offset ?? 0) >= flights.length;
    };
    const [quietMs, drainMs] = WAIT_MS[target.kind];
    const early = await members.until(isDone, quietMs);
    await members.stopFaults();
    await healAll(target, recorder);
    if (early || (await members.until(isDone, drainMs))) recorder.note('kit', { type: 'drained' });
    this.#isOver = true;
    members.end();
    if (target.can('crash-app')) target.crashApp('d1');
    this.#noteGoals();
    await finalRead(target, recorder, [SOURCE, RESULTS], { client, committedOnly: true });
    await this.#noteAborted();
    const counted = this.#setup.mails ? this.#mails : this.#effects;
    recorder.note('kit', {
      type: 'effects-read',
      counts: flights.map(({ value }) => [value, counted.get(value) ?? 0] as const),
    });
    this.#operator?.close();
    await admin.close();
  }

  #reach(goal: string): void {
    this.#context.recorder.note('kit', { type: 'reach', goal });
  }

  /** The application, with its clients opened and linked. */
  async #process(life: Life): Promise<void> {
    const { target, recorder, client } = this.#context;
    const { setup, transactions } = this.#setup;
    const { name } = life;
    const driver = life.app.client(client);
    const sessionTimeoutMs = SESSION_MS[target.kind];
    const { ids, takeOver } = this.#setup;
    let producer: Promise<TransactionalDriver> | null = null;
    const openOne = (): Promise<TransactionalDriver> => this.#openProducer(life);
    const open = (): Promise<TransactionalDriver> => (producer ??= openOne());
    const opened = await driver.consumer({
      group: this.#group,
      topics: [SOURCE],
      fromBeginning: true,
      autoCommit: false,
      maxPollRecords: this.#plan.pollRecords,
      sessionTimeoutMs,
      heartbeatIntervalMs: Math.floor(sessionTimeoutMs / 4),
      onAssigned: async (partitions) => {
        if (ids !== 'by-partition' || takeOver !== 'before-position' || partitions.length === 0) return;
        producer = openOne();
        await producer;
      },
    });
    const consumer = linkConsumer(opened, life, { recorder, group: this.#group });
    const common = {
      consumer,
      stamp: (kind: string, record: SeenRecord) => `${kind} ${this.#attempts++} of ${record.value}`,
      mail: async (record: SeenRecord) => {
        await life.step();
        const { key, value, topic, partition } = record;
        recorder.note(name, { type: 'effect', key, value, generation: opened.generation, topic, partition });
        this.#mails.set(value, (this.#mails.get(value) ?? 0) + 1);
      },
      lookBack: async () => {},
    };
    if (!transactions) {
      const plain = linkProducer(await driver.producer({ idempotence: true, lingerMs: 0 }), life, recorder);
      return readProcessWritePlainly({ ...common, plain });
    }
    // An id that stands for the process is taken over at its start, before anything is read.
    if (ids !== 'by-partition') await open();
    const lookBack = setup.looksBack ? await this.#looker(life) : common.lookBack;
    return readProcessWrite({ ...common, producer: open, lookBack }, setup);
  }

  async #openProducer(life: Life): Promise<TransactionalDriver> {
    const { recorder, client } = this.#context;
    const transactionalId = this.#idOf(life);
    const { transactionTimeoutMs, transactionVersionMax } = this.#setup;
    const opened = await life.app.client(client).transactional({
      transactionalId,
      lingerMs: 0,
      ...(transactionTimeoutMs === undefined ? {} : { transactionTimeoutMs }),
      ...(transactionVersionMax === undefined ? {} : { transactionVersionMax }),
    });
    return linkTransactional(opened, life, {
      recorder,
      group: this.#group,
      nextTransaction: () => `tx${this.#transactions++}`,
      ending: (transaction, action) => this.#ending(transactionalId, transaction, action),
    });
  }

  #idOf(life: Life): string {
    const known = this.#ids.get(life);
    if (known !== undefined) return known;
    const { ids } = this.#setup;
    const made =
      ids === 'by-partition'
        ? `${this.#group}-partition-0`
        : ids === 'by-process'
          ? `${this.#group}-${life.name}`
          : `${this.#group}-${this.#lives++}`;
    this.#ids.set(life, made);
    return made;
  }

  /** A consumer of the results inside the application. */
  async #looker(life: Life): Promise<() => Promise<void>> {
    const { recorder, client } = this.#context;
    const committedOnly = this.#setup.lookBack === 'read_committed';
    const results = await life.app
      .client(client)
      .consumer({ partitions: PARTITIONS, fromBeginning: true, committedOnly });
    return async () => {
      const records = await results.poll(LOOK_BACK_MS);
      const { transaction } = life;
      recorder.note(life.name, {
        type: 'poll',
        records: records.map(({ headers: _, ...record }) => record),
        committedOnly,
        ...(transaction === null ? {} : { transaction }),
      });
    };
  }

  /** Who reads the results. No fault strikes it. */
  async #startReader(): Promise<void> {
    const { target, recorder, client } = this.#context;
    const committedOnly = this.#setup.reader === 'read_committed';
    const app = target.app('d1');
    app.spawn(async () => {
      const consumer = await app
        .client(client)
        .consumer({ partitions: PARTITIONS, fromBeginning: true, committedOnly });
      const recorded = {
        ...consumer,
        generation: -1,
        poll: async (maxWaitMs: number) => {
          const polled = await consumer.poll(maxWaitMs);
          const records = polled.map(({ headers: _, ...record }) => record);
          if (records.length > 0 && app.alive) recorder.note('d1', { type: 'poll', records, committedOnly });
          return polled;
        },
      };
      const effect = ({ key, value: notice, topic, partition }: SeenRecord): void => {
        if (this.#isOver) return;
        const value = sourceOf(notice);
        if (!this.#setup.mails) recorder.note('d1', { type: 'effect', key, value, generation: -1, topic, partition });
        this.#effects.set(value, (this.#effects.get(value) ?? 0) + 1);
      };
      await consumeResults(recorded, effect, () => this.#isOver || !app.alive);
    });
  }

  async #ending(transactionalId: string, transaction: string, action: 'commit' | 'abort'): Promise<void> {
    if (!this.#setup.lateRequests || action === 'abort') return;
    const known = await this.#operator!.describe(transactionalId);
    if (known !== null) this.#asked = [...this.#asked.slice(-1), { transaction, known }];
  }

  #earlierThan(life: Life): KnownTransaction | null {
    return this.#asked.findLast(({ transaction }) => transaction !== life.transaction)?.known ?? null;
  }

  /** The network kept a copy of an earlier commit, or its connection was slow: it arrives now. */
  async #commitLate(life: Life): Promise<void> {
    const { recorder } = this.#context;
    const known = this.#earlierThan(life);
    if (life.transaction === null || known === null) return;
    const text = `late commit of epoch ${known.producerEpoch} while ${life.transaction} is open`;
    const call = recorder.invoke('old connection', { type: 'store', text });
    const answer = await this.#operator!.commitLate(known, this.#setup.transactionVersionMax === 1);
    if (answer === 'NONE') recorder.ok(call);
    else recorder.fail(call, answer);
    this.#reach(GOALS.late);
  }

  /** An operator who looks for transactions that hang, and ends them. */
  #watch(): void {
    const { clock } = this.#context.target;
    const { recorder } = this.#context;
    const look = async (): Promise<void> => {
      if (this.#isOver) return;
      for (const id of await this.#operator!.openFor(OPERATOR_MS)) {
        recorder.note('operator', { type: 'store', text: `${id} has been open for too long: abort it` });
        await this.#operator!.abort(id);
      }
      if (!this.#isOver) clock.setTimer(OPERATOR_MS, () => void look());
    };
    void look();
  }

  #noteGoals(): void {
    const { operations } = this.#context.recorder;
    const refused = new Set(
      operations.flatMap(({ phase, error }) => (phase === 'fail' && error !== undefined ? [error] : [])),
    );
    if (refused.has('PRODUCER_FENCED') || refused.has('INVALID_PRODUCER_EPOCH')) this.#reach(GOALS.fenced);
    if (refused.has('ILLEGAL_GENERATION') || refused.has('UNKNOWN_MEMBER_ID')) this.#reach(GOALS.generation);
    const ended = new Set(operations.flatMap(({ invoked }) => (invoked === undefined ? [] : [invoked])));
    const unheard = operations.filter(
      ({ index, phase, data }) =>
        phase === 'invoke' && data.type === 'transaction' && data.action === 'commit' && !ended.has(index),
    );
    const seen = new Set(
      operations.flatMap(({ data, process }) =>
        process === 'd1' && data.type === 'poll' ? data.records.map((r) => r.value) : [],
      ),
    );
    const wasDone = unheard.some(({ data }) =>
      operations.some(
        ({ data: sent }) =>
          sent.type === 'send' &&
          data.type === 'transaction' &&
          sent.transaction === data.transaction &&
          seen.has(sent.value),
      ),
    );
    if (wasDone) this.#reach(GOALS.unheard);
  }

  /** Whether the log holds results that a reader of committed ones does not get. */
  async #noteAborted(): Promise<void> {
    const { operations } = this.#context.recorder;
    const read = new Set(
      operations.flatMap(({ data }) =>
        data.type === 'final-read' && data.topic === RESULTS ? data.records.map(({ value }) => value) : [],
      ),
    );
    const written = operations.some(
      ({ data, phase }) => data.type === 'send' && data.topic === RESULTS && phase === 'ok' && !read.has(data.value),
    );
    if (written) this.#reach(GOALS.aborted);
  }
}

const LOOK_BACK_MS = 20;
const PARTITIONS = [
  { topic: RESULTS, partition: NOTICES },
  { topic: RESULTS, partition: RECEIPTS },
];

/** The departure that a result is about. */
export function sourceOf(result: string): string {
  return result.slice(result.indexOf(' of ') + ' of '.length);
}

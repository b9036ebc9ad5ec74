/**
 * The clients of the campaign: each a process of its own that records what it asked for and what it was told, and nothing else.
 *
 * Invariant: what the hasty producer sends is `info` whatever it was told: with acks=1 nobody promised anything. A process that is crashed goes on in its next life where the plan
 * stands, not where it stood itself.
 */
import { sleep } from '@mqlab/core/ports/clock.ts';
import type { ConsumerDriver, TransactionalDriver } from '../../kit/drivers/driver.ts';
import type { Call, Recorder, SendData } from '../../kit/history.ts';
import type { RunContext } from '../../kit/lab.ts';
import type { AppProcess } from '../../kit/targets/target.ts';
import type { AgreementPlan } from './plan.ts';

export const MAIN = 'main';
export const LEDGER = 'ledger';
export const PARTITIONS = 2;
export const GROUP = 'g';
const REQUEST_MS = 1000;
const POLL_MS = 100;
const AGAIN_MS = 100;
const COMMITS_MAX = 5;

interface End {
  readonly outcome: 'ok' | 'fail' | 'info';
  readonly error?: string;
}

function end(recorder: Recorder, call: Call, answer: End): void {
  if (answer.outcome === 'ok') recorder.ok(call);
  else recorder[answer.outcome](call, answer.error ?? '');
}

/** How many of the plan's sends have an answer. */
export interface Progress {
  readonly of: number;
  done: number;
  refused: number;
}

/** Idempotent, acks=all, five in flight, never waits. */
export async function carefulProducer(
  app: AppProcess,
  { recorder, client }: RunContext,
  pauses: readonly number[],
  progress: Progress,
): Promise<void> {
  const producer = await app.client(client).producer({ acks: -1, idempotence: true, requestTimeoutMs: REQUEST_MS });
  for (const [at, pauseMs] of pauses.entries()) {
    const record = { topic: MAIN, key: `k${at % 3}`, value: `v${at}`, partition: at % PARTITIONS };
    const data: SendData = { type: 'send', ...record };
    const call = recorder.invoke(app.name, data);
    void producer.send(record).then((answer) => {
      progress.done++;
      if (answer.outcome !== 'ok') progress.refused++;
      if (answer.outcome !== 'ok') recorder[answer.outcome](call, answer.error);
      else recorder.ok(call, answer.offset === undefined ? data : { ...data, offset: answer.offset });
    });
    await sleep(app.ports.clock, pauseMs);
  }
}

/** acks=1, no retries: its records may stand on the leader alone. */
export async function hastyProducer(
  app: AppProcess,
  { recorder, client }: RunContext,
  pauses: readonly number[],
  progress: Progress,
): Promise<void> {
  const settings = { acks: 1, idempotence: false, retries: 0, requestTimeoutMs: REQUEST_MS } as const;
  const producer = await app.client(client).producer(settings);
  for (const [at, pauseMs] of pauses.entries()) {
    const record = { topic: MAIN, key: `k${at % 3}`, value: `h${at}`, partition: at % PARTITIONS };
    const call = recorder.invoke(app.name, { type: 'send', ...record });
    void producer.send(record).then((answer) => {
      progress.done++;
      recorder.info(call, answer.outcome === 'ok' ? 'acks=1' : answer.error);
    });
    await sleep(app.ports.clock, pauseMs);
  }
}

/** Reads everything, over and over, as its isolation lets it. */
export async function reader(app: AppProcess, { recorder, client }: RunContext, committedOnly: boolean): Promise<void> {
  const partitions = [
    ...Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: MAIN, partition })),
    { topic: LEDGER, partition: 0 },
  ];
  const consumer = await app.client(client).consumer({
    partitions,
    offsetReset: 'earliest',
    autoCommit: false,
    committedOnly,
    requestTimeoutMs: 2 * REQUEST_MS,
  });
  while (app.alive) {
    const records = await consumer.poll(POLL_MS);
    if (records.length > 0) recorder.note(app.name, { type: 'poll', records: plain(records), committedOnly });
  }
}

/** A member of a group: effect, then commit. */
export async function member(app: AppProcess, { recorder, client }: RunContext): Promise<void> {
  const { name } = app;
  const consumer: ConsumerDriver = await app.client(client).consumer({
    group: GROUP,
    topics: [MAIN],
    offsetReset: 'earliest',
    autoCommit: false,
    requestTimeoutMs: 2 * REQUEST_MS,
    sessionTimeoutMs: 1000,
    heartbeatIntervalMs: 200,
    // A JoinGroup that went to a machine without power is waited for as long as this, and five seconds.
    maxPollIntervalMs: 3000,
    onAssigned: (partitions, generation) =>
      recorder.note(name, { type: 'assign', group: GROUP, generation, partitions }),
    onRevoked: (partitions, generation) =>
      recorder.note(name, { type: 'revoke', group: GROUP, generation, partitions }),
  });
  while (app.alive) {
    const records = await consumer.poll(POLL_MS);
    if (records.length === 0) continue;
    recorder.note(name, { type: 'poll', records: plain(records) });
    const next = new Map<number, number>();
    for (const { topic, partition, offset, key, value } of records) {
      recorder.note(name, { type: 'effect', key, value, topic, partition, generation: consumer.generation });
      next.set(partition, offset + 1);
    }
    const offsets = [...next].map(([partition, offset]) => ({ topic: MAIN, partition, offset }));
    const calls = offsets.map((at) => recorder.invoke(name, { type: 'commit', group: GROUP, ...at }));
    const answer = await consumer.commit(offsets);
    for (const call of calls) end(recorder, call, answer);
  }
}

function plain(records: Awaited<ReturnType<ConsumerDriver['poll']>>) {
  return records.map(({ headers: _, ...record }) => record);
}

/** What outlives a life of the transactional process. */
export interface TransactionsDone {
  next: number;
  isOver: boolean;
}

/** Transactions over both topics, one after the other; what cannot be ended is left to the next life of the id. */
export async function transactor(
  app: AppProcess,
  context: RunContext,
  plan: AgreementPlan['transactions'],
  done: TransactionsDone,
): Promise<void> {
  const { clock } = app.ports;
  while (done.next < plan.length) {
    const producer = await app
      .client(context.client)
      .transactional({ transactionalId: 'tx', transactionTimeoutMs: 3000, requestTimeoutMs: REQUEST_MS })
      .catch(() => null);
    if (producer !== null) {
      while (done.next < plan.length) {
        const at = done.next++;
        if (!(await one(app, context, producer, at, plan[at]!))) break;
        await sleep(clock, AGAIN_MS);
      }
      await producer.close();
    }
    await sleep(clock, AGAIN_MS);
  }
  done.isOver = true;
}

/** False when this producer cannot go on. */
async function one(
  app: AppProcess,
  { recorder }: RunContext,
  producer: TransactionalDriver,
  at: number,
  { records, end: wanted }: AgreementPlan['transactions'][number],
): Promise<boolean> {
  const transaction = `x${at}`;
  if ((await producer.begin()).outcome !== 'ok') return false;
  recorder.note(app.name, { type: 'transaction', action: 'begin', transaction });
  const sent = await Promise.all(
    Array.from({ length: records }, async (_, i) => {
      const isLedger = i % 2 === 0;
      const record = { topic: isLedger ? LEDGER : MAIN, partition: 0, key: `k${i}`, value: `${transaction}-${i}` };
      const data: SendData = { type: 'send', ...record, transaction };
      const call = recorder.invoke(app.name, data);
      const answer = await producer.send(record);
      if (answer.outcome !== 'ok') recorder[answer.outcome](call, answer.error);
      else recorder.ok(call, answer.offset === undefined ? data : { ...data, offset: answer.offset });
      return answer.outcome === 'ok';
    }),
  );
  const action = sent.every(Boolean) ? wanted : 'abort';
  const call = recorder.invoke(app.name, { type: 'transaction', action, transaction });
  for (let tries = 1; ; tries++) {
    const answer = await producer[action]();
    // Asked again, a commit says what became of the first one.
    if (answer.outcome === 'info' && tries < COMMITS_MAX) continue;
    end(recorder, call, answer);
    return answer.outcome === 'ok';
  }
}

/**
 * One run: a topic with a short retention, departures sent while the consumer is out, the consumer back, and traffic that goes on until it has a record again.
 *
 * Invariant: the broker's own retention deletes; the kit only looks. The group has a committed offset before anything is sent, so what a consumer does at its start is about an
 * offset that is gone, and not about one that never was. Before the final read retention is switched off, so that what is skipped is not deleted after the fact.
 */
import { Admin } from '@mqlab/core/client/admin/admin.ts';
import { ClientError } from '@mqlab/core/client/client-error.ts';
import { EARLIEST_TIMESTAMP, LATEST_TIMESTAMP } from '@mqlab/core/client/consumer/timestamps.ts';
import { sleep } from '@mqlab/core/ports/clock.ts';
import type { OffsetReset } from '../kit/drivers/driver.ts';
import { finalRead, healAll } from '../kit/finish-run.ts';
import { flightsOf } from '../kit/flights.ts';
import type { RunContext } from '../kit/lab.ts';
import { linkConsumer } from '../kit/linked-clients.ts';
import { Exit, type Life, Members } from '../kit/members.ts';
import { type Bounds, type Departure, GROUP, type Hands, type SourceRow, TOPIC } from './app/hands.ts';
import { CHECK_MS, type ExpiryPlan, RETENTION_BYTES, RETENTION_MS, type Retention } from './plan.ts';

export const SESSION_MS = { sim: 100, local: 500, external: 6000 } as const;
export const BROKER_SETTINGS: Readonly<Record<string, string>> = {
  'group.min.session.timeout.ms': '50',
  'group.initial.rebalance.delay.ms': '0',
  'offsets.topic.num.partitions': '1',
  'offsets.topic.replication.factor': '1',
  'log.retention.check.interval.ms': String(CHECK_MS),
};

export interface Way {
  readonly main: (hands: Hands) => Promise<never>;
  /** Left out: the client's own default, which is `latest` with each of them. */
  readonly reset?: OffsetReset;
  /** Retention is switched off when the consumer is back: what it jumps over stays, and is not taken for expired later. */
  readonly isKept?: boolean;
  /** Between two looks at the log's start. */
  readonly lookMs?: number;
  /** The effect is keyed by the departure's id: the second time it is refused. */
  readonly isUnique?: boolean;
}

/** Between two departures of the traffic that goes on. */
const TRAFFIC_MS = 120;
/** So that searching is quick. */
const LOOK_MS = 2 * CHECK_MS;
/** A supervisor does not start at once what has just ended with an error. */
const RESTART_MS = 200;
const DEPARTURES_MAX = 60;
const DRAIN_MS_MAX = { sim: 4000, local: 20_000, external: 60_000 } as const;

/** On real clocks an outage that is just longer than retention may not be: it is made this much longer. */
const SLACK_MS = { sim: 0, local: 300, external: 300 } as const;

const AT = { topic: TOPIC, partition: 0 } as const;

export function topicConfigs(retention: Retention): Record<string, string> {
  const own: Record<string, string> =
    retention === 'ms'
      ? { 'retention.ms': String(RETENTION_MS) }
      : { 'retention.ms': '-1', 'retention.bytes': String(RETENTION_BYTES) };
  // Every departure a segment of its own, unless two are sent at once.
  return { 'segment.ms': '10', 'file.delete.delay.ms': '0', ...own };
}

export async function runExpiry(plan: ExpiryPlan, context: RunContext, way: Way): Promise<void> {
  const { target, recorder, client, input } = context;
  const { clock } = target;
  const kit = target.app('p1');
  const admin = new Admin(kit.ports, { 'bootstrap.servers': target.bootstrap });
  await admin.createTopics([{ name: TOPIC, partitions: 1, configs: topicConfigs(plan.retention) }]);
  await admin.alterGroupOffsets(GROUP, [{ ...AT, offset: 0 }]);
  recorder.note('kit', { type: 'commit', group: GROUP, ...AT, offset: 0 });
  const producer = await kit.client('mqlab').producer({ acks: -1, lingerMs: 0 });

  const rows: SourceRow[] = [];
  const saved = new Map<string, number>();
  let lastSavedAtMs = clock.now();
  let isOver = false;
  const flights = flightsOf(
    Array.from({ length: DEPARTURES_MAX }, (_, at) => ({ key: plan.departures[at]?.key ?? 0 })),
    input,
  );
  const sendNext = async (): Promise<void> => {
    const { key, value } = flights[rows.length]!;
    const sentAtMs = clock.now();
    const call = recorder.invoke('p1', { type: 'send', topic: TOPIC, key, value });
    const answer = await producer.send({ ...AT, key, value });
    if (answer.outcome !== 'ok') throw new Error(`no fault touches the producer, and its send was ${answer.error}`);
    const offset = answer.offset ?? rows.length;
    recorder.ok(call, { type: 'send', ...AT, key, value, offset });
    rows.push({ key, value, offset, sentAtMs });
  };

  const bounds = async (): Promise<Bounds> => {
    const [offsets, committed] = [await logBounds(admin), await admin.listGroupOffsets(GROUP, [AT])];
    return { ...offsets, committed: [...committed.values()][0]?.offset ?? 0 };
  };

  const main = async (life: Life): Promise<void> => {
    const sessionTimeoutMs = SESSION_MS[target.kind];
    const opened = await life.app.client(client).consumer({
      group: GROUP,
      topics: [TOPIC],
      autoCommit: false,
      maxPollRecords: 1,
      sessionTimeoutMs,
      heartbeatIntervalMs: Math.floor(sessionTimeoutMs / 4),
      ...(way.reset === undefined ? {} : { offsetReset: way.reset }),
    });
    const save = async ({ key, value }: Departure): Promise<void> => {
      await life.step();
      const isNew = way.isUnique !== true || !saved.has(value);
      if (isNew && plan.workMs > 0) await sleep(life.app.ports.clock, plan.workMs);
      await life.goOn();
      lastSavedAtMs = clock.now();
      const times = saved.get(value) ?? 0;
      if (way.isUnique === true && times > 0) {
        recorder.note(life.name, { type: 'store', text: 'it is there already', value });
        return;
      }
      saved.set(value, times + 1);
      recorder.note(life.name, { type: 'effect', key, value, generation: opened.generation, ...AT });
    };
    const read = async (found: readonly SourceRow[], text: string): Promise<readonly SourceRow[]> => {
      await life.step();
      recorder.note(life.name, { type: 'store', text: `${text}: ${found.length}` });
      return found;
    };
    try {
      await way.main({
        consumer: linkConsumer(opened, life, { recorder, group: GROUP }),
        ledger: {
          save,
          get lastSavedAtMs() {
            return lastSavedAtMs;
          },
        },
        source: {
          between: (from, to) => {
            life.isBusy = true;
            const found = rows.filter(({ offset }) => offset >= from && offset < to);
            return read(found, `rows of the source at ${from}…${to - 1}`);
          },
          since: (timeMs) =>
            read(
              rows.filter(({ sentAtMs }) => sentAtMs >= timeMs),
              'rows of the source since then',
            ),
        },
        bounds,
        alarm: (from, to) => recorder.note(life.name, { type: 'alarm', ...AT, from, to }),
      });
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      // Nobody handles it: the process ends.
      await opened.close();
      await sleep(life.app.ports.clock, RESTART_MS);
      throw new Exit(error.kind);
    }
  };
  const members = new Members(context, {
    names: ['c1'],
    faults: plan.faults,
    inFlightMs: 0,
    main,
    slower: SESSION_MS[target.kind] / SESSION_MS.sim,
  });

  const watch = async (): Promise<void> => {
    let known = 0;
    while (!isOver) {
      const { start } = await logBounds(admin);
      if (start > known) {
        const unread = rows.filter(({ offset, value }) => offset >= known && offset < start && !saved.has(value));
        recorder.note('kit', { type: 'expire', ...AT, logStartOffset: start });
        recorder.note('kit', { type: 'fault', kind: 'expire', detail: TOPIC, inFlight: unread.length > 0 });
        known = start;
      }
      await sleep(clock, way.lookMs ?? LOOK_MS);
    }
  };
  const produce = async (): Promise<void> => {
    for (const { gapMs } of plan.departures) {
      await sleep(clock, gapMs);
      await sendNext();
    }
  };
  const keepAll = (): Promise<void> => admin.alterConfigs([{ type: 'topic', name: TOPIC, changes: KEEP }]);
  const watching = watch();
  const producing = produce();
  recorder.note('c1', { type: 'store', text: `out for ${plan.outageMs} ms` });
  await sleep(clock, plan.outageMs + SLACK_MS[target.kind]);
  if (way.isKept === true) await keepAll();
  members.start('c1');
  await producing;
  // Traffic goes on until the consumer has some of it: then it has settled where it reads.
  const first = rows.length;
  const hasSettled = (): boolean => rows.slice(first).some(({ value }) => saved.has(value));
  const deadline = clock.monotonic() + DRAIN_MS_MAX[target.kind];
  while (!hasSettled() && rows.length < flights.length && clock.monotonic() < deadline) {
    await sendNext();
    await sleep(clock, TRAFFIC_MS);
  }
  const end = rows.at(-1)!.offset + 1;
  const drained = await members.until(
    async () => (await bounds()).committed >= end,
    Math.max(0, deadline - clock.monotonic()),
  );
  await members.stopFaults();
  members.end();
  isOver = true;
  await watching;
  await healAll(target, recorder);
  await keepAll();
  if (drained) recorder.note('kit', { type: 'drained' });
  await finalRead(target, recorder, [TOPIC], { client });
  recorder.note('kit', {
    type: 'effects-read',
    counts: rows.map(({ value }) => [value, saved.get(value) ?? 0] as const),
  });
  await producer.close();
  await admin.close();
}

const KEEP = [
  { name: 'retention.ms', operation: 'set', value: '-1' },
  { name: 'retention.bytes', operation: 'set', value: '-1' },
] as const;

async function logBounds(admin: Admin): Promise<{ readonly start: number; readonly end: number }> {
  const at = async (timestamp: number): Promise<number> =>
    [...(await admin.listOffsets([{ ...AT, timestamp }])).values()][0]?.offset ?? 0;
  const start = await at(EARLIEST_TIMESTAMP);
  return { start, end: await at(LATEST_TIMESTAMP) };
}

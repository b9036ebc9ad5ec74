/**
 * One run: departures into a topic, a consumer that makes their effects and is struck by faults, and at the end everything read afresh: the mailbox, the database or
 * the topic of results, whichever the effect is.
 *
 * Invariant: mailbox and database outlive every consumer, and what they hold at the end decides; the history tells how it came about.
 */
import { finalRead, healAll } from '../kit/finish-run.ts';
import type { EffectData, SeenRecord } from '../kit/history.ts';
import type { RunContext } from '../kit/lab.ts';
import { linkConsumer, linkProducer, linkTransactional } from '../kit/linked-clients.ts';
import { type Life, Members } from '../kit/members.ts';
import { freshTopic, sendFlights } from '../kit/send-flights.ts';
import { TABLES } from './app/database.ts';
import { GROUP, type Hands, RESULTS, SOURCE } from './app/hands.ts';
import type { DeliveryPlan } from './plan.ts';
import { LinkedDatabase } from './stores.ts';
import type { EffectPlace, Way } from './ways.ts';

/** Small sessions, so that a run is short: a member that says nothing for this long is removed. */
export const SESSION_MS = { sim: 100, local: 500, external: 6000 } as const;
export const BROKER_SETTINGS: Readonly<Record<string, string>> = {
  'group.min.session.timeout.ms': '50',
  'group.initial.rebalance.delay.ms': '0',
  'offsets.topic.num.partitions': '1',
  'offsets.topic.replication.factor': '1',
  'transaction.state.log.num.partitions': '1',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
};

/** Virtual time; on real processes it is real time. */
export const DRAIN_MS_MAX = 10_000;

export async function runDelivery(plan: DeliveryPlan, context: RunContext, way: Way): Promise<void> {
  const { target, recorder, client } = context;
  const mails = new Map<string, number>();
  const database = way.effect === 'database' ? new LinkedDatabase(TABLES) : null;
  const { admin, flights } = await sendFlights(plan.records, context, SOURCE);
  const writes = way.effect === 'topic' || way.opens.includes('transactional');
  if (writes) await freshTopic(admin, context, RESULTS, 1);
  let transactions = 0;

  const main = async (life: Life): Promise<void> => {
    const driver = life.app.client(client);
    const sessionTimeoutMs = SESSION_MS[target.kind];
    const opened = await driver.consumer({
      ...(database === null ? { group: GROUP, topics: [SOURCE] } : { partitions: [{ topic: SOURCE, partition: 0 }] }),
      fromBeginning: true,
      autoCommit: false,
      maxPollRecords: plan.pollRecords,
      ...(database === null ? { sessionTimeoutMs, heartbeatIntervalMs: Math.floor(sessionTimeoutMs / 4) } : {}),
    });
    const consumer = linkConsumer(opened, life, { recorder, group: GROUP });
    const { name } = life;
    const hands: Partial<Hands> & Pick<Hands, 'consumer' | 'mailbox'> = {
      consumer,
      mailbox: {
        send: async (record) => {
          await life.step();
          recorder.note(name, effectOf(record, opened.generation));
          mails.set(record.value, (mails.get(record.value) ?? 0) + 1);
        },
      },
      ...(way.opens.includes('producer')
        ? { producer: linkProducer(await driver.producer({ idempotence: true, lingerMs: 0 }), life, recorder) }
        : {}),
      ...(way.opens.includes('transactional')
        ? {
            transactional: linkTransactional(
              await driver.transactional({ transactionalId: `${GROUP}-${name}`, lingerMs: 0 }),
              life,
              { recorder, group: GROUP, nextTransaction: () => `tx${transactions++}` },
            ),
          }
        : {}),
      ...(database === null ? {} : { database: database.connect(life, recorder) }),
    };
    await way.main(hands as Hands);
  };
  const members = new Members(context, {
    names: ['c1', 'c2'],
    faults: plan.faults,
    inFlightMs: plan.inFlightMs,
    main,
    slower: SESSION_MS[target.kind] / SESSION_MS.sim,
    // A second one is there for faults that make the first stand still.
    standbyOf: (name) => (name === 'c1' ? 'c2' : null),
    ended: (life) => database?.disconnect(life),
  });
  members.start('c1');
  const end = flights.length;
  const isDone = async (): Promise<boolean> => {
    if (database !== null) return database.position() >= end;
    const [committed] = await admin.committed(GROUP, SOURCE);
    return (committed?.offset ?? 0) >= end;
  };
  const drained = await members.until(isDone, DRAIN_MS_MAX);
  await members.stopFaults();
  members.end();
  await healAll(target, recorder);
  if (drained) recorder.note('kit', { type: 'drained' });
  await finalRead(target, recorder, writes ? [SOURCE, RESULTS] : [SOURCE], { client, committedOnly: true });
  const found = countsOf(way.effect, mails, database, context);
  recorder.note('kit', {
    type: 'effects-read',
    counts: flights.map(({ value }) => [value, found.get(value) ?? 0] as const),
  });
  database?.close();
  await admin.close();
}

function effectOf({ key, value, topic, partition }: SeenRecord, generation: number): EffectData {
  return { type: 'effect', key, value, generation, topic, partition };
}

/** How often each departure has its effect, in the world that counts. */
function countsOf(
  effect: EffectPlace,
  mails: ReadonlyMap<string, number>,
  database: LinkedDatabase | null,
  { recorder }: RunContext,
): ReadonlyMap<string, number> {
  switch (effect) {
    case 'mailbox':
      return mails;
    case 'database':
      return database!.results();
    case 'topic': {
      const counts = new Map<string, number>();
      for (const { data } of recorder.operations) {
        if (data.type !== 'final-read' || data.topic !== RESULTS) continue;
        for (const { value } of data.records) counts.set(value, (counts.get(value) ?? 0) + 1);
      }
      return counts;
    }
  }
}

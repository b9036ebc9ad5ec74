/**
 * What the cure costs: consuming with the error handled, refilling, and a source that notes under which offset the queue took each row.
 *
 * Invariant: the ways take turns on one broker process, after a round that is not counted.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { spreadOf } from '@mqlab/bench/statistics.ts';
import type { Figure, PriceRow } from '@mqlab/reports/run-data.ts';
import type { ClientDriver } from '../../kit/drivers/driver.ts';
import { openDriver } from '../../kit/drivers/open-driver.ts';
import type { FigureContext } from '../../kit/lab.ts';
import type { Target } from '../../kit/targets/target.ts';
import { consumeAndRefill } from '../app/handle-gap.ts';
import { consume, type Hands } from '../app/hands.ts';

const TOPIC = 'departures';
const RECORDS = 6000;
const BATCH = 200;
const ROUNDS = { quick: 3, full: 9 } as const;

class Enough extends Error {}

export async function measurePrice(
  target: Target,
  { input, profile }: FigureContext,
): Promise<{ readonly figures: Record<string, Figure>; readonly price: readonly PriceRow[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'mqlab-expiry-'));
  const driver = openDriver('mqlab', target.app('price').ports, target.bootstrap);
  const admin = await driver.admin();
  const database = new DatabaseSync(join(folder, 'source.db'));
  database.exec('PRAGMA journal_mode = WAL');
  database.exec('CREATE TABLE departures (id INTEGER PRIMARY KEY, airport TEXT, body TEXT, queued_at INTEGER)');
  database.exec('CREATE INDEX by_offset ON departures (queued_at)');
  const insert = database.prepare('INSERT INTO departures (id, airport, body) VALUES (?, ?, ?)');
  database.exec('BEGIN');
  for (let id = 0; id < RECORDS; id++) {
    const { key, value } = input[id % input.length]!;
    insert.run(id, key, value);
  }
  database.exec('COMMIT');
  const samples = { plain: [], noted: [], earliest: [], handled: [], refill: [] } as Record<string, number[]>;
  const rate = async (name: string, counts: boolean, work: () => Promise<void>): Promise<void> => {
    const began = performance.now();
    await work();
    if (counts) samples[name]!.push((RECORDS / (performance.now() - began)) * 1000);
  };
  try {
    for (let round = 0; round <= ROUNDS[profile]; round++) {
      const counts = round > 0;
      await admin.createTopic(`${TOPIC}-${round}`, 1);
      await admin.createTopic(`${TOPIC}-${round}-noted`, 1);
      await rate('plain', counts, () => sendAll(driver, database, `${TOPIC}-${round}`, false));
      await rate('noted', counts, () => sendAll(driver, database, `${TOPIC}-${round}-noted`, true));
      // Both from one topic, and now the one first, now the other.
      const ways = [
        ['earliest', 'earliest'],
        ['handled', 'none'],
      ] as const;
      for (const [name, reset] of round % 2 === 0 ? ways : ways.toReversed()) {
        await rate(name, counts, () => consumeAll(driver, `${TOPIC}-${round}`, reset));
      }
      await rate('refill', counts, async () => {
        const rows = database
          .prepare('SELECT airport, body FROM departures WHERE queued_at >= ? AND queued_at < ?')
          .all(0, RECORDS);
        if (rows.length !== RECORDS) throw new Error(`${rows.length} rows of ${RECORDS}`);
      });
    }
    await admin.close();
  } finally {
    database.close();
    await rm(folder, { recursive: true, force: true });
  }
  const source = `${RECORDS} departures, own client, one partition, local target`;
  const figure = (name: string, more: string): Figure => {
    const { median, min, max, samples: count } = spreadOf(samples[name]!);
    return {
      value: median,
      unit: 'records/s',
      label: 'measured',
      samples: count,
      min,
      max,
      source: `${source}; ${more}`,
    };
  };
  return {
    figures: {
      'rate.plain': figure('plain', 'rows read from SQLite and sent, acknowledged two hundred at a time'),
      'rate.noted': figure('noted', 'the same, and each row is told its offset, a transaction for two hundred'),
      'rate.earliest': figure('earliest', 'auto.offset.reset=earliest'),
      'rate.handled': figure('handled', 'auto.offset.reset=none, the error handled'),
      'rate.refill': figure('refill', 'rows read by offset from SQLite, without their effects'),
    },
    price: [
      { metric: 'sending: rows only → rows that are told their offset', before: 'rate.plain', after: 'rate.noted' },
      { metric: 'consuming: earliest → none, handled', before: 'rate.earliest', after: 'rate.handled' },
      {
        metric: 'a gap: consumed from the log → refilled from the source',
        before: 'rate.earliest',
        after: 'rate.refill',
      },
    ],
  };
}

async function sendAll(driver: ClientDriver, database: DatabaseSync, topic: string, notes: boolean): Promise<void> {
  const producer = await driver.producer({ lingerMs: 0 });
  const select = database.prepare('SELECT id, airport, body FROM departures WHERE id >= ? ORDER BY id LIMIT ?');
  const note = database.prepare('UPDATE departures SET queued_at = ? WHERE id = ?');
  for (let from = 0; from < RECORDS; from += BATCH) {
    const rows = select.all(from, BATCH);
    const answers = await Promise.all(
      rows.map(({ airport, body }) =>
        producer.send({ topic, partition: 0, key: String(airport), value: String(body) }),
      ),
    );
    if (answers.some(({ outcome }) => outcome !== 'ok')) throw new Error('a send failed');
    if (!notes) continue;
    database.exec('BEGIN');
    answers.forEach((answer, at) => {
      if (answer.outcome === 'ok') note.run(answer.offset ?? -1, rows[at]!.id as number);
    });
    database.exec('COMMIT');
  }
  await producer.close();
}

/** The application's own loop over a whole topic, without effects. */
async function consumeAll(driver: ClientDriver, topic: string, reset: 'earliest' | 'none'): Promise<void> {
  const opened = await driver.consumer({
    partitions: [{ topic, partition: 0 }],
    offsetReset: reset,
    autoCommit: false,
  });
  await opened.seek({ topic, partition: 0, offset: 0 });
  let seen = 0;
  const hands = {
    consumer: {
      ...opened,
      poll: async (maxWaitMs: number) => {
        if (seen >= RECORDS) throw new Enough();
        const records = await opened.poll(maxWaitMs);
        seen += records.length;
        return records;
      },
      commit: async () => ({ outcome: 'ok' }),
    },
    ledger: { save: async () => {}, lastSavedAtMs: 0 },
  } as unknown as Hands;
  try {
    await (reset === 'none' ? consumeAndRefill : consume)(hands);
  } catch (error) {
    if (!(error instanceof Enough)) throw error;
  }
  await opened.close();
}

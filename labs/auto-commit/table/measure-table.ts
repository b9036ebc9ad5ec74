/**
 * The truth table, measured: every way of every client library, killed while it has records in hand, and ended in order while it has.
 *
 * Invariant: a cell comes from a real process, a real broker and what both left behind: the committed offset as the broker keeps it, effects by identity. Lost is what
 * lies below the committed offset and has no effect; repeated is what has one and lies above it, and the next consumer gets it again.
 * A cell whose consumer was not struck in the middle of its work says nothing and stays empty.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type AdminDriver, CLIENT_NAMES, type ClientName, type ProducerDriver } from '../../kit/drivers/driver.ts';
import { clientTitle } from '../../kit/drivers/versions.ts';
import { flightsOf } from '../../kit/flights.ts';
import type { InputRecord } from '../../kit/input.ts';
import type { Target } from '../../kit/targets/target.ts';
import type { Duty, MainSettings, Told } from './consumer-main.ts';
import { KCAT, kcatVersion, startKcat } from './kcat.ts';
import { WAYS } from './ways.ts';

export type Strike = 'kill' | 'end';
export const STRIKES: readonly Strike[] = ['kill', 'end'];

export interface Cell {
  readonly lost: number;
  readonly repeated: number;
  readonly effects: number;
}

export interface TableRow {
  readonly short: string;
  readonly client: string;
  readonly title: string;
  readonly settings: string;
  readonly cells: Readonly<Record<Strike, Cell | null>>;
}

const RECORDS = 24;
const WORK_MS = 40;
/** Between two periodic commits, where a way has them. */
export const INTERVAL_MS = 120;
/** From the first work to the strike: a few effects, a few intervals. */
const STRIKE_MS = 320;
/** Past librdkafka's default interval of commits, with work left. */
const KCAT_KILL_MS = 5300;
const KCAT_WORK_MS = 300;
const READY_MS_MAX = 60_000;
const END_MS_MAX = 10_000;

/** One way under one strike: what it told, by offset. */
export interface Post {
  readonly duty: Duty;
  readonly polled: Set<number>;
  readonly effects: Set<number>;
  hasEnded: boolean;
  /** Effects when it was struck: some, and not all. */
  atStrike: number;
}

export async function measureTable(target: Target, input: readonly InputRecord[]): Promise<TableRow[]> {
  const driver = target.app('table').client('mqlab');
  const admin = await driver.admin();
  const producer = await driver.producer({ lingerMs: 0 });
  try {
    const hasKcat = kcatVersion() !== null;
    const posts = new Map<string, Post>();
    const ids = [...WAYS.map(({ id }) => id), ...(hasKcat ? [KCAT.id] : [])];
    await Promise.all(
      ids.flatMap((way) =>
        STRIKES.map(async (strike) => {
          const topic = `${way}-${strike}`;
          posts.set(topic, {
            duty: { way, topic, group: topic },
            polled: new Set(),
            effects: new Set(),
            hasEnded: false,
            atStrike: 0,
          });
          await fill(admin, producer, topic, input);
        }),
      ),
    );
    await Promise.all(
      STRIKES.flatMap((strike) => {
        const crews = CLIENT_NAMES.map((client) => startCrew(target.bootstrap, client, strike, posts));
        return [
          ...crews.map((crew) => strikeCrew(crew, strike, STRIKE_MS)),
          ...(hasKcat ? [strikeKcat(target.bootstrap, strike, posts.get(`${KCAT.id}-${strike}`)!)] : []),
        ];
      }),
    );
    const rows: TableRow[] = [];
    const cellsOf = async (way: string): Promise<TableRow['cells']> => {
      const [kill, end] = await Promise.all(STRIKES.map((strike) => cellOf(admin, posts.get(`${way}-${strike}`)!)));
      return { kill: kill!, end: end! };
    };
    for (const { id, client, short, title, settings } of WAYS) {
      rows.push({ client: clientTitle(client), short, title, settings, cells: await cellsOf(id) });
    }
    if (hasKcat)
      rows.push({
        client: kcatVersion()!,
        short: KCAT.short,
        title: KCAT.title,
        settings: KCAT.settings,
        cells: await cellsOf(KCAT.id),
      });
    return rows;
  } finally {
    await producer.close();
    await admin.close();
  }
}

async function fill(
  admin: AdminDriver,
  producer: ProducerDriver,
  topic: string,
  input: readonly InputRecord[],
): Promise<void> {
  await admin.createTopic(topic, 1);
  const flights = flightsOf(
    Array.from({ length: RECORDS }, (_, key) => ({ key })),
    input,
  );
  const answers = await Promise.all(
    flights.map(({ key, value }) => producer.send({ topic, key, value, partition: 0 })),
  );
  const refused = answers.find(({ outcome }) => outcome !== 'ok');
  if (refused !== undefined) throw new Error(`filling ${topic}: ${JSON.stringify(refused)}`);
}

/** A consumer process and the posts that it holds. */
export interface Crew {
  readonly posts: readonly Post[];
  readonly child: ChildProcess;
  /** Work may begin. */
  go(): void;
  /** SIGTERM, or what stands for it. */
  end(): void;
  kill(): void;
}

function startCrew(bootstrap: string, client: ClientName, strike: Strike, all: ReadonlyMap<string, Post>): Crew {
  const posts = WAYS.filter((row) => row.client === client).map(({ id }) => all.get(`${id}-${strike}`)!);
  const settings: MainSettings = {
    bootstrap,
    client,
    workMs: WORK_MS,
    intervalMs: INTERVAL_MS,
    duties: posts.map(({ duty }) => duty),
  };
  const main = fileURLToPath(new URL('./consumer-main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--no-warnings', main, JSON.stringify(settings)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  createInterface({ input: child.stdout! }).on('line', (line) => {
    // What a killed process had written is in the pipe still: it happened.
    const told = JSON.parse(line) as Told;
    const post = all.get(told.topic)!;
    if (told.type === 'ended') post.hasEnded = true;
    else for (const offset of told.offsets) (told.type === 'polled' ? post.polled : post.effects).add(offset);
  });
  child.stdin!.on('error', () => {});
  return {
    posts,
    child,
    go: () => void child.stdin!.write('go\n'),
    end: () => void child.stdin!.write('end\n'),
    kill: () => void child.kill('SIGKILL'),
  };
}

/** kcat's interval cannot be set from its command line (its flag reaches the topic's setting of that name), so its kill waits for the default one. */
function strikeKcat(bootstrap: string, strike: Strike, post: Post): Promise<void> {
  const isKill = strike === 'kill';
  return strikeCrew(
    startKcat(bootstrap, post, isKill ? KCAT_WORK_MS : WORK_MS),
    strike,
    isKill ? KCAT_KILL_MS : STRIKE_MS,
  );
}

async function strikeCrew({ posts, child, go, end, kill }: Crew, strike: Strike, afterMs: number): Promise<void> {
  const closed = once(child, 'close');
  const who = posts.map(({ duty }) => duty.topic).join(', ');
  const count = (): void => {
    for (const post of posts) post.atStrike = post.effects.size;
  };
  try {
    await until(() => posts.every(({ polled }) => polled.size > 0), READY_MS_MAX, `${who}: no records`);
    go();
    await sleep(afterMs);
    if (strike === 'end') {
      count();
      end();
      await until(() => posts.every(({ hasEnded }) => hasEnded), END_MS_MAX, `${who}: no end`);
    }
  } finally {
    kill();
  }
  await closed;
  if (strike === 'kill') count();
}

async function until(isReached: () => boolean, msMax: number, what: string): Promise<void> {
  const from = performance.now();
  while (!isReached()) {
    if (performance.now() - from > msMax) throw new Error(`${what} in ${msMax} ms`);
    await sleep(5);
  }
}

async function cellOf(admin: AdminDriver, { duty, effects, atStrike }: Post): Promise<Cell | null> {
  if (atStrike === 0 || atStrike >= RECORDS) return null;
  const [at] = await admin.committed(duty.group, duty.topic);
  const committed = at?.offset ?? 0;
  const offsets = Array.from({ length: RECORDS }, (_, offset) => offset);
  return {
    lost: offsets.filter((offset) => offset < committed && !effects.has(offset)).length,
    repeated: offsets.filter((offset) => offset >= committed && effects.has(offset)).length,
    effects: effects.size,
  };
}

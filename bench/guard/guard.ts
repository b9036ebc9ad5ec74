/**
 * The regression guard: the broker of this checkout and that of another revision, the same load in interleaved pairs, ratios out (above 1: this checkout is better).
 *
 * Both brokers are driven by this checkout's client, so that only brokers differ. One row is another: 100 byte records by the own client, where each revision brings its
 * client too (a revision from before `peers/kafka-driver.ts` has none that can be driven; the row then says that it is this checkout's on both sides).
 *
 * Left to others: what a ratio means. A machine that does something else shows in the range.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Session, type System } from '../compare/session.ts';
import { inRound } from '../load/interleave.ts';
import { type Payload, randomTextPayload } from '../load/payload.ts';
import { drainPeer, loadPeer, type PeerLoadSetting } from '../load/peer-load.ts';
import { mqlabPeer } from '../peers/mqlab/mqlab.ts';
import { type Spread, spreadOf } from '../statistics.ts';
import { checkOut, type Revision } from './revision.ts';

export { resolveRevision } from './revision.ts';

export interface GuardOptions {
  readonly commit: string;
  readonly pairs: number;
  readonly measureMs: number;
  readonly progress: (text: string) => void;
}

export interface GuardRatio {
  readonly what: string;
  readonly ratio: Spread;
}

interface Figure {
  readonly value: number;
  readonly betterIs: 'higher' | 'lower';
}

/** What one broker did in one round. */
export type Round = Readonly<Record<string, Figure>>;

const SEED = 20_260_107;
const RATE = 10_000;
const DRAIN_BYTES_MAX = 500_000_000;
const OWN_CLIENT = 'produce 100 B, records/s';

export async function runGuard(options: GuardOptions): Promise<GuardRatio[]> {
  const { commit, pairs, measureMs, progress } = options;
  progress(`checking out ${commit.slice(0, 10)}`);
  const revision = checkOut(commit);
  const sessions: Session[] = [];
  try {
    const here = system('here', fileURLToPath(import.meta.resolve('@mqlab/core/cli/mqlab.js')));
    const there = system('there', join(revision.directory, 'core/cli/mqlab.js'));
    for (const each of [here, there])
      for (const flushBeforeAck of [false, true]) sessions.push(await Session.open(each, flushBeforeAck));
    const drivers = driversOf(revision);
    const rounds: { here: Round; there: Round }[] = [];
    // Round −1 is the warm-up.
    for (let pair = -1; pair < pairs; pair++) {
      const found = new Map<string, Round>();
      for (const at of inRound([0, 1] as const, Math.abs(pair))) {
        const [session, flushing] = [sessions[2 * at]!, sessions[2 * at + 1]!];
        const { name } = session.system.peer;
        progress(`${name}, ${pair < 0 ? 'warm-up' : `pair ${pair + 1} of ${pairs}`}`);
        found.set(name, {
          ...(await oneRound(session, drivers[at], measureMs)),
          ...(await flushRound(flushing, measureMs)),
        });
      }
      if (pair >= 0) rounds.push({ here: found.get('here')!, there: found.get('there')! });
    }
    return ratiosOf(rounds).map((each) =>
      each.what === OWN_CLIENT
        ? { ...each, what: `${OWN_CLIENT}, ${drivers[1] === undefined ? 'this client on both' : 'own client each'}` }
        : each,
    );
  } finally {
    for (const session of sessions) await session.close();
    revision.remove();
  }
}

/** Pair by pair, and such that above 1 is better. Pure. */
export function ratiosOf(rounds: readonly { readonly here: Round; readonly there: Round }[]): GuardRatio[] {
  return Object.keys(rounds[0]?.here ?? {}).map((what) => ({
    what,
    ratio: spreadOf(
      rounds.map(({ here, there }) => {
        const [ours, theirs] = [here[what]!, there[what]!];
        return ours.betterIs === 'higher' ? ours.value / theirs.value : theirs.value / ours.value;
      }),
    ),
  }));
}

function system(name: string, launcher: string): System {
  return { peer: mqlabPeer({ name, title: name, version: name, launcher }), version: name };
}

/** Of here and of there; undefined where the revision has none. */
function driversOf({ directory }: Revision): readonly [URL, URL | undefined] {
  const path = 'bench/peers/kafka-driver.ts';
  const there = join(directory, path);
  const here = new URL('../peers/kafka-driver.ts', import.meta.url);
  return existsSync(there) ? [here, pathToFileURL(there)] : [here, undefined];
}

interface Run {
  readonly session: Session;
  readonly setting: Omit<PeerLoadSetting, 'topics'>;
  readonly payload: Payload;
  readonly driver?: URL | undefined;
  readonly partitions?: number;
  readonly drain?: boolean;
}

const BASE = {
  keys: 'none',
  acks: '1',
  batchBytes: 65_536,
  lingerMs: 5,
  outstandingBytesMax: 8 * 1024 * 1024,
  warmupMs: 300,
  drainMsMax: 3_000,
  producers: 1,
  consumers: 0,
  recordsPerSecond: 'max',
} as const;

/** Into a topic of its own, which is gone afterwards. */
async function run({ session, setting, payload, driver, partitions = 1, drain = false }: Run) {
  const topics = await session.newTopics(1, partitions);
  const target = { ...session.target, driver: driver ?? session.system.peer.driver };
  try {
    const produced = await loadPeer(target, { ...setting, topics }, payload);
    if (produced.failed > 0) throw new Error(`${produced.failed} records failed: ${produced.failure}`);
    if (!drain) return { produced, drained: null };
    const wanted = Math.min(produced.recordsSent, Math.floor(DRAIN_BYTES_MAX / 1024));
    return { produced, drained: await drainPeer(session.target, topics, 1, wanted) };
  } finally {
    await session.dropTopics(topics);
  }
}

async function oneRound(session: Session, driver: URL | undefined, measureMs: number): Promise<Round> {
  const payload = randomTextPayload(1024, SEED);
  const base = { ...BASE, measureMs };
  const large = await run({ session, setting: base, payload, drain: true });
  const tiny = await run({ session, setting: base, payload: randomTextPayload(100, SEED), driver });
  const steady = { ...base, lingerMs: 0, consumers: 1, recordsPerSecond: RATE };
  const paced = await run({ session, setting: steady, payload });
  const endToEnd = paced.produced.endToEnd;
  if (endToEnd === null) throw new Error('no record came through');
  return measuredOnly({
    'produce 1 KiB, MB/s': higher(large.produced.bytesPerSecond),
    'produce 1 KiB, processor time per GB': lower(large.produced.cpuSecondsPerGb),
    'fetch 1 KiB, MB/s': higher(large.drained!.bytesPerSecond),
    'fetch 1 KiB, processor time per GB': lower(large.drained!.cpuSecondsPerGb),
    [OWN_CLIENT]: higher(tiny.produced.recordsPerSecond),
    'end to end p50 at 10,000/s': lower(endToEnd.p50Ms),
    'end to end p99 at 10,000/s': lower(endToEnd.p99Ms),
  });
}

/** Requests that wait for the device, several in flight on each connection. */
async function flushRound(session: Session, measureMs: number): Promise<Round> {
  const setting = { ...BASE, measureMs, acks: 'all', batchBytes: 16_384, lingerMs: 0, producers: 4 } as const;
  const { produced } = await run({ session, setting, payload: randomTextPayload(1024, SEED), partitions: 4 });
  return measuredOnly({
    'flush before ack, records/s': higher(produced.recordsPerSecond),
    'flush before ack, processor time per GB': lower(produced.cpuSecondsPerGb),
  });
}

function higher(value: number): Figure {
  return { value, betterIs: 'higher' };
}

function lower(value: number | null): Figure {
  return { value: value ?? Number.NaN, betterIs: 'lower' };
}

/** Where there is no /proc there are no processor times. */
function measuredOnly(round: Round): Round {
  return Object.fromEntries(Object.entries(round).filter(([, { value }]) => Number.isFinite(value)));
}

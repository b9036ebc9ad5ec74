/**
 * The same load over few and many topics: one server with all of them, a few records in every partition; the windows of the sizes take turns, up and down, so that what befalls
 * a run in the course of its time befalls all sizes alike.
 *
 * Why not a server for each size: they would share the memory, and Kafka's index files alone fill the page cache (two a partition, 10 MiB of holes each, which the system
 * reads ahead). With three servers Kafka wrote 6 MB/s over 256 topics, with one more than 200. Why not topics that become more: the later sizes alone would meet what the
 * earlier ones have left behind.
 *
 * Invariant: what fails, or takes too long, ends the server. Where topics cannot be made, that size and all larger ones say so, and a new server has the smaller ones. Where a
 * window fails, the windows that were taken stand, and every size that has not all of its own says why.
 */
import { Session, type System } from '@mqlab/bench/compare/session.ts';
import { inRound } from '@mqlab/bench/load/interleave.ts';
import { forgetSegments } from '@mqlab/bench/load/page-cache.ts';
import type { PeerLoadResult } from '@mqlab/bench/load/peer-load.ts';
import type { PeerTopic } from '@mqlab/bench/peers/peer.ts';
import { within } from './bound.ts';
import { killAll } from './crash.ts';
import { type LoadTimes, loadTopics } from './load.ts';
import { PARTITIONS, type TopicsMeasured } from './measured.ts';

export interface TopicsPlan {
  /** Numbers of topics, the fewest first. */
  readonly sizes: readonly number[];
  /** Windows of each size. */
  readonly rounds: number;
  readonly window: LoadTimes;
  /** At each size, when its topics are made. */
  readonly warmupMs: number;
  /** For the start of the server, and again for the making and warming of each size: thousands of queues may take one minutes. */
  readonly readyMsMax: number;
  /** Of a window, with what goes before and after it. */
  readonly windowMsMax: number;
  /** Before each window all that was written goes to the device and leaves the page cache; not worth it where little is written. */
  readonly forgets: boolean;
}

/** A server may refuse records when it is busy: only those that it confirmed are in the rate. */
export type Window = Pick<PeerLoadResult, 'recordsPerSecond' | 'failed' | 'failure'>;

export interface Place {
  /** Until there are so many topics, and what a partition costs once is paid. */
  make(topics: number): Promise<void>;
  /** Over the first so many topics. */
  window(topics: number): Promise<Window>;
  close(): Promise<void>;
}

type Bounds = Pick<TopicsPlan, 'sizes' | 'rounds' | 'readyMsMax' | 'windowMsMax'>;

/** Never rejects: what went wrong is in `missed`. */
export async function measureTopics(
  plan: Bounds,
  open: () => Promise<Place>,
  progress: (text: string) => void,
): Promise<TopicsMeasured[]> {
  const missed = new Map<number, string>();
  const windows = new Map<number, Window[]>();
  let place: Place | null = null;
  while (place === null && missed.size < plan.sizes.length) place = await made(plan, open, missed, progress);
  if (place !== null) {
    const sizes = plan.sizes.filter((size) => !missed.has(size));
    await takeTurns({ ...plan, sizes }, place, windows, missed, progress);
    await closed(place);
  }
  return plan.sizes.map((topics) => {
    const taken = windows.get(topics) ?? [];
    return {
      topics,
      recordsPerSecond: taken.map((window) => window.recordsPerSecond),
      missed: missed.get(topics) ?? null,
      failed: failedOf(taken),
    };
  });
}

/** A server with the topics of all sizes that have not been missed; null when one was missed now. */
async function made(
  plan: Bounds,
  open: () => Promise<Place>,
  missed: Map<number, string>,
  progress: (text: string) => void,
): Promise<Place | null> {
  let place: Place | null = null;
  for (const topics of plan.sizes) {
    if (missed.has(topics)) break;
    try {
      place ??= await opened(open, plan.readyMsMax);
      progress(`making ${topics} topics`);
      await within(plan.readyMsMax, place.make(topics), `not ready in ${plan.readyMsMax / 1000} s`);
    } catch (error) {
      const why = reason(error);
      for (const size of plan.sizes) if (size > topics) missed.set(size, `fell out at ${topics} topics: ${why}`);
      missed.set(topics, why);
      await closed(place);
      return null;
    }
  }
  return place;
}

/** Ends with the first window that fails. */
async function takeTurns(
  { sizes, rounds, windowMsMax }: Bounds,
  place: Place,
  windows: Map<number, Window[]>,
  missed: Map<number, string>,
  progress: (text: string) => void,
): Promise<void> {
  for (const size of sizes) windows.set(size, []);
  for (let round = 0; round < rounds; round++)
    for (const topics of inRound(sizes, round)) {
      progress(`${topics} topics, window ${round + 1}`);
      try {
        windows.get(topics)!.push(await within(windowMsMax, place.window(topics)));
      } catch (error) {
        const why = reason(error);
        for (const size of sizes)
          if (windows.get(size)!.length < rounds)
            missed.set(size, size === topics ? why : `ended with a window over ${topics} topics: ${why}`);
        return;
      }
    }
}

function reason(error: unknown): string {
  return (error as Error).message.split('\n')[0]!;
}

/** Whatever the server says at its end: the windows that were taken stand. */
async function closed(place: Place | null): Promise<void> {
  await place?.close().catch(() => {});
}

function failedOf(windows: readonly Window[]): TopicsMeasured['failed'] {
  const records = windows.reduce((sum, { failed }) => sum + failed, 0);
  const first = windows.find(({ failed }) => failed > 0);
  return first === undefined ? null : { records, why: first.failure ?? 'no reason given' };
}

async function opened(open: () => Promise<Place>, msMax: number): Promise<Place> {
  const opening = open();
  try {
    return await within(msMax, opening, `did not start in ${msMax / 1000} s`);
  } catch (error) {
    // One that starts after all must not stay.
    opening.then((place) => place.close()).catch(() => {});
    throw error;
  }
}

/** A server of the system's own. */
export async function openPlace(system: System, plan: TopicsPlan): Promise<Place> {
  const session = await Session.open(system, false);
  const topics: PeerTopic[] = [];
  return {
    make: async (count) => {
      const made = await session.newTopics(count - topics.length, PARTITIONS);
      await session.touch(made);
      topics.push(...made);
      await loadTopics(session, topics, 'max', { warmupMs: 0, measureMs: plan.warmupMs });
    },
    window: async (count) => {
      if (plan.forgets) await forgetSegments(session.dataDir);
      return loadTopics(session, topics.slice(0, count), 'max', plan.window);
    },
    close: () => {
      // Its data go with it: a clean end would be a flush of each partition.
      killAll(session.running.pids);
      return session.close();
    },
  };
}

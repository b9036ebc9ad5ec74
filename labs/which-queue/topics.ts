/**
 * The same load over few and many topics: a server of the system for each size, all of them running, their topics made and every partition with a few records in it;
 * then rounds in which the sizes take turns, up and down.
 *
 * Why a server for each size: thousands of partitions that rest are no part of what a few cost, and making them anew for each window would take longer than all windows.
 *
 * Invariants: one server is under load at a time. A size that fails, or takes too long, ends with its server and says why; the others go on.
 */
import { Session, type System } from '@mqlab/bench/compare/session.ts';
import { inRound } from '@mqlab/bench/load/interleave.ts';
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
  /** Of each server, before the rounds. */
  readonly serverWarmupMs: number;
  /** From the first server's start until all of a system are warm: making thousands of queues may take one minutes. */
  readonly readyMsMax: number;
  /** Of a window, with what goes before and after it. */
  readonly windowMsMax: number;
}

/** One size: a server with its topics. */
export interface Place {
  /** Until its topics are there and what a partition costs once is paid. */
  prepare(): Promise<void>;
  /** Confirmed records a second. */
  window(): Promise<number>;
  close(): Promise<void>;
}

interface Size {
  readonly topics: number;
  readonly recordsPerSecond: number[];
  place: Place | null;
  missed: string | null;
}

type Bounds = Pick<TopicsPlan, 'sizes' | 'rounds' | 'readyMsMax' | 'windowMsMax'>;

/** Never rejects: what went wrong is in `missed`. */
export async function measureTopics(
  plan: Bounds,
  open: (topics: number) => Promise<Place>,
  progress: (text: string) => void,
): Promise<TopicsMeasured[]> {
  const sizes = plan.sizes.map((topics): Size => ({ topics, recordsPerSecond: [], place: null, missed: null }));
  try {
    const readyByMs = performance.now() + plan.readyMsMax;
    for (const size of sizes) {
      progress(`making ${size.topics} topics`);
      await guarded(size, () => ready(size, open, readyByMs, plan.readyMsMax));
    }
    for (let round = 0; round < plan.rounds; round++)
      for (const size of inRound(sizes, round)) {
        const { place } = size;
        if (place === null) continue;
        progress(`${size.topics} topics, round ${round + 1}`);
        await guarded(size, async () => {
          size.recordsPerSecond.push(await within(plan.windowMsMax, place.window()));
        });
      }
  } finally {
    for (const size of sizes) await end(size);
  }
  return sizes.map(({ topics, recordsPerSecond, missed }) => ({ topics, recordsPerSecond, missed }));
}

async function ready(
  size: Size,
  open: (topics: number) => Promise<Place>,
  readyByMs: number,
  readyMsMax: number,
): Promise<void> {
  const leftMs = (): number => Math.max(0, readyByMs - performance.now());
  const late = `not ready ${readyMsMax / 1000} s after the first of the sizes was begun`;
  if (leftMs() === 0) throw new Error(late);
  const opening = open(size.topics);
  try {
    size.place = await within(leftMs(), opening, late);
  } catch (error) {
    // One that starts after all must not stay.
    opening.then((place) => place.close()).catch(() => {});
    throw error;
  }
  await within(leftMs(), size.place.prepare(), late);
}

async function guarded(size: Size, use: () => Promise<void>): Promise<void> {
  try {
    await use();
  } catch (error) {
    size.missed = (error as Error).message.split('\n')[0]!;
    await end(size);
  }
}

async function end(size: Size): Promise<void> {
  const { place } = size;
  size.place = null;
  // Whatever its server says at its end: the windows that were taken stand.
  await place?.close().catch(() => {});
}

/** A server of the system's own for so many topics. */
export async function openPlace(system: System, count: number, plan: TopicsPlan): Promise<Place> {
  const session = await Session.open(system, false);
  let topics: readonly PeerTopic[] = [];
  return {
    prepare: async () => {
      topics = await session.newTopics(count, PARTITIONS);
      await session.touch(topics);
      await loadTopics(session, topics, 'max', { warmupMs: 0, measureMs: plan.serverWarmupMs });
    },
    window: async () => {
      const { recordsPerSecond, failed, failure } = await loadTopics(session, topics, 'max', plan.window);
      if (failed > 0) throw new Error(`${failed} records failed (${failure})`);
      return recordsPerSecond;
    },
    close: () => {
      // Its data go with it: a clean end would be a flush of each partition.
      killAll(session.running.pids);
      return session.close();
    },
  };
}

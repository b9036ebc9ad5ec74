/**
 * The same load over few and many topics of one server: its topics become more, every new partition gets a few records, and after a warm-up the windows of that size are taken.
 *
 * Why not a server for each size, all of them running, whose windows could take turns: they would share the memory, and Kafka's index files alone fill the page cache
 * (two a partition, 10 MiB of holes each, which the system reads ahead). With three servers Kafka wrote 6 MB/s over 256 topics, with one more than 200.
 *
 * Invariant: what fails, or takes too long, ends the server; the windows that were taken stand, and this size and all larger ones say why they were not reached.
 */
import { Session, type System } from '@mqlab/bench/compare/session.ts';
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
  /** At each size, before the windows. */
  readonly warmupMs: number;
  /** For the start of the server, and again for the making and warming of each size: thousands of queues may take one minutes. */
  readonly readyMsMax: number;
  /** Of a window, with what goes before and after it. */
  readonly windowMsMax: number;
}

/** A server may refuse records when it is busy: only those that it confirmed are in the rate. */
export type Window = Pick<PeerLoadResult, 'recordsPerSecond' | 'failed' | 'failure'>;

/** A server whose topics become more. */
export interface Place {
  /** Until there are so many topics, and what a partition costs once is paid. */
  grow(topics: number): Promise<void>;
  /** Over all topics. */
  window(): Promise<Window>;
  close(): Promise<void>;
}

type Bounds = Pick<TopicsPlan, 'sizes' | 'rounds' | 'readyMsMax' | 'windowMsMax'>;

/** Never rejects: what went wrong is in `missed`. */
export async function measureTopics(
  plan: Bounds,
  open: () => Promise<Place>,
  progress: (text: string) => void,
): Promise<TopicsMeasured[]> {
  const taken: TopicsMeasured[] = [];
  let place: Place | null = null;
  let missed: string | null = null;
  for (const topics of plan.sizes) {
    if (missed !== null) {
      taken.push({ topics, recordsPerSecond: [], missed, failed: null });
      continue;
    }
    const windows: Window[] = [];
    let why: string | null = null;
    try {
      place ??= await opened(open, plan.readyMsMax);
      progress(`making ${topics} topics`);
      await within(plan.readyMsMax, place.grow(topics), `not ready in ${plan.readyMsMax / 1000} s`);
      for (let round = 0; round < plan.rounds; round++) {
        progress(`${topics} topics, window ${round + 1}`);
        windows.push(await within(plan.windowMsMax, place.window()));
      }
    } catch (error) {
      why = (error as Error).message.split('\n')[0]!;
      missed = `fell out at ${topics} topics: ${why}`;
    }
    const recordsPerSecond = windows.map((window) => window.recordsPerSecond);
    taken.push({ topics, recordsPerSecond, missed: why, failed: failedOf(windows) });
  }
  // Whatever the server says at its end: the windows that were taken stand.
  await place?.close().catch(() => {});
  return taken;
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
    grow: async (count) => {
      const made = await session.newTopics(count - topics.length, PARTITIONS);
      await session.touch(made);
      topics.push(...made);
      await loadTopics(session, topics, 'max', { warmupMs: 0, measureMs: plan.warmupMs });
    },
    window: () => loadTopics(session, topics, 'max', plan.window),
    close: () => {
      // Its data go with it: a clean end would be a flush of each partition.
      killAll(session.running.pids);
      return session.close();
    },
  };
}

/**
 * How much of the throughput is left when the same load goes to more topics: 64, 256, 1,000, of eight partitions each.
 *
 * Method: a server for each number of topics, all of them running, each partition with a few records in it; the rounds take them in turn. What is kept is taken within a round, against 64 topics of the same system.
 */

import { Session, type System } from '../../compare/session.ts';
import { type CompareWorkload, loadWorkload, shortened } from '../../compare/workload.ts';
import { inRound } from '../../load/interleave.ts';
import { randomTextPayload } from '../../load/payload.ts';
import { loadPeer } from '../../load/peer-load.ts';
import type { PeerTopic } from '../../peers/peer.ts';
import { TOPIC_COUNTS, topicsWorkload } from '../goals.ts';
import { only, type Part, type PartContext } from '../part.ts';

const GROUP = 'Many topics';
const SEED = 20_260_108;
/** With fewer in a quick run: making the topics takes longest. */
const QUICK_COUNTS = [64, 256];

interface Place {
  readonly system: System;
  readonly count: number;
  readonly session: Session;
  readonly topics: readonly PeerTopic[];
}

export const topics: Part = {
  name: 'topics',
  about: 'the same load over 64, 256 and 1,000 topics',
  async run(context) {
    const asked = loadWorkload(topicsWorkload(TOPIC_COUNTS[0]));
    const workload = context.isQuick ? shortened(asked) : asked;
    // One system after the other: servers with thousands of partitions take memory that the next one needs.
    for (const system of only(context.systems, 'mqlab', 'kafka')) {
      const places: Place[] = [];
      try {
        for (const count of context.isQuick ? QUICK_COUNTS : TOPIC_COUNTS) {
          context.progress(`topics: ${system.peer.name}, making ${count} × ${workload.partitions}`);
          const session = await Session.open(system, false);
          const place = { system, count, session, topics: [] };
          places.push(place);
          const made = await session.newTopics(count, workload.partitions);
          await session.touch(made);
          places[places.length - 1] = { ...place, topics: made };
        }
        await rounds(context, workload, places);
      } catch (error) {
        context.failures.push(`topics, ${system.peer.name}: ${(error as Error).message}`);
      } finally {
        for (const { session } of places) await session.close();
      }
    }
  },
};

async function rounds(context: PartContext, workload: CompareWorkload, places: readonly Place[]): Promise<void> {
  const { pairs, recorder, progress } = context;
  for (let pair = -1; pair < pairs; pair++) {
    const rates = new Map<number, number>();
    for (const { system, count, session, topics } of inRound(places, Math.abs(pair))) {
      progress(`topics: ${system.peer.name}, ${count}, ${pair < 0 ? 'warm-up' : `round ${pair + 1} of ${pairs}`}`);
      const { acks, keys, batchBytes, lingerMs, producers, outstandingBytesMax, drainMsMax, warmupMs } = workload;
      const result = await loadPeer(
        session.target,
        {
          ...{ topics, acks, keys, batchBytes, lingerMs, producers, outstandingBytesMax, drainMsMax, warmupMs },
          measureMs: pair < 0 ? workload.measureMs * 2 : workload.measureMs,
          consumers: 0,
          recordsPerSecond: 'max',
        },
        randomTextPayload(workload.recordBytes, SEED),
      );
      if (result.failed > 0) throw new Error(`${count} topics: ${result.failed} failed: ${result.failure}`);
      rates.set(count, result.bytesPerSecond);
      if (pair >= 0)
        recorder.add(GROUP, topicsWorkload(count), 'produce throughput', system, pair, result.bytesPerSecond);
    }
    const base = rates.get(TOPIC_COUNTS[0])!;
    if (pair < 0) continue;
    for (const { system, count } of places) {
      if (count === TOPIC_COUNTS[0]) continue;
      const kept = (rates.get(count)! / base) * 100;
      recorder.add(GROUP, topicsWorkload(count), 'throughput kept', system, pair, kept);
    }
  }
}

/**
 * How much of the throughput is left when the same load goes to more topics: 64, 256, 1,000, of eight partitions each.
 *
 * Method: one server with all topics, each partition with a few records in it; the load goes to 64, 256 or all of them, in rounds, up and down, and what is kept is taken
 * within a round. Before each window all that was written goes to the device and leaves the page cache.
 *
 * Why not a server for each number: they share the memory, and Kafka maps two index files of 10 MiB a partition, which are holes that the system's read-ahead fills its page
 * cache with (20 GB for three servers with 10,560 partitions: Kafka then wrote 6 MB/s where one server alone with 8,000 wrote 110 to 180). Why not topics that become more: after some
 * fifteen gigabytes of page cache every write slows down (memory that the virtual machine has not had yet), and that befalls the later windows alone.
 */
import { Session } from '../../compare/session.ts';
import { type CompareWorkload, loadWorkload, shortened } from '../../compare/workload.ts';
import { inRound } from '../../load/interleave.ts';
import { forgetSegments } from '../../load/page-cache.ts';
import { randomTextPayload } from '../../load/payload.ts';
import { loadPeer } from '../../load/peer-load.ts';
import type { PeerTopic } from '../../peers/peer.ts';
import { TOPIC_COUNTS, topicsWorkload } from '../goals.ts';
import { only, type Part, type PartContext } from '../part.ts';

const GROUP = 'Many topics';
const SEED = 20_260_108;
/** With fewer in a quick run: making the topics takes longest. */
const QUICK_COUNTS = [64, 256];

export const topics: Part = {
  name: 'topics',
  about: 'the same load over 64, 256 and 1,000 topics',
  async run(context) {
    const asked = loadWorkload(topicsWorkload(TOPIC_COUNTS[0]));
    const workload = context.isQuick ? shortened(asked) : asked;
    for (const system of only(context.systems, 'mqlab', 'kafka')) {
      const session = await Session.open(system, false);
      try {
        await rounds(context, workload, session);
      } catch (error) {
        context.failures.push(`topics, ${system.peer.name}: ${(error as Error).message}`);
      } finally {
        await session.close();
      }
    }
  },
};

async function rounds(context: PartContext, workload: CompareWorkload, session: Session): Promise<void> {
  const { pairs, recorder, progress, isQuick } = context;
  const { system } = session;
  const counts = isQuick ? QUICK_COUNTS : TOPIC_COUNTS;
  progress(`topics: ${system.peer.name}, making ${counts.at(-1)} × ${workload.partitions}`);
  const topics = await session.newTopics(counts.at(-1)!, workload.partitions);
  await session.touch(topics);
  for (let pair = -1; pair < pairs; pair++) {
    const rates = new Map<number, number>();
    for (const count of inRound(counts, Math.abs(pair))) {
      progress(`topics: ${system.peer.name}, ${count}, ${pair < 0 ? 'warm-up' : `round ${pair + 1} of ${pairs}`}`);
      rates.set(count, await rateOver(topics.slice(0, count), session, workload));
    }
    if (pair < 0) continue;
    for (const [count, rate] of rates) {
      recorder.add(GROUP, topicsWorkload(count), 'produce throughput', system, pair, rate);
      if (count === TOPIC_COUNTS[0]) continue;
      const kept = (rate / rates.get(TOPIC_COUNTS[0])!) * 100;
      recorder.add(GROUP, topicsWorkload(count), 'throughput kept', system, pair, kept);
    }
  }
}

/** In bytes a second. */
async function rateOver(topics: readonly PeerTopic[], session: Session, workload: CompareWorkload): Promise<number> {
  const { acks, keys, batchBytes, lingerMs, producers, outstandingBytesMax, drainMsMax, warmupMs, measureMs } =
    workload;
  await forgetSegments(session.dataDir);
  const result = await loadPeer(
    session.target,
    {
      ...{ topics, acks, keys, batchBytes, lingerMs, producers, outstandingBytesMax, drainMsMax, warmupMs, measureMs },
      consumers: 0,
      recordsPerSecond: 'max',
    },
    randomTextPayload(workload.recordBytes, SEED),
  );
  if (result.failed > 0) throw new Error(`${topics.length} topics: ${result.failed} failed: ${result.failure}`);
  return result.bytesPerSecond;
}

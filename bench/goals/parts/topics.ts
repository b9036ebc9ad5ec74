/**
 * How much of the throughput is left when the same load goes to more topics: 64, 256, 1,000, of eight partitions each.
 *
 * Method: one server, whose topics become more; as many windows at each number as the run has rounds, after a few records in each new partition and one window that is
 * not counted. Before each window all that was written goes to the device: six windows write more than the system lets lie in memory, and over thousands of files it then
 * waits for the device. What is kept is window i's rate against window i's over 64 topics. A server for each number, all at once, would take its rounds in turn, but shares the
 * memory: Kafka maps two index files of 10 MiB a partition, which are holes, and the system's read-ahead fills its page cache with them (20 GB for three servers with
 * 10,560 partitions: Kafka then wrote 6 MB/s where one server alone with 8,000 wrote 110 to 180).
 */
import { Session } from '../../compare/session.ts';
import { type CompareWorkload, loadWorkload, shortened } from '../../compare/workload.ts';
import { randomTextPayload } from '../../load/payload.ts';
import { loadPeer } from '../../load/peer-load.ts';
import { writeBack } from '../../load/write-back.ts';
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
        await grow(context, workload, session);
      } catch (error) {
        context.failures.push(`topics, ${system.peer.name}: ${(error as Error).message}`);
      } finally {
        await session.close();
      }
    }
  },
};

async function grow(context: PartContext, workload: CompareWorkload, session: Session): Promise<void> {
  const { pairs, recorder, progress, isQuick } = context;
  const { system } = session;
  const topics: PeerTopic[] = [];
  const base: number[] = [];
  for (const count of isQuick ? QUICK_COUNTS : TOPIC_COUNTS) {
    progress(`topics: ${system.peer.name}, making ${count} × ${workload.partitions}`);
    const made = await session.newTopics(count - topics.length, workload.partitions);
    await session.touch(made);
    topics.push(...made);
    const name = topicsWorkload(count);
    for (let pair = -1; pair < pairs; pair++) {
      progress(`topics: ${system.peer.name}, ${count}, ${pair < 0 ? 'warm-up' : `round ${pair + 1} of ${pairs}`}`);
      const rate = await rateOver(topics, session, workload);
      if (pair < 0) continue;
      recorder.add(GROUP, name, 'produce throughput', system, pair, rate);
      if (count === TOPIC_COUNTS[0]) base.push(rate);
      else recorder.add(GROUP, name, 'throughput kept', system, pair, (rate / base[pair]!) * 100);
    }
  }
}

/** In bytes a second. */
async function rateOver(topics: readonly PeerTopic[], session: Session, workload: CompareWorkload): Promise<number> {
  const { acks, keys, batchBytes, lingerMs, producers, outstandingBytesMax, drainMsMax, warmupMs, measureMs } =
    workload;
  await writeBack();
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

/**
 * Load that is neither side's own: Kafka's ProducerPerformance, ConsumerPerformance and EndToEndLatency against everything that speaks Kafka, in rounds.
 *
 * Method: two rounds of warm-up, in which a JVM server compiles most of what it will need; each tool is a new JVM, and the first part of the producer's records is warm-up
 * to it; processor time of the server is taken around the whole call and divided by all bytes of it. Before a round all that was written goes to the device. The consumer
 * reads what the producer has just written: it lies in the page cache.
 */
import { inRound } from '../load/interleave.ts';
import { writeBack } from '../load/page-cache.ts';
import { cpuPer } from '../load/peer-load.ts';
import { usageOfAll } from '../load/process-usage.ts';
import { consumerPerformance, endToEndLatency, producerPerformance } from '../peers/kafka/tools.ts';
import type { Recorder } from './recorder.ts';
import { Session, type System } from './session.ts';

export interface NeutralOptions {
  readonly systems: readonly System[];
  readonly pairs: number;
  readonly records: number;
  readonly recordBytes: number;
  readonly endToEndRecords: number;
  readonly progress: (text: string) => void;
}

export const NEUTRAL = 'kafka-tools-1k';
export const NEUTRAL_LARGE_BATCHES = 'kafka-tools-1k-64k';
const GROUP = 'Kafka’s own tools';
/** The second round of Kafka 4.3 still takes twice the user time of its fourth: its compiler is at work. */
const WARMUP_ROUNDS = 2;
/** Of the records: warm-up. */
const WARMUP_SHARE = 0.2;

/** ProducerPerformance as it comes but for acks, and with batches four times as large. What the first wrote is what the consumer reads. */
export const TOOL_PRODUCERS = [
  { workload: NEUTRAL, settings: { acks: '1' } },
  { workload: NEUTRAL_LARGE_BATCHES, settings: { acks: '1', 'batch.size': '65536' } },
] as const;

/** For a report: what stands beside the tool's own defaults. */
export function toolSettings(): Record<string, string> {
  return Object.fromEntries(
    TOOL_PRODUCERS.map(({ workload, settings }) => [
      `ProducerPerformance of ${workload}`,
      Object.entries(settings)
        .map(([key, value]) => `${key}=${value}`)
        .join(', '),
    ]),
  );
}

export async function measureNeutral(options: NeutralOptions, recorder: Recorder, failures: string[]): Promise<void> {
  const sessions = new Map<System, Session>();
  try {
    for (const system of options.systems.filter(({ peer }) => peer.speaksKafka))
      sessions.set(system, await Session.open(system, false));
    // Rounds below 0 are the warm-up: their figures are thrown away.
    for (let pair = -WARMUP_ROUNDS; pair < options.pairs; pair++)
      for (const [system, session] of inRound([...sessions], Math.abs(pair))) {
        const round = pair < 0 ? 'warm-up' : `round ${pair + 1} of ${options.pairs}`;
        options.progress(`${NEUTRAL}: ${system.peer.name}, ${round}`);
        try {
          await oneRound(options, session, pair < 0 ? null : recorder, pair);
        } catch (error) {
          failures.push(`${NEUTRAL}, ${system.peer.name}: ${(error as Error).message}`);
          sessions.delete(system);
          await session.close().catch(() => {});
        }
      }
    for (const [system, session] of sessions)
      recorder.add(GROUP, NEUTRAL, 'memory peak', system, 0, usageOfAll(session.running.pids)?.rssBytesPeak ?? null);
  } finally {
    for (const [system, session] of sessions) {
      await session.close();
      const transfer = session.running.transfer?.() ?? null;
      recorder.add(GROUP, NEUTRAL, 'bytes by sendfile', system, 0, transfer?.bytesBySendfile ?? null);
      recorder.add(GROUP, NEUTRAL, 'bytes by copy', system, 0, transfer?.bytesByCopy ?? null);
    }
  }
}

async function oneRound(
  { records, recordBytes, endToEndRecords }: NeutralOptions,
  session: Session,
  recorder: Recorder | null,
  pair: number,
): Promise<void> {
  const { running, system } = session;
  const { address, pids } = running;
  const measured = async <T>(use: () => Promise<T>): Promise<readonly [T, ReturnType<typeof cpuPer>]> => {
    const before = usageOfAll(pids);
    const result = await use();
    return [result, cpuPer(before, usageOfAll(pids), records * recordBytes, records)];
  };
  for (const { workload, settings } of TOOL_PRODUCERS) {
    const add = (metric: string, value: number | null): void =>
      recorder?.add(GROUP, workload, metric, system, pair, value);
    await writeBack();
    await withTopic(session, async (topic) => {
      const warmupRecords = Math.round(records * WARMUP_SHARE);
      const setting = { address, topic, records, warmupRecords, recordBytes, settings };
      const [produced, produceCpu] = await measured(() => producerPerformance(setting));
      add('produce throughput', produced.bytesPerSecond);
      add('produce rate', produced.recordsPerSecond);
      add('produce processor time per GB', produceCpu.cpuSecondsPerGb);
      add('produce processor time per record', produceCpu.cpuUsPerRecord);
      // In a closed loop a record waits for those before it in the producer's memory: what the tool prints, not what the server takes.
      add('acknowledged p50 by ProducerPerformance', produced.p50Ms);
      add('acknowledged p99 by ProducerPerformance', produced.p99Ms);
      add('acknowledged p99.9 by ProducerPerformance', produced.p999Ms);
      if (workload !== NEUTRAL) return;
      const [consumed, drainCpu] = await measured(() => consumerPerformance({ address, topic, records }));
      add('drain throughput', consumed.bytesPerSecond);
      add('drain rate', consumed.recordsPerSecond);
      add('drain processor time per GB', drainCpu.cpuSecondsPerGb);
      add('drain processor time per record', drainCpu.cpuUsPerRecord);
    });
  }
  if (endToEndRecords === 0) return;
  await withTopic(session, async (topic) => {
    const latency = await endToEndLatency({ address, topic, records: endToEndRecords, recordBytes });
    const add = (metric: string, value: number): void => recorder?.add(GROUP, NEUTRAL, metric, system, pair, value);
    add('end to end p50 by EndToEndLatency', latency.p50Ms);
    add('end to end p99 by EndToEndLatency', latency.p99Ms);
    add('end to end p99.9 by EndToEndLatency', latency.p999Ms);
  });
}

async function withTopic(session: Session, use: (topic: string) => Promise<void>): Promise<void> {
  const topics = await session.newTopics(1, 1);
  try {
    await use(topics[0]!.name);
  } finally {
    await session.dropTopics(topics);
  }
}

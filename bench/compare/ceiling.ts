/**
 * What the load generators reach against a broker that keeps nothing (`load/null-sink.ts`): a figure near one of these says more about the generator than about
 * the server. The sink keeps nothing, so there is no such ceiling for consumers; the time from end to end has one (`load/null-relay.ts`), which is measured as a system among
 * the others.
 */
import { type Payload, randomTextPayload } from '../load/payload.ts';
import { loadPeer } from '../load/peer-load.ts';
import { startNullRelay, startNullSink } from '../load/server-process.ts';
import { kafkaToolsMissing, producerPerformance } from '../peers/kafka/tools.ts';
import { mqlab } from '../peers/mqlab/mqlab.ts';
import { NEUTRAL, TOOL_PRODUCERS } from './neutral.ts';
import type { Recorder } from './recorder.ts';
import type { System } from './session.ts';
import type { CompareWorkload } from './workload.ts';

const PAYLOAD_SEED = 20_260_106;
const GROUP = 'What the generators reach';

/** As a system it stands beside the others in the figures. */
export const nullSink: System = {
  peer: {
    ...mqlab,
    name: 'null-sink',
    title: 'a sink that keeps nothing',
    settings: ['answers every produce at once'],
  },
  version: '1',
};

export const nullRelay: System = {
  peer: {
    ...mqlab,
    name: 'null-relay',
    title: 'a relay that keeps nothing',
    settings: ['answers every produce at once, and every fetch out of memory'],
    async start() {
      const began = performance.now();
      const { bootstrap, pid, stop } = await startNullRelay();
      return { address: bootstrap, pids: [pid], startMs: performance.now() - began, stop };
    },
  },
  version: '1',
};

export async function measureCeilings(
  options: {
    readonly workloads: readonly CompareWorkload[];
    readonly pairs: number;
    /** Of Kafka's own tool; 0: it is not run. */
    readonly toolRecords: number;
    readonly progress: (text: string) => void;
  },
  recorder: Recorder,
  failures: string[],
): Promise<void> {
  for (const workload of options.workloads) {
    if (workload.recordsPerSecond !== 'max') continue;
    options.progress(`${workload.name}: the generator alone`);
    const sink = await startNullSink(workload.partitions);
    try {
      const payload: Payload = randomTextPayload(workload.recordBytes, PAYLOAD_SEED);
      const topics = Array.from({ length: workload.topics }, (_, index) => ({
        name: `null-${index}`,
        partitions: workload.partitions,
      }));
      for (let pair = 0; pair < options.pairs; pair++) {
        const target = { driver: mqlab.driver, address: sink.bootstrap, pids: [sink.pid] };
        const { acks, keys, batchBytes, lingerMs, producers, outstandingBytesMax, drainMsMax, measureMs } = workload;
        const fixed = { topics, acks, keys, batchBytes, lingerMs, producers, outstandingBytesMax, drainMsMax };
        const setting = { ...fixed, warmupMs: Math.max(500, workload.warmupMs), measureMs, consumers: 0 };
        const result = await loadPeer(target, { ...setting, recordsPerSecond: 'max' }, payload);
        recorder.add(GROUP, workload.name, 'produce throughput', nullSink, pair, result.bytesPerSecond);
        recorder.add(GROUP, workload.name, 'produce rate', nullSink, pair, result.recordsPerSecond);
      }
    } catch (error) {
      failures.push(`${workload.name}, the generator alone: ${(error as Error).message}`);
    } finally {
      await sink.stop();
    }
  }
  if (options.toolRecords > 0 && kafkaToolsMissing() === null) await toolCeiling(options, recorder, failures);
}

async function toolCeiling(
  options: { readonly pairs: number; readonly toolRecords: number; readonly progress: (text: string) => void },
  recorder: Recorder,
  failures: string[],
): Promise<void> {
  const sink = await startNullSink(1);
  try {
    for (let pair = 0; pair < options.pairs; pair++)
      for (const { workload, settings } of TOOL_PRODUCERS) {
        options.progress(`${workload}: ProducerPerformance alone, round ${pair + 1} of ${options.pairs}`);
        const result = await producerPerformance({
          address: sink.bootstrap,
          topic: 'null',
          records: options.toolRecords,
          warmupRecords: Math.round(options.toolRecords * 0.2),
          recordBytes: 1024,
          settings,
        });
        recorder.add(GROUP, workload, 'produce throughput', nullSink, pair, result.bytesPerSecond);
        recorder.add(GROUP, workload, 'produce rate', nullSink, pair, result.recordsPerSecond);
      }
  } catch (error) {
    failures.push(`${NEUTRAL}, ProducerPerformance alone: ${(error as Error).message}`);
  } finally {
    await sink.stop();
  }
}

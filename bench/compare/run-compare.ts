/** `mqlab bench compare`: finds the systems, measures, and hands over run data. */
import type { BenchRunData } from '@mqlab/reports/run-data.ts';
import { thisMachine } from '../machine.ts';
import { kafkaToolsMissing } from '../peers/kafka/tools.ts';
import type { Peer } from '../peers/peer.ts';
import { measureCeilings } from './ceiling.ts';
import { measureComparison } from './compare.ts';
import { measureNeutral, toolSettings } from './neutral.ts';
import { Recorder } from './recorder.ts';
import { compareRunData } from './report.ts';
import { findSystems, type Skipped } from './session.ts';
import { touchFreeMemory } from './touch-memory.ts';
import { type CompareWorkload, shortened } from './workload.ts';

export interface RunCompareOptions {
  readonly workloads: readonly CompareWorkload[];
  readonly peers: readonly Peer[];
  readonly pairs: number;
  readonly quick: boolean;
  /** Kafka's own tools and the generators' ceilings as well. */
  readonly neutral: boolean;
  readonly replay: string;
  readonly progress: (text: string) => void;
  readonly onSkipped: (skipped: Skipped) => void;
}

const GIB = 1024 ** 3;
const NEUTRAL_RECORDS = { full: 1_500_000, quick: 100_000 };
const END_TO_END_RECORDS = { full: 5_000, quick: 500 };
const IDLE_MS = { full: 2_000, quick: 200 };

export async function runCompare(options: RunCompareOptions): Promise<BenchRunData> {
  const startedAt = new Date();
  const began = performance.now();
  const size = options.quick ? 'quick' : 'full';
  const workloads = options.quick ? options.workloads.map(shortened) : options.workloads;
  const { pairs, progress } = options;
  const { systems, skipped } = await findSystems(options.peers);
  for (const each of skipped) options.onSkipped(each);
  const touched = options.quick ? 0 : touchFreeMemory();
  const compared = await measureComparison({ workloads, systems, pairs, idleMs: IDLE_MS[size], progress });
  const recorder = new Recorder();
  const failures: string[] = [];
  if (options.neutral) {
    const toolsMissing = kafkaToolsMissing();
    if (toolsMissing !== null) {
      const why = { name: 'Kafka’s own tools', why: toolsMissing };
      options.onSkipped(why);
      skipped.push(why);
    } else {
      const records = NEUTRAL_RECORDS[size];
      const setting = { systems, pairs, records, recordBytes: 1024, endToEndRecords: END_TO_END_RECORDS[size] };
      await measureNeutral({ ...setting, progress }, recorder, failures);
    }
    const toolRecords = NEUTRAL_RECORDS[size];
    await measureCeilings({ workloads, pairs: Math.min(pairs, 3), toolRecords, progress }, recorder, failures);
  }
  return compareRunData({
    machine: thisMachine(),
    startedAt,
    durationMs: performance.now() - began,
    replay: options.replay,
    pairs,
    workloads,
    systems,
    skipped,
    samples: [...compared.samples, ...recorder.samples],
    failures: [...compared.failures, ...failures],
    settings: {
      size,
      ...(options.neutral ? toolSettings() : {}),
      'memory touched before': touched === 0 ? 'none' : `${(touched / GIB).toFixed(1)} GiB`,
      compression: 'none',
      'client of what speaks Kafka': 'the project’s own, in threads',
    },
  });
}

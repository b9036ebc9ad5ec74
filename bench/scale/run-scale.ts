/** A scale run from its options to its run data. */
import { readFileSync } from 'node:fs';
import { type BenchRunData, benchRunSchema } from '@mqlab/reports/run-data.ts';
import { thisMachine } from '../machine.ts';
import { measureScale, type ScaleParts } from './scale.ts';
import { PARTITIONS_PER_TOPIC, PLANS } from './scale-plan.ts';
import { scaleCharts, scaleResults } from './scale-results.ts';
import { RECORD_BYTES, RECORDS_PER_BATCH } from './spread-settings.ts';

export interface ScaleRunOptions {
  readonly profile: 'quick' | 'full';
  readonly parts: ScaleParts['parts'];
  readonly bootstrap?: string | undefined;
  /** What runs there, by name. */
  readonly system?: string | undefined;
  readonly replay: string;
  readonly progress: (text: string) => void;
}

const ABOUT = `One node, its client on the same machine. **Starts**: from the start of the process until it says that it is ready, and until a client that connects then has
one record acknowledged; the folder holds the partitions, each with records in it. Before each kill −9 one record more is acknowledged in every partition, and counted after the
next start. **Idle**: after the first record, with no client. **Throughput**: as fast as answers come, batches of equal size for one partition after the other, acks=1;
each number of topics has a node of its own, and is compared with the fewest topics of the same round. **Connections**: open and quiet beside the same load.`;

export async function runScale(options: ScaleRunOptions): Promise<BenchRunData> {
  const startedAt = new Date();
  const plan = PLANS[options.profile];
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  const isOurs = options.bootstrap === undefined;
  const system = isOurs ? { system: 'mqlab', version } : { system: options.system ?? 'external', version: 'unknown' };
  const data = await measureScale({ ...options, plan });
  return {
    schema: benchRunSchema,
    kind: 'load',
    bench: isOurs ? 'scale' : `scale-${system.system}`,
    title: isOurs ? 'Many partitions, topics and connections on one node' : `Many topics on ${system.system}`,
    about: ABOUT,
    replay: options.replay,
    machine: thisMachine(),
    versions: { mqlab: version },
    startedAt: startedAt.toISOString(),
    durationMs: Date.now() - startedAt.getTime(),
    settings: {
      profile: options.profile,
      'partitions a topic': String(PARTITIONS_PER_TOPIC),
      'record bytes': String(RECORD_BYTES),
      'records a batch': String(RECORDS_PER_BATCH),
      'starts of each kind': String(plan.starts),
      rounds: String(plan.rounds),
      'measured window': `${plan.measureMs} ms`,
      acks: '1',
    },
    figures: {},
    charts: scaleCharts(data),
    tables: {},
    limits: [
      'Client and node share the processors: throughput is that of both together.',
      'The page cache holds the partitions of a start; after a power failure they would be read from the device.',
    ],
    results: scaleResults(data, system),
  };
}

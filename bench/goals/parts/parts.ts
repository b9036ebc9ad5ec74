/** The parts of the goals' run, in its order: what needs a calm machine most comes first. */
import { measureCeilings, nullRelay } from '../../compare/ceiling.ts';
import { measureStartUps, measureWorkload } from '../../compare/compare.ts';
import { measureNeutral } from '../../compare/neutral.ts';
import type { System } from '../../compare/session.ts';
import { type CompareWorkload, loadWorkload, shortened } from '../../compare/workload.ts';
import { kafkaToolsMissing } from '../../peers/kafka/tools.ts';
import { FLUSH_PEER } from '../goals.ts';
import { only, type Part, type PartContext } from '../part.ts';
import { failover } from './failover.ts';
import { simulation } from './simulation.ts';
import { startWithPartitions } from './start-with-partitions.ts';
import { topics } from './topics.ts';

/** So many that what a consumer's JVM takes until it is warm is the smaller part. */
const TOOL_RECORDS = { full: 2_000_000, quick: 50_000 };
const IDLE_MS = { full: 2_000, quick: 200 };

function workloadPart(
  name: string,
  about: string,
  systems: readonly string[],
  change: Partial<CompareWorkload>,
  beside: readonly System[] = [],
): Part {
  return {
    name,
    about,
    run: async (context) => {
      const asked = { ...loadWorkload(name), ...change };
      const workload = context.isQuick ? shortened(asked) : asked;
      await measureWorkload(
        { ...context, systems: [...only(context.systems, ...systems), ...beside] },
        workload,
        context,
      );
    },
  };
}

const tools: Part = {
  name: 'tools',
  about: 'ProducerPerformance and ConsumerPerformance against mqlab and Kafka',
  run: async ({ systems, pairs, isQuick, progress, recorder, failures }) => {
    const missing = kafkaToolsMissing();
    if (missing !== null) {
      failures.push(`Kafka’s own tools: ${missing}`);
      return;
    }
    const records = TOOL_RECORDS[isQuick ? 'quick' : 'full'];
    const setting = { pairs, records, recordBytes: 1024, endToEndRecords: 0, progress };
    await measureNeutral({ systems: only(systems, 'mqlab', 'kafka'), ...setting }, recorder, failures);
  },
};

const startUp: Part = {
  name: 'start-up',
  about: 'from nothing to the first acknowledged record, and memory at rest',
  run: async (context) => {
    const { systems, isQuick } = context;
    const idleMs = IDLE_MS[isQuick ? 'quick' : 'full'];
    await measureStartUps({ ...context, systems: only(systems, 'mqlab', 'kafka'), idleMs }, context);
  },
};

const ceilings: Part = {
  name: 'ceilings',
  about: 'what the load generators reach against a sink that keeps nothing',
  run: async ({ pairs, isQuick, progress, recorder, failures }: PartContext) => {
    const asked = loadWorkload('records-100b');
    const workloads = [isQuick ? shortened(asked) : asked];
    const toolRecords = TOOL_RECORDS[isQuick ? 'quick' : 'full'];
    await measureCeilings({ workloads, pairs: Math.min(pairs, 3), toolRecords, progress }, recorder, failures);
  },
};

export const parts: readonly Part[] = [
  tools,
  workloadPart('records-100b', 'small records by the own client', ['mqlab', 'kafka'], { backlogBytes: 0 }),
  workloadPart('steady-10k', 'latency from end to end at 10,000/s', ['mqlab', 'kafka'], {}, [nullRelay]),
  workloadPart('flush', 'each record on the device before it is acknowledged', ['mqlab', 'kafka', FLUSH_PEER], {
    consumers: 0,
    backlogBytes: 0,
    equalRates: [],
  }),
  startUp,
  startWithPartitions,
  topics,
  failover,
  simulation,
  ceilings,
];

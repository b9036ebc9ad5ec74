/** The goals of performance.md, row by row; where their samples come from is `parts/`. Pure data. */
import { NEUTRAL, NEUTRAL_LARGE_BATCHES } from '../compare/neutral.ts';
import { START_UP } from '../compare/start-up.ts';
import type { Demand, Goal } from './goal.ts';

const MB = 1e6;

function toKafka(bound: Demand['bound'], than: number): Demand {
  return { of: { ratioTo: 'kafka' }, bound, than, words: `${sign(bound)} ${than} × Kafka` };
}

function value(bound: Demand['bound'], than: number, words: string): Demand {
  return { of: 'value', bound, than, words: `${sign(bound)} ${words}` };
}

function sign(bound: Demand['bound']): string {
  return bound === 'at least' ? '≥' : '≤';
}

/** Names of workloads and metrics that only the goals have. */
export const FLUSH_PEER = 'rabbitmq-quorum';
export const START_WITH_PARTITIONS = 'start-up-1000-partitions';
export const FAILOVER = 'failover';
export const SIMULATION = 'simulation';
export const TOPIC_COUNTS = [64, 256, 1000] as const;
export function topicsWorkload(topics: number): string {
  return `topics-${topics}`;
}

const TOOLS = '1 KiB, 1 partition, acks=1, Kafka’s own tool';
const LARGE = `${TOOLS} with batch.size=65536`;
const BROKER = 'bench/HOT-PATH.md';
const CLIENT = 'bench/HOT-PATH-CLIENT.md';
const SIM = 'bench/SIM-SPEED.md';
const PACED = '1 KiB, 10,000/s, open loop';

export const GOALS: readonly Goal[] = [
  {
    what: 'produce, MB/s',
    workload: TOOLS,
    samples: { workload: NEUTRAL, metric: 'produce throughput' },
    demands: [toKafka('at least', 1.5)],
    evidence: BROKER,
  },
  {
    what: 'produce, MB/s, larger batches',
    workload: LARGE,
    samples: { workload: NEUTRAL_LARGE_BATCHES, metric: 'produce throughput' },
    demands: [toKafka('at least', 1.5)],
    evidence: BROKER,
  },
  {
    what: 'produce, records/s',
    workload: '100 B, the own client, batches',
    samples: { workload: 'records-100b', metric: 'produce rate' },
    demands: [value('at least', 2_000_000, '2,000,000/s')],
    evidence: CLIENT,
  },
  {
    what: 'fetch, MB/s, cached',
    workload: TOOLS,
    samples: { workload: NEUTRAL, metric: 'drain throughput' },
    demands: [toKafka('at least', 1.5)],
    evidence: BROKER,
  },
  {
    what: 'broker processor seconds per GB, produce',
    workload: TOOLS,
    samples: { workload: NEUTRAL, metric: 'produce processor time per GB' },
    demands: [toKafka('at most', 0.5)],
    evidence: BROKER,
  },
  {
    what: 'broker processor seconds per GB, produce, larger batches',
    workload: LARGE,
    samples: { workload: NEUTRAL_LARGE_BATCHES, metric: 'produce processor time per GB' },
    demands: [toKafka('at most', 0.5)],
    evidence: BROKER,
  },
  {
    what: 'broker processor seconds per GB, fetch',
    workload: TOOLS,
    samples: { workload: NEUTRAL, metric: 'drain processor time per GB' },
    demands: [toKafka('at most', 0.5)],
    evidence: BROKER,
  },
  {
    what: 'end to end p50',
    workload: PACED,
    samples: { workload: 'steady-10k', metric: 'end to end p50 at 10,000/s' },
    demands: [toKafka('at most', 0.5), value('at most', 0.5, '0.5 ms')],
    evidence: CLIENT,
  },
  {
    what: 'end to end p99',
    workload: PACED,
    samples: { workload: 'steady-10k', metric: 'end to end p99 at 10,000/s' },
    demands: [toKafka('at most', 0.5), value('at most', 3, '3 ms')],
    evidence: CLIENT,
  },
  {
    what: 'flush before ack',
    workload: '1 KiB, flush.messages=1, eight producers',
    samples: { workload: 'flush', metric: 'produce rate' },
    demands: [{ of: { ratioTo: FLUSH_PEER }, bound: 'at least', than: 4, words: '≥ 4 × RabbitMQ quorum queues' }],
    evidence: BROKER,
  },
  ...TOPIC_COUNTS.slice(1).map(
    (topics): Goal => ({
      what: `topics 64 → ${topics.toLocaleString('en-US')} (× 8 partitions)`,
      workload: 'total throughput',
      samples: { workload: topicsWorkload(topics), metric: 'throughput kept' },
      demands: [value('at least', 90, '90 % kept')],
      evidence: BROKER,
    }),
  ),
  {
    what: 'start to first acknowledged produce, empty',
    workload: 'a fresh data folder',
    samples: { workload: START_UP, metric: 'start to first acknowledged produce' },
    demands: [value('at most', 250, '250 ms'), toKafka('at most', 0.2)],
    evidence: BROKER,
  },
  {
    what: 'start to first acknowledged produce, 1,000 partitions',
    workload: 'a data folder with 1,000 partitions, clean shutdown before',
    samples: { workload: START_WITH_PARTITIONS, metric: 'start to first acknowledged produce' },
    demands: [value('at most', 1_000, '1 s'), toKafka('at most', 0.2)],
    evidence: BROKER,
  },
  {
    what: 'memory, idle',
    workload: 'RSS, one topic',
    samples: { workload: START_UP, metric: 'memory idle' },
    demands: [value('at most', 90 * MB, '90 MB'), toKafka('at most', 0.25)],
    evidence: BROKER,
  },
  {
    what: 'memory, loaded',
    workload: 'RSS at its peak, after the runs of Kafka’s own tools',
    samples: { workload: NEUTRAL, metric: 'memory peak' },
    demands: [value('at most', 250 * MB, '250 MB'), toKafka('at most', 0.25)],
    evidence: BROKER,
  },
  {
    what: 'leader killed → producing again, beyond the session timeout',
    workload: '3 brokers, 1,000 partitions, the slowest partition of each kill',
    samples: { workload: FAILOVER, metric: 'acknowledged again beyond the session timeout' },
    demands: [value('at most', 1_000, '1 s')],
    evidence: BROKER,
  },
  {
    what: 'simulation, plans a second and core',
    workload: '3 brokers, 10 virtual seconds',
    samples: { workload: SIMULATION, metric: 'plans' },
    demands: [value('at least', 200, '200')],
    evidence: SIM,
  },
];

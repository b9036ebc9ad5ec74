/** What the scale run does, as data. Partitions lie in topics of eight, as in claim C91's benchmark. */
export const PARTITIONS_PER_TOPIC = 8;

export interface ScalePlan {
  /** Partitions on the node, 0 = an empty one; rising. */
  readonly partitions: readonly number[];
  /** Starts of each kind at each number of partitions. */
  readonly starts: number;
  /** Topics of the throughput runs; the first is what the others are compared with. */
  readonly topics: readonly number[];
  /** Interleaved rounds of throughput runs. */
  readonly rounds: number;
  readonly warmupMs: number;
  readonly measureMs: number;
  /** Before and during which an idle node is looked at. */
  readonly settleMs: number;
  readonly idleMs: number;
  readonly connections: number;
}

export const PLANS: Readonly<Record<'quick' | 'full', ScalePlan>> = {
  quick: {
    partitions: [0, 1_000, 8_000],
    starts: 3,
    topics: [64, 1_000],
    rounds: 3,
    warmupMs: 500,
    measureMs: 1_000,
    settleMs: 1_000,
    idleMs: 2_000,
    connections: 2_000,
  },
  full: {
    partitions: [0, 512, 1_000, 2_048, 8_000, 10_000],
    starts: 5,
    topics: [64, 256, 1_000],
    rounds: 5,
    warmupMs: 1_000,
    measureMs: 3_000,
    settleMs: 3_000,
    idleMs: 5_000,
    connections: 2_000,
  },
};

import { Log } from '../../log/log.ts';
import { DEFAULT_LOG_CONFIG, type LogConfig } from '../../log/log-config.ts';
import { SimWorld } from '../../ports/sim/world.ts';
import { type BatchOptions, buildBatch } from '../../protocol/record-batch-builder.ts';
import type { InSyncReplicaAnswer, InSyncReplicaChange, Leadership, ReplicaContext } from '../leadership.ts';
import { Partition } from '../partition.ts';
import type { PartitionRead } from '../partition-read.ts';

/** For tests: partitions over logs on simulated disks, with a clock, brokers and a controller that the test moves. */
export const LAG_TIME_MAX_MS = 30_000;

export function leadershipOf(changes: Partial<Leadership> = {}): Leadership {
  return {
    leader: 1,
    leaderEpoch: 1,
    partitionEpoch: 1,
    inSyncReplicas: [1, 2, 3],
    replicas: [1, 2, 3],
    addingReplicas: [],
    removingReplicas: [],
    ...changes,
  };
}

interface Asked {
  readonly change: InSyncReplicaChange;
  answer(answer: InSyncReplicaAnswer): void;
  lose(): void;
}

export class TestContext implements ReplicaContext {
  readonly nodeId: number;
  timeMs = 1000;
  /** Live brokers and their epochs. */
  readonly live = new Map<number, number>([
    [1, 11],
    [2, 12],
    [3, 13],
  ]);
  /** Changes of the in-sync replicas that wait for an answer. */
  readonly asked: Asked[] = [];
  readonly problems: string[] = [];
  private readonly timers: (() => void)[] = [];

  constructor(nodeId = 1) {
    this.nodeId = nodeId;
  }

  brokerEpoch = (): number => this.live.get(this.nodeId) ?? -1;
  lagTimeMaxMs = (): number => LAG_TIME_MAX_MS;
  nowMs = (): number => this.timeMs;
  onProblem = (message: string): void => void this.problems.push(message);
  after = (_delayMs: number, action: () => void): void => void this.timers.push(action);

  readonly brokers = {
    liveEpochOf: (brokerId: number): number | null => this.live.get(brokerId) ?? null,
    isEligible: (brokerId: number, brokerEpoch: number): boolean => {
      const epoch = this.live.get(brokerId);
      return epoch !== undefined && (brokerEpoch === -1 || brokerEpoch === epoch);
    },
  };

  readonly changer = {
    change: (change: InSyncReplicaChange): Promise<InSyncReplicaAnswer> =>
      new Promise((resolve, reject) => {
        this.asked.push({ change, answer: resolve, lose: () => reject(new Error('lost')) });
      }),
  };

  /** The change that waits, taken. */
  take(): Asked {
    const asked = this.asked.shift();
    if (asked === undefined) throw new Error('nobody asked for a change of the in-sync replicas');
    return asked;
  }

  fireTimers(): void {
    for (const action of this.timers.splice(0)) action();
  }
}

/** What was promised so far is done. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

export function newLog(config: Partial<LogConfig> = {}, world = new SimWorld({ seed: 1 }), name = 'a'): Log {
  const { clock, random, files } = world.process(name).ports;
  return new Log({
    clock,
    random,
    files,
    directory: '/t-0',
    topic: 't',
    partition: 0,
    config: { ...DEFAULT_LOG_CONFIG, ...config },
    isClean: true,
    recoveryPoint: 0,
    logStartOffset: 0,
    highWatermark: 0,
    onProblem: () => {},
  });
}

export function newPartition(context: ReplicaContext, leadership: Leadership, log = newLog()): Partition {
  return new Partition({ topic: 't', partition: 0, topicId: 'id', log, leadership, context });
}

export function records(count: number, options: BatchOptions = {}): Buffer {
  return buildBatch({
    ...options,
    records: Array.from({ length: count }, (_, i) => ({ timestamp: 1000, key: null, value: Buffer.from(`v${i}`) })),
  });
}

export function append(partition: Partition, count: number, acks = -1) {
  return partition.append(records(count), acks, 'client');
}

export interface FollowerRead {
  readonly brokerId: number;
  readonly offset: number;
  readonly brokerEpoch?: number;
  readonly leaderEpoch?: number;
  readonly lastFetchedEpoch?: number;
  readonly logStartOffset?: number;
  readonly isNew?: boolean;
}

/** As a follower fetches: it has everything below `offset`. */
export function fetchAs(partition: Partition, read: FollowerRead): PartitionRead {
  const { brokerId, offset } = read;
  return partition.read({
    offset,
    maxBytes: 1_000_000,
    minOneBatch: true,
    isolationLevel: 'read_uncommitted',
    currentLeaderEpoch: read.leaderEpoch ?? partition.leaderEpoch,
    lastFetchedEpoch: read.lastFetchedEpoch ?? -1,
    follower: {
      brokerId,
      brokerEpoch: read.brokerEpoch ?? 10 + brokerId,
      logStartOffset: read.logStartOffset ?? 0,
      isNew: read.isNew ?? true,
    },
  });
}

export function bytesOf({ slice }: PartitionRead): Buffer {
  if (slice === null) return Buffer.alloc(0);
  const bytes = Buffer.alloc(slice.length);
  slice.file.readInto(bytes, slice.position);
  return bytes;
}

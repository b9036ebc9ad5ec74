import type { Log } from '../log/log.ts';
import type { LogConfig } from '../log/log-config.ts';
import type { Clock, Timer } from '../ports/clock.ts';
import type { BrokersView, InSyncReplicaChanger, Leadership, ReplicaContext } from './leadership.ts';
import { NO_LEADER } from './leadership.ts';
import { Partition } from './partition.ts';

/**
 * The partitions that this broker holds, by topic: opened, led, followed and removed as the cluster's metadata says.
 *
 * Invariants:
 * - For every partition in here its log is open, and no log is open twice. A topic that was deleted and made again under the same name has
 *   another id; a partition belongs to one id for good.
 * - A partition is followed exactly while another broker leads it; one that this broker leads is not, from the turn on in which it begins to.
 */
export interface PartitionLogs {
  /** Opens or makes the log of a partition, in the log dir with that id if the metadata names one. It is offline when its disk is. */
  open(topic: string, partition: number, topicId: string, config: LogConfig, directoryId: string): Log;
  /** Closes the log and removes its folder. */
  remove(log: Log): void;
}

export interface ReplicaToHold extends Leadership {
  readonly partition: number;
  /** The log dir of this broker's replica; the zero id when none was chosen. */
  readonly directoryId: string;
}

/** Who copies from leaders: `ReplicaFetchers`. */
export interface Followers {
  follow(partition: Partition): void;
  unfollow(partition: Partition): void;
  close(): void;
}

/** What a broker among others has besides. Without it the broker is alone: nobody to follow, nobody to ask. */
export interface Replication {
  readonly clock: Clock;
  readonly fetchers: Followers;
  readonly brokers: BrokersView;
  readonly changer: InSyncReplicaChanger;
  /** This broker's own epoch, −1 before it is registered. */
  brokerEpoch(): number;
  /** replica.lag.time.max.ms */
  lagTimeMaxMs(): number;
  onProblem(message: string): void;
}

export interface HeldChange {
  /** New here. */
  readonly opened: readonly Partition[];
  /** Led by this broker from now on; new ones included. */
  readonly elected: readonly Partition[];
  /** Led by this broker until now. */
  readonly resigned: readonly Partition[];
  /** Reassigned to others; their logs are gone. */
  readonly removed: readonly Partition[];
}

export class ReplicaManager {
  private readonly nodeId: number;
  private readonly logs: PartitionLogs;
  private readonly replication: Replication | null;
  private readonly context: ReplicaContext;
  private readonly byTopic = new Map<string, Map<number, Partition>>();
  /** All of them; null when that has changed. */
  private everyPartition: readonly Partition[] | null = null;
  private lagTimer: Timer | null = null;
  private isClosed = false;

  constructor(nodeId: number, logs: PartitionLogs, replication: Replication | null = null) {
    this.nodeId = nodeId;
    this.logs = logs;
    this.replication = replication;
    this.context = replication === null ? aloneContext(nodeId) : contextOf(nodeId, replication);
    this.armLagTimer();
  }

  partition(topic: string, partition: number): Partition | undefined {
    return this.byTopic.get(topic)?.get(partition);
  }

  partitionsOf(topic: string): IterableIterator<Partition> {
    return (this.byTopic.get(topic) ?? NO_PARTITIONS).values();
  }

  /** The same list until a partition comes or goes. */
  all(): readonly Partition[] {
    this.everyPartition ??= [...this.byTopic.values()].flatMap((partitions) => [...partitions.values()]);
    return this.everyPartition;
  }

  /** Brings a topic's partitions on this broker to what the metadata says. */
  hold(topic: string, topicId: string, replicas: readonly ReplicaToHold[], config: LogConfig): HeldChange {
    const change = { opened: [], elected: [], resigned: [], removed: [] } as Record<keyof HeldChange, Partition[]>;
    const partitions = this.byTopic.get(topic) ?? new Map<number, Partition>();
    this.byTopic.set(topic, partitions);
    for (const replica of replicas) {
      const existing = partitions.get(replica.partition);
      if (!replica.replicas.includes(this.nodeId)) {
        if (existing === undefined) continue;
        if (existing.isLeader) change.resigned.push(existing);
        partitions.delete(replica.partition);
        this.everyPartition = null;
        this.remove(existing);
        change.removed.push(existing);
        continue;
      }
      if (existing !== undefined) {
        const role = existing.changeLeadership(replica);
        if (role !== 'unchanged') change[role].push(existing);
        this.followLeader(existing);
        continue;
      }
      const log = this.logs.open(topic, replica.partition, topicId, config, replica.directoryId);
      const { context } = this;
      const options = { topic, partition: replica.partition, topicId, log, leadership: replica, context };
      const partition = new Partition(options);
      partitions.set(replica.partition, partition);
      this.everyPartition = null;
      change.opened.push(partition);
      if (partition.isLeader) change.elected.push(partition);
      this.followLeader(partition);
    }
    return change;
  }

  private followLeader(partition: Partition): void {
    const fetchers = this.replication?.fetchers;
    if (partition.isLeader || partition.leader === NO_LEADER || partition.log.offline !== null) {
      fetchers?.unfollow(partition);
    } else fetchers?.follow(partition);
  }

  /** The topic's settings changed. */
  reconfigure(topic: string, config: LogConfig): void {
    for (const partition of this.partitionsOf(topic)) partition.reconfigure(config);
  }

  /** The topic is gone from the metadata. */
  drop(topic: string): void {
    const partitions = this.byTopic.get(topic);
    if (partitions === undefined) return;
    this.byTopic.delete(topic);
    this.everyPartition = null;
    for (const partition of partitions.values()) this.remove(partition);
  }

  private remove(partition: Partition): void {
    this.replication?.fetchers.unfollow(partition);
    partition.markDeleted();
    this.logs.remove(partition.log);
  }

  /** Replicas that do not keep up leave the in-sync replicas, looked at every half of the time that they have. */
  private armLagTimer(): void {
    const { replication } = this;
    if (replication === null || this.isClosed) return;
    this.lagTimer = replication.clock.setTimer(replication.lagTimeMaxMs() / 2, () => {
      for (const partition of this.all()) partition.checkLag();
      this.armLagTimer();
    });
  }

  /** Partitions that this broker leads and whose replicas are not all in sync. */
  get underReplicatedCount(): number {
    return this.count((each) => each.isUnderReplicated);
  }

  /** Partitions that this broker leads and that have fewer in-sync replicas than min.insync.replicas. */
  get underMinInSyncCount(): number {
    return this.count((each) => each.isUnderMinInSync);
  }

  /** Partitions held here whose log dir failed. */
  get offlineCount(): number {
    return this.count((each) => each.log.offline !== null);
  }

  get leaderCount(): number {
    return this.count((each) => each.isLeader);
  }

  private count(holds: (partition: Partition) => boolean): number {
    let count = 0;
    for (const partition of this.all()) if (holds(partition)) count++;
    return count;
  }

  /** Nobody is followed and nobody leaves the in-sync replicas any more. Partitions stay as they are. */
  close(): void {
    this.isClosed = true;
    this.lagTimer?.cancel();
    this.replication?.fetchers.close();
  }
}

function contextOf(nodeId: number, replication: Replication): ReplicaContext {
  const { clock, brokers, changer } = replication;
  return {
    nodeId,
    brokerEpoch: () => replication.brokerEpoch(),
    brokers,
    changer,
    lagTimeMaxMs: () => replication.lagTimeMaxMs(),
    nowMs: () => clock.monotonic(),
    after: (delayMs, action) => void clock.setTimer(delayMs, action),
    onProblem: (message) => replication.onProblem(message),
  };
}

/** Of a broker without others: no follower fetches, so nobody is ever let in or out. */
function aloneContext(nodeId: number): ReplicaContext {
  return {
    nodeId,
    brokerEpoch: () => -1,
    brokers: { liveEpochOf: () => null, isEligible: () => false },
    changer: { change: () => Promise.reject(new Error('a broker alone has no replicas to let in or out')) },
    lagTimeMaxMs: () => 0,
    nowMs: () => 0,
    after: () => {},
    onProblem: () => {},
  };
}

const NO_PARTITIONS: ReadonlyMap<number, Partition> = new Map();

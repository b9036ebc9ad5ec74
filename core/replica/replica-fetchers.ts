import type { Partition } from './partition.ts';
import { type FetcherOptions, ReplicaFetcher } from './replica-fetcher.ts';

/**
 * Who fetches from whom: one fetcher a leader (num.replica.fetchers of them), each with a connection of its own.
 *
 * Invariant: a partition is followed by one fetcher at most, that of its leader. A fetcher stays when it has nothing left to follow: there are no more
 * of them than brokers.
 */
export interface ReplicaFetchersOptions extends FetcherOptions {
  /** num.replica.fetchers; asked at each use, it may be altered. */
  fetchersPerBroker(): number;
}

export class ReplicaFetchers {
  private readonly options: ReplicaFetchersOptions;
  private readonly fetchers = new Map<string, ReplicaFetcher>();
  private readonly byPartition = new Map<Partition, ReplicaFetcher>();
  private isClosed = false;

  constructor(options: ReplicaFetchersOptions) {
    this.options = options;
  }

  /** Follows the partition's leader as the partition knows it now; nobody while there is none. */
  follow(partition: Partition): void {
    if (this.isClosed || partition.leader < 0 || partition.leader === this.options.nodeId) {
      this.unfollow(partition);
      return;
    }
    const fetcher = this.fetcherOf(partition);
    const before = this.byPartition.get(partition);
    if (before !== fetcher) before?.remove(partition);
    this.byPartition.set(partition, fetcher);
    fetcher.add(partition);
  }

  unfollow(partition: Partition): void {
    this.byPartition.get(partition)?.remove(partition);
    this.byPartition.delete(partition);
  }

  /** After num.replica.fetchers was altered: every partition goes to the fetcher that is its now. */
  resize(): void {
    for (const partition of [...this.byPartition.keys()]) this.follow(partition);
  }

  /** Why a partition is not asked for until its leadership changes, or null. */
  stoppedBy(partition: Partition): string | null {
    return this.byPartition.get(partition)?.stoppedBy(partition) ?? null;
  }

  get failedCount(): number {
    let count = 0;
    for (const [partition, fetcher] of this.byPartition) if (fetcher.stoppedBy(partition) !== null) count++;
    return count;
  }

  /** The largest number of committed records that a followed partition lacks. */
  get maxLag(): number {
    let lag = 0;
    for (const fetcher of this.fetchers.values()) lag = Math.max(lag, fetcher.maxLag);
    return lag;
  }

  close(): void {
    this.isClosed = true;
    for (const fetcher of this.fetchers.values()) fetcher.close();
    this.byPartition.clear();
  }

  private fetcherOf({ leader, topic, partition }: Partition): ReplicaFetcher {
    const index = (hashOf(topic) + partition) % this.options.fetchersPerBroker();
    const key = `${leader}:${index}`;
    let fetcher = this.fetchers.get(key);
    if (fetcher === undefined) {
      fetcher = new ReplicaFetcher(leader, `replica-${index}`, this.options);
      this.fetchers.set(key, fetcher);
    }
    return fetcher;
  }
}

function hashOf(topic: string): number {
  let hash = 0;
  for (let i = 0; i < topic.length; i++) hash = (Math.imul(hash, 31) + topic.charCodeAt(i)) >>> 0;
  return hash;
}

import { ClientError } from '../client-error.ts';
import type { Connections } from '../connections.ts';
import type { Metadata } from '../metadata.ts';
import { lookUpOffsets, type OffsetAndTimestamp, type OffsetLookup, type TimeQuery } from './offsets.ts';
import type { Retries } from './retries.ts';
import { keyOf, type TopicPartition } from './topic-partition.ts';

/**
 * The offsets of the logs as this consumer's isolation level shows them: with read_committed a log ends at its last stable offset.
 * `once` is one attempt, for whoever retries himself; the others go on for default.api.timeout.ms.
 */
export class LogOffsets {
  private readonly connections: Connections;
  private readonly metadata: Metadata;
  private readonly isolationLevel: 0 | 1;
  private readonly retries: Retries;
  private readonly timeoutMs: number;

  constructor(
    connections: Connections,
    metadata: Metadata,
    isolationLevel: 0 | 1,
    retries: Retries,
    timeoutMs: number,
  ) {
    this.connections = connections;
    this.metadata = metadata;
    this.isolationLevel = isolationLevel;
    this.retries = retries;
    this.timeoutMs = timeoutMs;
  }

  /** Rejects with ClientError for what a retry does not cure. */
  once(queries: readonly TimeQuery[]): Promise<OffsetLookup> {
    return lookUpOffsets(this.connections, this.metadata, queries, this.isolationLevel);
  }

  /** By partition; null where no record is at or after the time. */
  async forTimes(queries: readonly TimeQuery[]): Promise<ReadonlyMap<string, OffsetAndTimestamp | null>> {
    const found = await this.all(queries, 'offsets for times');
    return new Map([...found].map(([key, each]) => [key, each.offset < 0 ? null : each]));
  }

  /** The offset at one timestamp for all: EARLIEST_TIMESTAMP, LATEST_TIMESTAMP. */
  async at(partitions: readonly TopicPartition[], timestamp: number): Promise<ReadonlyMap<string, number>> {
    const queries = partitions.map(({ topic, partition }) => ({ topic, partition, timestamp }));
    const found = await this.all(queries, 'offsets');
    return new Map([...found].map(([key, { offset }]) => [key, offset]));
  }

  private async all(queries: readonly TimeQuery[], what: string): Promise<ReadonlyMap<string, OffsetAndTimestamp>> {
    const all = new Map<string, OffsetAndTimestamp>();
    let left = queries;
    for (const { topic } of queries) this.metadata.want(topic);
    await this.retries.run(what, this.timeoutMs, async () => {
      const { found, retry } = await this.once(left);
      for (const [key, each] of found) all.set(key, each);
      const again = new Set(retry.map(keyOf));
      left = left.filter((query) => again.has(keyOf(query)));
      if (left.length > 0) throw new ClientError('LEADER_NOT_AVAILABLE', what, { retriable: true });
    });
    return all;
  }
}

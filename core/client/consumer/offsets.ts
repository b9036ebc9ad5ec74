import { ErrorCode, errorOf } from '../../protocol/errors.ts';
import { ListOffsets } from '../../protocol/messages/02-list-offsets.ts';
import { brokerError, ClientError } from '../client-error.ts';
import type { Connections } from '../connections.ts';
import type { Metadata } from '../metadata.ts';
import { groupByTopic, keyOf, type TopicPartition } from './topic-partition.ts';

/** Looking up offsets by time or by the log's ends, at the leaders. One attempt: waiting and retrying belong to the caller. */
export interface OffsetAndTimestamp {
  /** −1 when no record is at or after the time. */
  readonly offset: number;
  readonly timestamp: number;
  readonly leaderEpoch: number;
}

export interface OffsetLookup {
  readonly found: ReadonlyMap<string, OffsetAndTimestamp>;
  /** Partitions to ask again; metadata has been told. */
  readonly retry: readonly TopicPartition[];
}

export interface TimeQuery extends TopicPartition {
  readonly timestamp: number;
}

/** Throws ClientError for what a retry does not cure. */
export async function lookUpOffsets(
  connections: Connections,
  metadata: Metadata,
  queries: readonly TimeQuery[],
  isolationLevel: 0 | 1,
): Promise<OffsetLookup> {
  const found = new Map<string, OffsetAndTimestamp>();
  const retry: TopicPartition[] = [];
  const byNode = new Map<number, TimeQuery[]>();
  for (const query of queries) {
    const leader = metadata.partition(query.topic, query.partition)?.leader ?? -1;
    if (leader < 0 || connections.link(leader) === null) retry.push(query);
    else byNode.set(leader, [...(byNode.get(leader) ?? []), query]);
  }
  let fatal: ClientError | null = null;
  const ask = async (nodeId: number, group: readonly TimeQuery[]) => {
    const topics = [...groupByTopic(group)].map(([name, partitions]) => ({
      name,
      partitions: partitions.map(({ partition, timestamp }) => ({
        partitionIndex: partition,
        currentLeaderEpoch: metadata.partition(name, partition)?.leaderEpoch ?? -1,
        timestamp,
      })),
    }));
    let answered = new Set<string>();
    try {
      const body = { replicaId: -1, isolationLevel, topics, timeoutMs: 30_000 };
      const response = await connections.link(nodeId)!.request(ListOffsets, body);
      for (const topic of response.topics) {
        for (const each of topic.partitions) {
          const place = { topic: topic.name, partition: each.partitionIndex };
          answered.add(keyOf(place));
          if (each.errorCode === ErrorCode.NONE) {
            const { offset, timestamp, leaderEpoch } = each;
            found.set(keyOf(place), { offset, timestamp, leaderEpoch });
          } else if (errorOf(each.errorCode).retriable) retry.push(place);
          else fatal ??= brokerError(each.errorCode, `offsets of ${keyOf(place)}`);
        }
      }
    } catch (error) {
      if (error instanceof ClientError) throw error;
      answered = new Set();
    }
    for (const query of group) if (!answered.has(keyOf(query))) retry.push(query);
  };
  await Promise.all([...byNode].map(([nodeId, group]) => ask(nodeId, group)));
  if (fatal !== null) throw fatal as ClientError;
  if (retry.length > 0) metadata.requestUpdate();
  return { found, retry };
}

/** A committed position. */
export interface OffsetAndMetadata {
  /** The next offset to be read. */
  readonly offset: number;
  /** Of the record before it; −1 unknown. */
  readonly leaderEpoch?: number;
  readonly metadata?: string;
}

export interface PartitionOffset extends TopicPartition, OffsetAndMetadata {}

export { EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, MAX_TIMESTAMP } from './timestamps.ts';

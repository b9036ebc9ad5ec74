import type { Fetch } from '../protocol/messages/01-fetch.ts';
import type { RequestInput } from '../protocol/schema.ts';
import type { SessionRequest, WantedPartition } from './fetcher-session.ts';
import type { Partition } from './partition.ts';

/** A follower's Fetch: what it asks for, from its log's end on, and within which limits. */
export interface FetcherSettings {
  /** replica.fetch.wait.max.ms */
  readonly fetchWaitMsMax: number;
  /** replica.fetch.min.bytes */
  readonly fetchMinBytes: number;
  /** replica.fetch.max.bytes: of one partition. */
  readonly fetchBytesMax: number;
  /** replica.fetch.response.max.bytes */
  readonly responseBytesMax: number;
  /** replica.fetch.backoff.ms */
  readonly backoffMs: number;
  /** replica.socket.timeout.ms */
  readonly requestTimeoutMs: number;
}

export const DEFAULT_FETCHER_SETTINGS: FetcherSettings = {
  fetchWaitMsMax: 500,
  fetchMinBytes: 1,
  fetchBytesMax: 1024 * 1024,
  responseBytesMax: 10 * 1024 * 1024,
  backoffMs: 1000,
  requestTimeoutMs: 30_000,
};

const READ_UNCOMMITTED = 0;

export function wantedOf(partition: Partition, key: string, leaderEpoch: number): WantedPartition {
  const { topic, topicId, log } = partition;
  return {
    key,
    topic,
    topicId,
    partition: partition.partition,
    currentLeaderEpoch: leaderEpoch,
    fetchOffset: log.logEndOffset,
    lastFetchedEpoch: log.epochs.latestEpoch,
    logStartOffset: log.logStartOffset,
  };
}

export function fetchRequest(
  { sessionId, sessionEpoch, named, forgotten }: SessionRequest,
  replicaId: number,
  replicaEpoch: number,
  settings: FetcherSettings,
): RequestInput<typeof Fetch> {
  return {
    replicaId,
    replicaState: { replicaId, replicaEpoch },
    maxWaitMs: settings.fetchWaitMsMax,
    minBytes: settings.fetchMinBytes,
    maxBytes: settings.responseBytesMax,
    isolationLevel: READ_UNCOMMITTED,
    sessionId,
    sessionEpoch,
    topics: byTopic(named).map(({ partitions, ...topic }) => ({
      ...topic,
      partitions: partitions.map((each) => ({ ...each, partitionMaxBytes: settings.fetchBytesMax })),
    })),
    forgottenTopicsData: byTopic(forgotten).map(({ partitions, ...topic }) => ({
      ...topic,
      partitions: partitions.map((each) => each.partition),
    })),
  };
}

/** Neighbours of one topic together; the order, in which the leader fills its answer, stays. */
function byTopic(wanted: readonly WantedPartition[]) {
  const topics: { readonly topic: string; readonly topicId: string; readonly partitions: WantedPartition[] }[] = [];
  for (const each of wanted) {
    const last = topics.at(-1);
    if (last?.topicId === each.topicId) last.partitions.push(each);
    else topics.push({ topic: each.topic, topicId: each.topicId, partitions: [each] });
  }
  return topics;
}

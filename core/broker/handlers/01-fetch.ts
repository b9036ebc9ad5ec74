import { ErrorCode } from '../../protocol/errors.ts';
import { Fetch } from '../../protocol/messages/01-fetch.ts';
import type { RequestOf, ResponseInput } from '../../protocol/schema.ts';
import type { Partition } from '../../replica/partition.ts';
import { failedRead, type IsolationLevel, type PartitionRead } from '../../replica/partition-read.ts';
import { type FetchOrigin, fetchOrigin, NO_PREFERRED_REPLICA, preferredReplica } from '../fetch-origin.ts';
import { type FetchContext, type FetchPartition, NO_SESSION } from '../fetch-sessions.ts';
import { handlerOf, type RequestCall } from '../handler.ts';
import type { BrokerServices } from '../services.ts';
import { nodeEndpoints } from './00-produce.ts';

/**
 * Fetch 4–18: stored batches as they lie in their files, never decoded. What is returned are file slices: a slow reader holds positions, not bytes.
 *
 * Limits: `maxBytes` of the request (and fetch.max.bytes) and of each partition, in the request's order; the first partition with data gives at least one whole
 * batch even above them. Parked until `minBytes` are there, an error shows, a leader changes, or `maxWaitMs` is over.
 * A follower reads to the log's end; its offset says how far its own log reaches, and a watermark that it was not told yet is told at once. Quotas of
 * clients and fetch.max.bytes are not for it. A consumer may be sent to a replica in its rack (v11), and reads there up to that replica's watermark.
 * Over its quota (C40) the client gets an empty answer with the time for which it is silenced; what it asked for does not count then.
 * v7 has sessions; v10 zstd; v11 racks; v12 diverging epochs; v13 topic ids; v15 followers' epochs.
 */
const ZSTD_SINCE = 10;
const TOPIC_IDS_SINCE = 13;
const READ_COMMITTED = 1;
/** What a partition adds to an answer beside its records, about. */
const PARTITION_BYTES = 64;

interface Item {
  readonly wanted: FetchPartition;
  readonly partition: Partition | null;
  /** Why it cannot be read at all. */
  readonly errorCode: number;
}

interface ItemRead extends PartitionRead {
  /** −1 = none: there is nothing to read here then. */
  readonly preferredReadReplica: number;
}

interface Reads {
  readonly reads: readonly ItemRead[];
  readonly bytes: number;
  /** An error, a diverging epoch, another replica to read from, or a watermark that the follower was not told: to be heard of now. */
  readonly hasNews: boolean;
}

/** One fetch, as long as it is looked at. */
interface FetchCall {
  readonly broker: BrokerServices;
  readonly call: RequestCall;
  readonly origin: FetchOrigin;
  readonly items: readonly Item[];
  readonly isolationLevel: IsolationLevel;
  readonly bytesMax: number;
}

export const fetchHandler = handlerOf(Fetch, (broker, request, call) => {
  const context = openContext(broker, request, call);
  if (context.kind === 'error') return { errorCode: context.errorCode, sessionId: 0, responses: [] };
  const origin = fetchOrigin(request, call.apiVersion);
  const items = context.partitions.map((wanted) => itemOf(broker, wanted, call));
  const fetch: FetchCall = {
    broker,
    call,
    origin,
    items,
    isolationLevel: request.isolationLevel === READ_COMMITTED ? 'read_committed' : 'read_uncommitted',
    bytesMax: origin.kind === 'follower' ? request.maxBytes : clientBytesMax(broker, request.maxBytes, call),
  };
  if (origin.kind === 'follower') call.throttle.exempt();
  const minBytes = Math.min(request.minBytes, fetch.bytesMax);
  const isEnough = (reads: Reads) => reads.bytes >= minBytes || reads.hasNews;
  const first = readAll(fetch, true);
  if (request.maxWaitMs <= 0 || items.length === 0 || isEnough(first)) return answer(fetch, context, first);
  return broker.purgatory
    .park({
      partitions: items.flatMap(({ partition }) => {
        if (partition === null) return [];
        return [origin.kind === 'follower' ? partition.appends : partition];
      }),
      timeoutMs: request.maxWaitMs,
      connection: call.connection,
      isSatisfied: () => mayHaveNews(fetch) && isEnough(readAll(fetch, false)),
    })
    .then(() => answer(fetch, context, readAll(fetch, false)));
});

function clientBytesMax(broker: BrokerServices, maxBytes: number, { throttle }: RequestCall): number {
  return Math.min(maxBytes, broker.config.number('fetch.max.bytes'), broker.quotas.fetch.windowMax(throttle.holder));
}

function openContext(broker: BrokerServices, request: RequestOf<typeof Fetch>, call: RequestCall): FetchContext {
  const usesTopicIds = call.apiVersion >= TOPIC_IDS_SINCE;
  const nameOf = (topic: string, topicId: string): string =>
    usesTopicIds ? (broker.image.topicById(topicId)?.name ?? '') : topic;
  const partitions: FetchPartition[] = [];
  for (const { topic, topicId, partitions: wanted } of request.topics) {
    const name = nameOf(topic, topicId);
    for (const each of wanted) {
      partitions.push({
        topic: name,
        topicId,
        partition: each.partition,
        fetchOffset: each.fetchOffset,
        maxBytes: each.partitionMaxBytes,
        currentLeaderEpoch: each.currentLeaderEpoch,
        lastFetchedEpoch: each.lastFetchedEpoch,
        logStartOffset: each.logStartOffset,
      });
    }
  }
  return broker.fetchSessions.open({
    sessionId: request.sessionId,
    sessionEpoch: request.sessionEpoch,
    usesTopicIds,
    partitions,
    forgotten: request.forgottenTopicsData.flatMap(({ topic, topicId, partitions }) =>
      partitions.map((partition) => ({ topic: nameOf(topic, topicId), topicId, partition })),
    ),
  });
}

function itemOf(broker: BrokerServices, wanted: FetchPartition, call: RequestCall): Item {
  const failed = (errorCode: number): Item => ({ wanted, partition: null, errorCode });
  let topic = wanted.topic;
  if (call.apiVersion >= TOPIC_IDS_SINCE) {
    // Looked up at every request: the topic may have come, or gone, since the session named it.
    const known = broker.image.topicById(wanted.topicId);
    if (known === undefined) return failed(errorOfGone(broker, topic));
    topic = known.name;
  }
  const partition = broker.replicas.partition(topic, wanted.partition);
  if (partition === undefined) return failed(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  if (call.apiVersion < ZSTD_SINCE && partition.log.config.compressionType === 'zstd') {
    return failed(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE);
  }
  return { wanted, partition, errorCode: ErrorCode.NONE };
}

/** What there is to say of an id that no topic has: a session that knew its name is told more. */
function errorOfGone(broker: BrokerServices, name: string): number {
  if (name === '') return ErrorCode.UNKNOWN_TOPIC_ID;
  return broker.image.topics.has(name) ? ErrorCode.INCONSISTENT_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
}

/** `isNew`: the request came in just now, not from where it was parked. */
function readAll(fetch: FetchCall, isNew: boolean): Reads {
  const { origin, items, isolationLevel } = fetch;
  let bytesLeft = fetch.bytesMax;
  let bytes = 0;
  let hasNews = false;
  const reads = items.map(({ wanted, partition, errorCode }): ItemRead => {
    if (partition === null) {
      hasNews = true;
      return { ...failedRead(errorCode), preferredReadReplica: NO_PREFERRED_REPLICA };
    }
    const preferredReadReplica = preferredReplica(fetch.broker, fetch.call, origin, partition, wanted.fetchOffset);
    const isElsewhere = preferredReadReplica !== NO_PREFERRED_REPLICA;
    const read = partition.read({
      offset: wanted.fetchOffset,
      maxBytes: isElsewhere ? 0 : Math.max(0, Math.min(wanted.maxBytes, bytesLeft)),
      minOneBatch: bytes === 0 && !isElsewhere,
      isolationLevel,
      currentLeaderEpoch: wanted.currentLeaderEpoch,
      lastFetchedEpoch: wanted.lastFetchedEpoch,
      allowsFollower: origin.kind === 'consumer' && origin.allowsFollower,
      follower: origin.kind === 'follower' ? { ...origin, logStartOffset: wanted.logStartOffset, isNew } : undefined,
    });
    const isUntold = origin.kind === 'follower' && partition.isBehindWatermark(origin.brokerId);
    if (read.errorCode !== ErrorCode.NONE || read.divergingEpoch !== null || isElsewhere || isUntold) hasNews = true;
    const length = read.slice?.length ?? 0;
    bytes += length;
    bytesLeft -= length;
    return { ...read, preferredReadReplica };
  });
  return { reads, bytes, hasNews };
}

/** Cheap: whether a look at the logs could find more than nothing. */
function mayHaveNews({ origin, items, isolationLevel }: FetchCall): boolean {
  return items.some(({ wanted, partition }) => {
    if (partition === null || partition.log.logStartOffset > wanted.fetchOffset) return true;
    const { currentLeaderEpoch, fetchOffset } = wanted;
    if (origin.kind === 'follower') {
      return (
        partition.log.logEndOffset > fetchOffset ||
        partition.isBehindWatermark(origin.brokerId) ||
        partition.checkFetch(origin, currentLeaderEpoch) !== ErrorCode.NONE
      );
    }
    const problem = origin.allowsFollower
      ? partition.checkReplica(currentLeaderEpoch)
      : partition.check(currentLeaderEpoch);
    return problem !== ErrorCode.NONE || partition.readableEnd(isolationLevel) > fetchOffset;
  });
}

interface TopicAnswer {
  readonly topic: string;
  readonly topicId: string;
  readonly partitions: ReturnType<typeof partitionAnswer>[];
}

function answer(
  { broker, call, origin, items }: FetchCall,
  context: Exclude<FetchContext, { kind: 'error' }>,
  { reads, bytes }: Reads,
): ResponseInput<typeof Fetch> {
  const { session } = context;
  if (origin.kind === 'consumer' && isThrottled(broker, call, bytes + items.length * PARTITION_BYTES)) {
    const sessionId = context.kind === 'incremental' ? session!.id : NO_SESSION;
    if (context.kind === 'full' && session !== null) broker.fetchSessions.forget(session);
    return { errorCode: ErrorCode.NONE, sessionId, responses: [] };
  }
  const responses: TopicAnswer[] = [];
  const newLeaders = new Set<number>();
  items.forEach(({ wanted, partition }, i) => {
    const read = reads[i]!;
    if (origin.kind === 'follower' && read.errorCode === ErrorCode.NONE && read.divergingEpoch === null) {
      partition?.noteSent(origin.brokerId, read.highWatermark);
    }
    if (session !== null) {
      const isTold = session.mustTell(wanted, {
        errorCode: read.errorCode,
        highWatermark: read.highWatermark,
        logStartOffset: read.logStartOffset,
        bytes: read.slice?.length ?? 0,
        hasNews: read.divergingEpoch !== null || read.preferredReadReplica !== NO_PREFERRED_REPLICA,
      });
      if (context.kind === 'incremental' && !isTold) return;
    }
    const told = partitionAnswer(wanted, partition, read);
    if (told.currentLeader !== undefined) newLeaders.add(told.currentLeader.leaderId);
    // Neighbours of one topic share an entry; the order of partitions stays that of the request.
    const last = responses.at(-1);
    if (last !== undefined && last.topic === wanted.topic && last.topicId === wanted.topicId)
      last.partitions.push(told);
    else responses.push({ topic: wanted.topic, topicId: wanted.topicId, partitions: [told] });
  });
  if (origin.kind === 'consumer') broker.metrics.bytesFetched += bytes;
  return {
    errorCode: ErrorCode.NONE,
    sessionId: session?.id ?? 0,
    responses,
    nodeEndpoints: nodeEndpoints(broker, call, newLeaders),
  };
}

/** Charges the answer to the client's quotas, unless it is over one of them. */
function isThrottled(broker: BrokerServices, call: RequestCall, bytes: number): boolean {
  const { fetch } = broker.quotas;
  call.throttle.chargeTime();
  if (fetch.isEnabled) {
    const nowMs = broker.clock.monotonic();
    call.throttle.atLeast(fetch.record(call.throttle.holder, bytes, nowMs));
    if (call.throttle.throttleMs > 0) fetch.takeBack(call.throttle.holder, bytes, nowMs);
  }
  return call.throttle.throttleMs > 0;
}

function partitionAnswer(wanted: FetchPartition, partition: Partition | null, read: ItemRead) {
  const isMoved =
    read.errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER || read.errorCode === ErrorCode.FENCED_LEADER_EPOCH;
  return {
    partitionIndex: wanted.partition,
    errorCode: read.errorCode,
    highWatermark: read.highWatermark,
    lastStableOffset: read.lastStableOffset,
    logStartOffset: read.logStartOffset,
    divergingEpoch: read.divergingEpoch ?? undefined,
    currentLeader:
      isMoved && partition !== null ? { leaderId: partition.leader, leaderEpoch: partition.leaderEpoch } : undefined,
    // As in Kafka: none, and not «not asked for», of a partition that is unknown.
    abortedTransactions:
      partition === null
        ? []
        : (read.abortedTransactions?.map(({ producerId, firstOffset }) => ({ producerId, firstOffset })) ?? null),
    preferredReadReplica: read.preferredReadReplica,
    records: read.slice === null ? [] : [read.slice],
  };
}

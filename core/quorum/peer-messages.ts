import { ErrorCode } from '../protocol/errors.ts';
import type { Fetch } from '../protocol/messages/01-fetch.ts';
import type { Vote } from '../protocol/messages/52-vote.ts';
import type { BeginQuorumEpoch } from '../protocol/messages/53-begin-quorum-epoch.ts';
import type { EndQuorumEpoch } from '../protocol/messages/54-end-quorum-epoch.ts';
import type { FetchSnapshot } from '../protocol/messages/59-fetch-snapshot.ts';
import type { RequestInput, RequestOf, ResponseInput, ResponseOf } from '../protocol/schema.ts';
import { ZERO_UUID } from '../protocol/writer.ts';
import { METADATA_TOPIC, METADATA_TOPIC_ID } from './quorum-log.ts';
import type {
  BeginEpochAnswer,
  BeginEpochRequest,
  EndEpochAnswer,
  EndEpochRequest,
  FetchAnswer,
  FetchRequest,
  FetchSnapshotAnswer,
  FetchSnapshotRequest,
  VoteAnswer,
  VoteRequest,
} from './raft-events.ts';
import type { VoterSet } from './voters.ts';

/**
 * The core's requests and answers as Kafka's messages, and back. What a message says beyond them (cluster, topic, the voter that is meant) is checked here:
 * who asks for something else gets an error code in place of a request.
 */
export interface Me {
  readonly nodeId: number;
  readonly clusterId: string;
  readonly directoryId: string;
  readonly voters: VoterSet;
}

const NOTHING = Buffer.alloc(0);
const PARTITION = 0;

/** A request, the code of the whole answer, or that of its partition. */
export type Decoded<T> = { readonly request: T } | { readonly errorCode: number };
export type DecodedForVoter<T> = Decoded<T> | { readonly partitionErrorCode: number };

function isOtherCluster(me: Me, clusterId: string | null): boolean {
  return clusterId !== null && clusterId !== me.clusterId;
}

/** The one partition of a request that names exactly that. */
function onlyPartition<P>(
  topics: readonly { readonly topicName: string; readonly partitions: readonly P[] }[],
  indexOf: (partition: P) => number,
): P | null {
  const [topic] = topics;
  if (topics.length !== 1 || topic!.topicName !== METADATA_TOPIC || topic!.partitions.length !== 1) return null;
  const partition = topic!.partitions[0]!;
  return indexOf(partition) === PARTITION ? partition : null;
}

export function decodeVote(me: Me, message: RequestOf<typeof Vote>): DecodedForVoter<VoteRequest> {
  if (isOtherCluster(me, message.clusterId)) return { errorCode: ErrorCode.INCONSISTENT_CLUSTER_ID };
  const partition = onlyPartition(message.topics, (each) => each.partitionIndex);
  if (partition === null) return { errorCode: ErrorCode.INVALID_REQUEST };
  const isMeant = message.voterId < 0 || message.voterId === me.nodeId;
  if (!isMeant) return { partitionErrorCode: ErrorCode.INVALID_VOTER_KEY };
  const { replicaId: candidateId, replicaEpoch: epoch, lastOffsetEpoch: lastEpoch } = partition;
  const { lastOffset: endOffset, preVote: isPreVote } = partition;
  return { request: { kind: 'vote', candidateId, epoch, lastEpoch, endOffset, isPreVote } };
}

export function encodeVote(me: Me, to: number, request: VoteRequest): RequestInput<typeof Vote> {
  const partition = {
    partitionIndex: PARTITION,
    replicaEpoch: request.epoch,
    replicaId: request.candidateId,
    replicaDirectoryId: me.directoryId,
    voterDirectoryId: ZERO_UUID,
    lastOffsetEpoch: request.lastEpoch,
    lastOffset: request.endOffset,
    preVote: request.isPreVote,
  };
  return { clusterId: me.clusterId, voterId: to, topics: [{ topicName: METADATA_TOPIC, partitions: [partition] }] };
}

export function encodeVoteAnswer(me: Me, answer: VoteAnswer): ResponseInput<typeof Vote> {
  const partition = { ...leaderFields(answer), voteGranted: answer.isGranted };
  return { ...topicFields(partition), ...endpoints(me, answer.leaderId) };
}

export function decodeVoteAnswer(message: ResponseOf<typeof Vote>, isPreVote: boolean): VoteAnswer | null {
  const partition = message.topics[0]?.partitions[0];
  if (message.errorCode !== ErrorCode.NONE || partition === undefined) return null;
  return { kind: 'vote', ...answerFields(partition), isGranted: partition.voteGranted, isPreVote };
}

export function decodeBeginEpoch(
  me: Me,
  message: RequestOf<typeof BeginQuorumEpoch>,
): DecodedForVoter<BeginEpochRequest> {
  if (isOtherCluster(me, message.clusterId)) return { errorCode: ErrorCode.INCONSISTENT_CLUSTER_ID };
  const partition = onlyPartition(message.topics, (each) => each.partitionIndex);
  if (partition === null) return { errorCode: ErrorCode.INVALID_REQUEST };
  const isMeant = message.voterId < 0 || message.voterId === me.nodeId;
  if (!isMeant) return { partitionErrorCode: ErrorCode.INVALID_VOTER_KEY };
  return { request: { kind: 'beginEpoch', leaderId: partition.leaderId, epoch: partition.leaderEpoch } };
}

export function encodeBeginEpoch(
  me: Me,
  to: number,
  request: BeginEpochRequest,
): RequestInput<typeof BeginQuorumEpoch> {
  const partition = {
    partitionIndex: PARTITION,
    voterDirectoryId: ZERO_UUID,
    leaderId: request.leaderId,
    leaderEpoch: request.epoch,
  };
  // Without endpoints: every voter knows those of the others.
  return { clusterId: me.clusterId, voterId: to, topics: [{ topicName: METADATA_TOPIC, partitions: [partition] }] };
}

export function decodeEndEpoch(me: Me, message: RequestOf<typeof EndQuorumEpoch>): Decoded<EndEpochRequest> {
  if (isOtherCluster(me, message.clusterId)) return { errorCode: ErrorCode.INCONSISTENT_CLUSTER_ID };
  const partition = onlyPartition(message.topics, (each) => each.partitionIndex);
  if (partition === null) return { errorCode: ErrorCode.INVALID_REQUEST };
  const { leaderId, leaderEpoch: epoch, preferredSuccessors } = partition;
  const candidates = partition.preferredCandidates.map(({ candidateId }) => candidateId);
  const preferredCandidates = candidates.length > 0 ? candidates : preferredSuccessors;
  return { request: { kind: 'endEpoch', leaderId, epoch, preferredCandidates } };
}

export function encodeEndEpoch(me: Me, request: EndEpochRequest): RequestInput<typeof EndQuorumEpoch> {
  const { preferredCandidates } = request;
  const partition = {
    partitionIndex: PARTITION,
    leaderId: request.leaderId,
    leaderEpoch: request.epoch,
    preferredSuccessors: preferredCandidates,
    preferredCandidates: preferredCandidates.map((candidateId) => ({ candidateId, candidateDirectoryId: ZERO_UUID })),
  };
  return { clusterId: me.clusterId, topics: [{ topicName: METADATA_TOPIC, partitions: [partition] }] };
}

/** Of BeginQuorumEpoch and EndQuorumEpoch. */
export function encodeEpochAnswer(
  me: Me,
  answer: BeginEpochAnswer | EndEpochAnswer,
): ResponseInput<typeof BeginQuorumEpoch> {
  return { ...topicFields(leaderFields(answer)), ...endpoints(me, answer.leaderId) };
}

export function decodeEpochAnswer<K extends 'beginEpoch' | 'endEpoch'>(
  kind: K,
  message: ResponseOf<typeof BeginQuorumEpoch>,
): { kind: K; errorCode: number; leaderId: number; epoch: number } | null {
  const partition = message.topics[0]?.partitions[0];
  if (message.errorCode !== ErrorCode.NONE || partition === undefined) return null;
  return { kind, ...answerFields(partition) };
}

/** Any version from 4: a topic goes by its name up to 12, by its id from 13. */
export function decodeFetch(me: Me, message: RequestOf<typeof Fetch>): Decoded<FetchRequest> {
  if (isOtherCluster(me, message.clusterId)) return { errorCode: ErrorCode.INCONSISTENT_CLUSTER_ID };
  const [topic] = message.topics;
  const partition = topic?.partitions[0];
  const isMetadata = topic?.topicId === METADATA_TOPIC_ID || topic?.topic === METADATA_TOPIC;
  const isOnly = message.topics.length === 1 && topic!.partitions.length === 1 && partition!.partition === PARTITION;
  if (!isMetadata || !isOnly) return { errorCode: ErrorCode.INVALID_REQUEST };
  const { replicaId: statedId } = message.replicaState;
  const { highWatermark, currentLeaderEpoch, fetchOffset, lastFetchedEpoch } = partition!;
  return {
    request: {
      kind: 'fetch',
      replicaId: statedId >= 0 ? statedId : message.replicaId,
      directoryId: partition!.replicaDirectoryId,
      epoch: currentLeaderEpoch,
      fetchOffset,
      lastFetchedEpoch,
      highWatermark,
      maxWaitMs: message.maxWaitMs,
      maxBytes: Math.min(
        message.maxBytes,
        partition!.partitionMaxBytes > 0 ? partition!.partitionMaxBytes : message.maxBytes,
      ),
    },
  };
}

export function encodeFetch(me: Me, request: FetchRequest): RequestInput<typeof Fetch> {
  const partition = {
    partition: PARTITION,
    currentLeaderEpoch: request.epoch,
    fetchOffset: request.fetchOffset,
    lastFetchedEpoch: request.lastFetchedEpoch,
    partitionMaxBytes: request.maxBytes,
    replicaDirectoryId: me.directoryId,
    highWatermark: request.highWatermark,
  };
  return {
    clusterId: me.clusterId,
    replicaId: request.replicaId,
    replicaState: { replicaId: request.replicaId, replicaEpoch: -1 },
    maxWaitMs: request.maxWaitMs,
    minBytes: 0,
    maxBytes: request.maxBytes,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [{ topic: METADATA_TOPIC, topicId: METADATA_TOPIC_ID, partitions: [partition] }],
  };
}

export function encodeFetchAnswer(me: Me, answer: FetchAnswer): ResponseInput<typeof Fetch> {
  const { diverging, snapshotId, leaderId } = answer;
  const address = leaderId < 0 ? null : me.voters.addressOf(leaderId);
  return {
    errorCode: ErrorCode.NONE,
    nodeEndpoints: address === null ? [] : [{ nodeId: leaderId, ...address }],
    responses: [
      {
        topic: METADATA_TOPIC,
        topicId: METADATA_TOPIC_ID,
        partitions: [
          {
            partitionIndex: PARTITION,
            errorCode: answer.errorCode,
            highWatermark: answer.highWatermark,
            lastStableOffset: -1,
            logStartOffset: answer.logStartOffset,
            divergingEpoch: diverging === null ? undefined : { epoch: diverging.epoch, endOffset: diverging.offset },
            currentLeader: { leaderId, leaderEpoch: answer.epoch },
            snapshotId: snapshotId === null ? undefined : { endOffset: snapshotId.offset, epoch: snapshotId.epoch },
            abortedTransactions: null,
            records: answer.records ?? NOTHING,
          },
        ],
      },
    ],
  };
}

export function decodeFetchAnswer(message: ResponseOf<typeof Fetch>): FetchAnswer | null {
  const partition = message.responses[0]?.partitions[0];
  if (message.errorCode !== ErrorCode.NONE || partition === undefined) return null;
  const { divergingEpoch, snapshotId, currentLeader, records } = partition;
  return {
    kind: 'fetch',
    errorCode: partition.errorCode,
    leaderId: currentLeader.leaderId,
    epoch: currentLeader.leaderEpoch,
    highWatermark: partition.highWatermark,
    logStartOffset: partition.logStartOffset,
    diverging: divergingEpoch.epoch < 0 ? null : { epoch: divergingEpoch.epoch, offset: divergingEpoch.endOffset },
    snapshotId: snapshotId.endOffset < 0 ? null : { offset: snapshotId.endOffset, epoch: snapshotId.epoch },
    records,
    readFrom: null,
  };
}

export function decodeFetchSnapshot(me: Me, message: RequestOf<typeof FetchSnapshot>): Decoded<FetchSnapshotRequest> {
  if (isOtherCluster(me, message.clusterId)) return { errorCode: ErrorCode.INCONSISTENT_CLUSTER_ID };
  const topics = message.topics.map(({ name, partitions }) => ({ topicName: name, partitions }));
  const partition = onlyPartition(topics, (each) => each.partition);
  if (partition === null) return { errorCode: ErrorCode.INVALID_REQUEST };
  const { snapshotId, position, currentLeaderEpoch } = partition;
  return {
    request: {
      kind: 'fetchSnapshot',
      replicaId: message.replicaId,
      epoch: currentLeaderEpoch,
      snapshotId: { offset: snapshotId.endOffset, epoch: snapshotId.epoch },
      position,
      maxBytes: message.maxBytes,
    },
  };
}

export function encodeFetchSnapshot(me: Me, request: FetchSnapshotRequest): RequestInput<typeof FetchSnapshot> {
  const partition = {
    partition: PARTITION,
    currentLeaderEpoch: request.epoch,
    snapshotId: { endOffset: request.snapshotId.offset, epoch: request.snapshotId.epoch },
    position: request.position,
    replicaDirectoryId: me.directoryId,
  };
  return {
    clusterId: me.clusterId,
    replicaId: request.replicaId,
    maxBytes: request.maxBytes,
    topics: [{ name: METADATA_TOPIC, partitions: [partition] }],
  };
}

export function encodeFetchSnapshotAnswer(me: Me, answer: FetchSnapshotAnswer): ResponseInput<typeof FetchSnapshot> {
  const partition = {
    index: PARTITION,
    errorCode: answer.errorCode,
    snapshotId: { endOffset: answer.snapshotId.offset, epoch: answer.snapshotId.epoch },
    currentLeader: { leaderId: answer.leaderId, leaderEpoch: answer.epoch },
    size: answer.size,
    position: answer.position,
    unalignedRecords: answer.bytes,
  };
  return {
    errorCode: ErrorCode.NONE,
    topics: [{ name: METADATA_TOPIC, partitions: [partition] }],
    ...endpoints(me, answer.leaderId),
  };
}

export function decodeFetchSnapshotAnswer(message: ResponseOf<typeof FetchSnapshot>): FetchSnapshotAnswer | null {
  const partition = message.topics[0]?.partitions[0];
  if (message.errorCode !== ErrorCode.NONE || partition === undefined) return null;
  const { snapshotId, currentLeader } = partition;
  return {
    kind: 'fetchSnapshot',
    errorCode: partition.errorCode,
    leaderId: currentLeader.leaderId,
    epoch: currentLeader.leaderEpoch,
    snapshotId: { offset: snapshotId.endOffset, epoch: snapshotId.epoch },
    position: partition.position,
    size: partition.size,
    bytes: partition.unalignedRecords ?? NOTHING,
    maxBytes: 0,
  };
}

function topicFields<P extends object>(partition: P) {
  return { errorCode: ErrorCode.NONE, topics: [{ topicName: METADATA_TOPIC, partitions: [partition] }] };
}

function leaderFields(answer: { readonly errorCode: number; readonly leaderId: number; readonly epoch: number }) {
  const { errorCode, leaderId, epoch: leaderEpoch } = answer;
  return { partitionIndex: PARTITION, errorCode, leaderId, leaderEpoch };
}

function answerFields(fields: { readonly errorCode: number; readonly leaderId: number; readonly leaderEpoch: number }) {
  return { errorCode: fields.errorCode, leaderId: fields.leaderId, epoch: fields.leaderEpoch };
}

function endpoints(me: Me, leaderId: number) {
  const address = leaderId < 0 ? null : me.voters.addressOf(leaderId);
  return { nodeEndpoints: address === null ? [] : [{ nodeId: leaderId, ...address }] };
}

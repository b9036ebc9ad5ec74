import { ErrorCode } from '../protocol/errors.ts';
import { electionFor, factsOf, type UncleanAllowed } from './broker-facts.ts';
import type { Decision } from './decision.ts';
import type { ClusterImage } from './image.ts';
import { changePartition } from './partition-change.ts';
import { changedPartitionImage, type PartitionImage, RECOVERED, RECOVERING } from './partition-image.ts';
import type { NewMetadataRecord } from './records/metadata-record.ts';

/**
 * AlterPartition: a leader says which replicas are in sync now (KIP-497, KIP-841, KIP-903). Pure.
 *
 * Invariant: only the leader of the present leader epoch, who knows the partition's present epoch, changes it; nobody comes in sync who is fenced, about to
 * stop, or in another life than the one that the leader saw catch up.
 */
export interface InSyncReplica {
  readonly brokerId: number;
  /** −1: the leader did not say (v2). */
  readonly brokerEpoch: number;
}

export interface PartitionAlteration {
  readonly partitionIndex: number;
  readonly leaderEpoch: number;
  readonly inSyncReplicas: readonly InSyncReplica[];
  readonly leaderRecoveryState: number;
  readonly partitionEpoch: number;
}

export interface PartitionsToAlter {
  readonly brokerId: number;
  readonly brokerEpoch: number;
  readonly topics: readonly { readonly topicId: string; readonly partitions: readonly PartitionAlteration[] }[];
}

/** As AlterPartition answers; after an error all but the number are left at nothing. */
export interface AlteredPartition {
  readonly partitionIndex: number;
  readonly errorCode: number;
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly isr: readonly number[];
  readonly leaderRecoveryState: number;
  readonly partitionEpoch: number;
}

export interface AlteredPartitions {
  readonly errorCode: number;
  readonly topics: readonly { readonly topicId: string; readonly partitions: readonly AlteredPartition[] }[];
}

export function alterPartitions(
  image: ClusterImage,
  allowed: UncleanAllowed,
  request: PartitionsToAlter,
): Decision<AlteredPartitions> {
  const { brokerId } = request;
  if (image.brokers.get(brokerId)?.brokerEpoch !== request.brokerEpoch) {
    return { records: [], response: { errorCode: ErrorCode.STALE_BROKER_EPOCH, topics: [] } };
  }
  const records: NewMetadataRecord[] = [];
  const altered = new Set<PartitionImage>();
  const topics = request.topics.map(({ topicId, partitions }) => {
    const topic = image.topicById(topicId);
    const answers = partitions.map((wanted): AlteredPartition => {
      if (topic === undefined) return refusal(wanted.partitionIndex, ErrorCode.UNKNOWN_TOPIC_ID);
      const before = topic.partitions[wanted.partitionIndex];
      if (before === undefined) return refusal(wanted.partitionIndex, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
      // A partition that comes twice: of the second the leader could not know the epochs.
      const errorCode = altered.has(before)
        ? ErrorCode.INVALID_UPDATE_VERSION
        : problemOf(image, brokerId, before, wanted);
      if (errorCode !== 0) return refusal(wanted.partitionIndex, errorCode);
      altered.add(before);
      const record = changePartition(factsOf(image), topicId, before, {
        inSyncReplicas: wanted.inSyncReplicas.map((each) => each.brokerId),
        leaderRecoveryState: wanted.leaderRecoveryState,
        election: electionFor(allowed, topic.name),
      });
      if (record === null) return stateOf(before);
      records.push(record);
      const after = changedPartitionImage(before, record);
      // The reassignment is complete, and the leader is none of those that stay: it is to look for its successor.
      if (after.leader !== brokerId) return refusal(wanted.partitionIndex, ErrorCode.NEW_LEADER_ELECTED);
      return stateOf(after);
    });
    return { topicId, partitions: answers };
  });
  return { records, response: { errorCode: 0, topics } };
}

function problemOf(image: ClusterImage, brokerId: number, before: PartitionImage, wanted: PartitionAlteration): number {
  // The leader has seen more than this controller: there must be another one.
  if (wanted.leaderEpoch > before.leaderEpoch || wanted.partitionEpoch > before.partitionEpoch) {
    return ErrorCode.NOT_CONTROLLER;
  }
  if (wanted.leaderEpoch < before.leaderEpoch) return ErrorCode.FENCED_LEADER_EPOCH;
  if (brokerId !== before.leader) return ErrorCode.INVALID_REQUEST;
  if (wanted.partitionEpoch < before.partitionEpoch) return ErrorCode.INVALID_UPDATE_VERSION;
  const isr = wanted.inSyncReplicas.map((each) => each.brokerId);
  const isIsr = isr.includes(brokerId) && isr.every((id, i) => before.replicas.includes(id) && isr.indexOf(id) === i);
  if (!isIsr) return ErrorCode.INVALID_REQUEST;
  const isRecovering = wanted.leaderRecoveryState === RECOVERING;
  if (!isRecovering && wanted.leaderRecoveryState !== RECOVERED) return ErrorCode.INVALID_REQUEST;
  if (isRecovering && (isr.length > 1 || before.leaderRecoveryState === RECOVERED)) return ErrorCode.INVALID_REQUEST;
  const isEligible = (replica: InSyncReplica) =>
    image.isActive(replica.brokerId) &&
    (replica.brokerEpoch === -1 || image.brokers.get(replica.brokerId)!.brokerEpoch === replica.brokerEpoch);
  return wanted.inSyncReplicas.every(isEligible) ? 0 : ErrorCode.INELIGIBLE_REPLICA;
}

function stateOf(image: PartitionImage): AlteredPartition {
  return {
    partitionIndex: image.partition,
    errorCode: 0,
    leaderId: image.leader,
    leaderEpoch: image.leaderEpoch,
    isr: image.inSyncReplicas,
    leaderRecoveryState: image.leaderRecoveryState,
    partitionEpoch: image.partitionEpoch,
  };
}

function refusal(partitionIndex: number, errorCode: number): AlteredPartition {
  return {
    partitionIndex,
    errorCode,
    leaderId: 0,
    leaderEpoch: 0,
    isr: [],
    leaderRecoveryState: RECOVERED,
    partitionEpoch: 0,
  };
}

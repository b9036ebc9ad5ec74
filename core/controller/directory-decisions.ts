import { ErrorCode } from '../protocol/errors.ts';
import { ZERO_UUID } from '../protocol/writer.ts';
import { electionFor, factsOf, leaderUpdates, type UncleanAllowed } from './broker-facts.ts';
import { CHANGES_PER_BATCH_MAX, type Decision } from './decision.ts';
import { type ClusterImage, directoryIdOf } from './image.ts';
import { changePartition } from './partition-change.ts';
import type { NewMetadataRecord } from './records/metadata-record.ts';

/** Decisions about log dirs (KIP-858): in which one a broker keeps its replica, and what becomes of those in one that failed. Pure. */
export interface ReplicaPlacement {
  readonly topicId: string;
  readonly partition: number;
  readonly directoryId: string;
}

/**
 * The broker chose log dirs, or moved partitions between them; an error for each. In a log dir that it cannot use it leads nothing, and where nobody leads it may
 * now.
 */
export function assignDirectories(
  image: ClusterImage,
  allowed: UncleanAllowed,
  brokerId: number,
  placements: readonly ReplicaPlacement[],
): Decision<readonly number[]> {
  const records: NewMetadataRecord[] = [];
  const broker = image.brokers.get(brokerId);
  const placed = new Set<unknown>();
  const response = placements.map(({ topicId, partition, directoryId }) => {
    const topic = image.topicById(topicId);
    if (topic === undefined) return ErrorCode.UNKNOWN_TOPIC_ID;
    const before = topic.partitions[partition];
    if (before === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    if (!before.replicas.includes(brokerId)) return ErrorCode.NOT_LEADER_OR_FOLLOWER;
    // A replica lies in one log dir: the first that is named.
    if (placed.has(before) || directoryIdOf(before, brokerId) === directoryId) return 0;
    placed.add(before);
    const isLost = broker !== undefined && broker.logDirs.length > 0 && !broker.logDirs.includes(directoryId);
    const inSyncReplicas = isLost ? before.inSyncReplicas.filter((id) => id !== brokerId) : before.inSyncReplicas;
    const record = changePartition(factsOf(image), topicId, before, {
      inSyncReplicas,
      directories: new Map([[brokerId, directoryId]]),
      election: electionFor(allowed, topic.name),
    });
    if (record !== null) records.push(record);
    return 0;
  });
  return { records, response };
}

export interface DirectoriesToAssign {
  readonly brokerId: number;
  readonly brokerEpoch: number;
  readonly directories: readonly {
    readonly id: string;
    readonly topics: readonly {
      readonly topicId: string;
      readonly partitions: readonly { readonly partitionIndex: number }[];
    }[];
  }[];
}

export interface AssignedDirectories {
  readonly errorCode: number;
  readonly directories: readonly {
    readonly id: string;
    readonly topics: readonly {
      readonly topicId: string;
      readonly partitions: readonly { readonly partitionIndex: number; readonly errorCode: number }[];
    }[];
  }[];
}

/** AssignReplicasToDirs. */
export function assignReplicasToDirs(
  image: ClusterImage,
  allowed: UncleanAllowed,
  { brokerId, brokerEpoch, directories }: DirectoriesToAssign,
): Decision<AssignedDirectories> {
  if (image.brokers.get(brokerId)?.brokerEpoch !== brokerEpoch) {
    return { records: [], response: { errorCode: ErrorCode.STALE_BROKER_EPOCH, directories: [] } };
  }
  const placements = directories.flatMap(({ id, topics }) =>
    topics.flatMap(({ topicId, partitions }) =>
      partitions.map(({ partitionIndex }) => ({ topicId, partition: partitionIndex, directoryId: id })),
    ),
  );
  const { records, response } = assignDirectories(image, allowed, brokerId, placements);
  const errors = response.values();
  const answer = directories.map(({ id, topics }) => ({
    id,
    topics: topics.map(({ topicId, partitions }) => ({
      topicId,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: errors.next().value ?? 0 })),
    })),
  }));
  return { records, response: { errorCode: 0, directories: answer } };
}

/** A log dir of the broker failed while it was running. */
export function failDirectory(
  image: ClusterImage,
  allowed: UncleanAllowed,
  brokerId: number,
  directoryId: string,
): Decision<undefined> {
  const broker = image.brokers.get(brokerId);
  if (broker === undefined) return { records: [], response: undefined };
  const logDirs = broker.logDirs.filter((id) => id !== directoryId);
  const records = leaderUpdates(
    image,
    allowed,
    {
      brokerId,
      isActive: image.isActive(brokerId),
      isLost: (id) => id === directoryId || (id !== ZERO_UUID && logDirs.length > 0 && !logDirs.includes(id)),
    },
    CHANGES_PER_BATCH_MAX,
  );
  if (records.length >= CHANGES_PER_BATCH_MAX) return { records, response: undefined, isPartial: true };
  const change = { kind: 'brokerRegistrationChange', brokerId, brokerEpoch: broker.brokerEpoch, logDirs } as const;
  return { records: [change, ...records], response: undefined };
}

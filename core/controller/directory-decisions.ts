import { ZERO_UUID } from '../protocol/writer.ts';
import type { Decision } from './decision.ts';
import { type ClusterImage, directoryIdOf, NO_LEADER } from './image.ts';
import type { NewMetadataRecord } from './records/metadata-record.ts';

/** Decisions about log dirs (KIP-858): in which one a broker keeps its replica, and what becomes of those in one that failed. Pure. */
export interface ReplicaPlacement {
  readonly topicId: string;
  readonly partition: number;
  readonly directoryId: string;
}

/** The broker chose log dirs, or moved partitions between them. */
export function assignDirectories(
  image: ClusterImage,
  brokerId: number,
  placements: readonly ReplicaPlacement[],
): Decision<undefined> {
  const records: NewMetadataRecord[] = [];
  for (const { topicId, partition, directoryId } of placements) {
    const before = image.topicById(topicId)?.partitions[partition];
    const at = before?.replicas.indexOf(brokerId) ?? -1;
    if (before === undefined || at < 0 || directoryIdOf(before, brokerId) === directoryId) continue;
    const directories = before.replicas.map((_, i) => (i === at ? directoryId : (before.directories[i] ?? ZERO_UUID)));
    records.push({ kind: 'partitionChange', partitionId: partition, topicId, directories });
  }
  return { records, response: undefined };
}

/** A log dir of the broker failed while it was running. */
export function failDirectory(image: ClusterImage, brokerId: number, directoryId: string): Decision<undefined> {
  const broker = image.brokers.get(brokerId);
  if (broker === undefined) return { records: [], response: undefined };
  const logDirs = broker.logDirs.filter((id) => id !== directoryId);
  const change = { kind: 'brokerRegistrationChange', brokerId, brokerEpoch: broker.brokerEpoch, logDirs } as const;
  const resigned = resignInDirectories(image, brokerId, (id) => id === directoryId);
  return { records: [change, ...resigned], response: undefined };
}

/**
 * The broker cannot use these log dirs: it leads nothing in them any more. It stays the in-sync replica, so that it may lead again, and nobody else
 * without the records.
 */
export function resignInDirectories(
  image: ClusterImage,
  brokerId: number,
  isLost: (directoryId: string) => boolean,
): NewMetadataRecord[] {
  const records: NewMetadataRecord[] = [];
  for (const { topicId, partitions } of image.topics.values()) {
    for (const partition of partitions) {
      if (partition.leader !== brokerId || !isLost(directoryIdOf(partition, brokerId))) continue;
      records.push({ kind: 'partitionChange', partitionId: partition.partition, topicId, leader: NO_LEADER });
    }
  }
  return records;
}

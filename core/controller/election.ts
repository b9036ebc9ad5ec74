import { type ClusterImage, directoryIdOf, NO_LEADER } from './image.ts';
import type { NewMetadataRecord } from './records/metadata-record.ts';

/**
 * Who leads a partition that has no leader, once `brokerId` is alive: that broker, when it is sure to have every committed record (in sync, or an
 * eligible leader). Another one would lose records, which only an unclean election may. In a log dir that it cannot use a broker leads nothing.
 */
export function electLeadersOn(
  image: ClusterImage,
  brokerId: number,
  isLost: (directoryId: string) => boolean = () => false,
): NewMetadataRecord[] {
  const records: NewMetadataRecord[] = [];
  for (const { topicId, partitions } of image.topics.values()) {
    for (const image of partitions) {
      const { partition, replicas, inSyncReplicas, eligibleLeaderReplicas, leader } = image;
      if (leader !== NO_LEADER || !replicas.includes(brokerId) || isLost(directoryIdOf(image, brokerId))) continue;
      const isInSync = inSyncReplicas.includes(brokerId);
      if (!isInSync && !eligibleLeaderReplicas.includes(brokerId)) continue;
      const isr = isInSync ? null : [...inSyncReplicas, brokerId];
      records.push({ kind: 'partitionChange', partitionId: partition, topicId, leader: brokerId, isr });
    }
  }
  return records;
}

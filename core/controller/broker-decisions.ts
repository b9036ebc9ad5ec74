import { ErrorCode } from '../protocol/errors.ts';
import { ACCEPTED, type Decision, type Outcome, refused } from './decision.ts';
import { type ClusterImage, NO_LEADER } from './image.ts';
import type { NewMetadataRecord } from './records/metadata-record.ts';

/** A broker leaves the cluster for good (KIP-631): it leads nothing any more, and is in sync nowhere but where nobody else is. Pure. */
export function unregisterBroker(image: ClusterImage, brokerId: number): Decision<Outcome> {
  const broker = image.brokers.get(brokerId);
  if (broker === undefined) {
    const response = refused(ErrorCode.BROKER_ID_NOT_REGISTERED, `Broker ID ${brokerId} is not currently registered`);
    return { records: [], response };
  }
  const live = new Set(image.liveBrokers().map((each) => each.brokerId));
  live.delete(brokerId);
  const records: NewMetadataRecord[] = [];
  for (const { topicId, partitions } of image.topics.values()) {
    for (const { partition, replicas, inSyncReplicas, leader } of partitions) {
      if (!inSyncReplicas.includes(brokerId)) continue;
      const others = inSyncReplicas.filter((id) => id !== brokerId);
      const isr = others.length === 0 ? null : others;
      const next = replicas.find((id) => live.has(id) && others.includes(id)) ?? NO_LEADER;
      if (leader === brokerId)
        records.push({ kind: 'partitionChange', partitionId: partition, topicId, isr, leader: next });
      else if (isr !== null) records.push({ kind: 'partitionChange', partitionId: partition, topicId, isr });
    }
  }
  records.push({ kind: 'unregisterBroker', brokerId, brokerEpoch: broker.brokerEpoch });
  return { records, response: ACCEPTED };
}

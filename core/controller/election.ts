import { ErrorCode, errorOf } from '../protocol/errors.ts';
import { ZERO_UUID } from '../protocol/writer.ts';
import { ACCEPTED, type Decision, type Outcome, refused } from './decision.ts';
import { type ClusterImage, directoryIdOf, NO_LEADER, type PartitionImage } from './image.ts';
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

/**
 * What `brokerId` leads since its last life it goes on leading, in a new epoch: the log may have lost its end meanwhile, and who read that end must
 * be able to tell (KIP-320).
 */
export function renewLeaderEpochs(
  image: ClusterImage,
  brokerId: number,
  isLost: (directoryId: string) => boolean = () => false,
): NewMetadataRecord[] {
  const records: NewMetadataRecord[] = [];
  for (const { topicId, partitions } of image.topics.values()) {
    for (const partition of partitions) {
      if (partition.leader !== brokerId || isLost(directoryIdOf(partition, brokerId))) continue;
      records.push({ kind: 'partitionChange', partitionId: partition.partition, topicId, leader: brokerId });
    }
  }
  return records;
}

/** ElectLeaders: the first replica of a partition, or any live one even when it is not in sync (KIP-460). */
export type ElectionType = 'preferred' | 'unclean';

export interface TopicPartitions {
  readonly topic: string;
  readonly partitions: readonly number[];
}

export interface ElectedTopic {
  readonly topic: string;
  readonly partitions: readonly (Outcome & { readonly partition: number })[];
}

const RECOVERING = 1;

/** null: all partitions, of which only those are answered for that needed an election. */
export function electLeaders(
  image: ClusterImage,
  type: ElectionType,
  wanted: readonly TopicPartitions[] | null,
): Decision<readonly ElectedTopic[]> {
  const records: NewMetadataRecord[] = [];
  const all = (): TopicPartitions[] =>
    [...image.topics.values()].map(({ name, partitions }) => ({ topic: name, partitions: [...partitions.keys()] }));
  const response = (wanted ?? all()).map(({ topic, partitions }) => {
    const outcomes = partitions.map((partition) => ({
      ...electOne(image, type, topic, partition, records),
      partition,
    }));
    const isNews = ({ errorCode }: Outcome) => wanted !== null || errorCode !== ErrorCode.ELECTION_NOT_NEEDED;
    return { topic, partitions: outcomes.filter(isNews) };
  });
  return { records, response };
}

function electOne(
  image: ClusterImage,
  type: ElectionType,
  name: string,
  partition: number,
  records: NewMetadataRecord[],
): Outcome {
  const topic = image.topics.get(name);
  if (topic === undefined) return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `No such topic as ${name}`);
  const before = topic.partitions[partition];
  if (before === undefined) {
    return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `No such partition as ${name}-${partition}`);
  }
  const isNeeded = type === 'preferred' ? before.leader !== before.replicas[0] : before.leader === NO_LEADER;
  if (!isNeeded) return failed(ErrorCode.ELECTION_NOT_NEEDED);
  const able = before.replicas.filter((id) => mayLead(image, before, id));
  const inSync = able.find((id) => before.inSyncReplicas.includes(id));
  const change = { kind: 'partitionChange', partitionId: partition, topicId: topic.topicId } as const;
  if (type === 'preferred') {
    const preferred = before.replicas[0]!;
    if (!able.includes(preferred) || !before.inSyncReplicas.includes(preferred)) {
      return failed(ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE);
    }
    records.push({ ...change, leader: preferred });
  } else if (inSync !== undefined) records.push({ ...change, leader: inSync });
  else if (able.length === 0) return failed(ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE);
  // What others had and this one lacks is lost.
  else records.push({ ...change, leader: able[0]!, isr: [able[0]!], leaderRecoveryState: RECOVERING });
  return ACCEPTED;
}

/** Its broker is alive and has the log dir. */
function mayLead(image: ClusterImage, partition: PartitionImage, brokerId: number): boolean {
  const broker = image.brokers.get(brokerId);
  if (broker === undefined || broker.isFenced) return false;
  const directoryId = directoryIdOf(partition, brokerId);
  return directoryId === ZERO_UUID || broker.logDirs.length === 0 || broker.logDirs.includes(directoryId);
}

function failed(errorCode: number): Outcome {
  return refused(errorCode, errorOf(errorCode).message);
}

import { ErrorCode, errorOf } from '../protocol/errors.ts';
import { factsOf, type UncleanAllowed } from './broker-facts.ts';
import { ACCEPTED, CHANGES_PER_BATCH_MAX, type Decision, type Outcome, refused } from './decision.ts';
import { type ClusterImage, NO_LEADER } from './image.ts';
import { changePartition } from './partition-change.ts';
import type { PartitionImage } from './partition-image.ts';
import type { NewMetadataRecord } from './records/metadata-record.ts';

/** Elections that somebody asked for, or that are due from time to time. Pure. Those that a broker's coming and going needs are in `broker-facts.ts`. */

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

/** null: all partitions, of which only those are answered for that needed an election. */
export function electLeaders(
  image: ClusterImage,
  type: ElectionType,
  wanted: readonly TopicPartitions[] | null,
): Decision<readonly ElectedTopic[]> {
  const records: NewMetadataRecord[] = [];
  const elected = new Set<PartitionImage>();
  const all = (): TopicPartitions[] =>
    [...image.topics.values()].map(({ name, partitions }) => ({ topic: name, partitions: [...partitions.keys()] }));
  const response = (wanted ?? all()).map(({ topic, partitions }) => {
    const outcomes = partitions.map((partition) => ({
      ...electOne(image, type, topic, partition, elected, records),
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
  elected: Set<PartitionImage>,
  records: NewMetadataRecord[],
): Outcome {
  const topic = image.topics.get(name);
  if (topic === undefined) return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `No such topic as ${name}`);
  const before = topic.partitions[partition];
  if (before === undefined) {
    return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `No such partition as ${name}-${partition}`);
  }
  const isNeeded = type === 'preferred' ? before.leader !== before.replicas[0] : before.leader === NO_LEADER;
  if (!isNeeded || elected.has(before)) return failed(ErrorCode.ELECTION_NOT_NEEDED);
  const record = changePartition(factsOf(image), topic.topicId, before, { election: type });
  if (record === null) {
    const isPreferred = type === 'preferred';
    return failed(isPreferred ? ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE : ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE);
  }
  elected.add(before);
  records.push(record);
  return ACCEPTED;
}

function failed(errorCode: number): Outcome {
  return refused(errorCode, errorOf(errorCode).message);
}

/** Partitions without a leader whose topic allows an unclean election: the first replica that is alive leads, and what it does not have is lost. */
export function electUncleanLeaders(image: ClusterImage, allowed: UncleanAllowed): Decision<undefined> {
  const records: NewMetadataRecord[] = [];
  const facts = factsOf(image);
  for (const { name, topicId, partitions } of image.topics.values()) {
    if (!partitions.some(({ leader }) => leader === NO_LEADER) || !allowed(name)) continue;
    for (const partition of partitions) {
      if (records.length >= CHANGES_PER_BATCH_MAX) return { records, response: undefined, isPartial: true };
      if (partition.leader !== NO_LEADER) continue;
      const record = changePartition(facts, topicId, partition, { election: 'unclean' });
      if (record !== null) records.push(record);
    }
  }
  return { records, response: undefined };
}

/**
 * auto.leader.rebalance.enable: of each broker of whose preferred partitions more than `percentageMax` % are led by others, the ones that it can lead go back
 * to it.
 */
export function balanceLeaders(image: ClusterImage, percentageMax: number): Decision<undefined> {
  const records: NewMetadataRecord[] = [];
  const facts = factsOf(image);
  const unbalanced = unbalancedBrokers(image, percentageMax);
  if (unbalanced.size === 0) return { records, response: undefined };
  for (const { topicId, partitions } of image.topics.values()) {
    for (const partition of partitions) {
      const preferred = partition.replicas[0]!;
      if (partition.leader === preferred || !unbalanced.has(preferred)) continue;
      if (records.length >= CHANGES_PER_BATCH_MAX) return { records, response: undefined, isPartial: true };
      const record = changePartition(facts, topicId, partition, { election: 'preferred' });
      if (record !== null) records.push(record);
    }
  }
  return { records, response: undefined };
}

function unbalancedBrokers(image: ClusterImage, percentageMax: number): ReadonlySet<number> {
  const counts = new Map<number, { preferred: number; ledByOthers: number }>();
  for (const { partitions } of image.topics.values()) {
    for (const { replicas, leader } of partitions) {
      const count = counts.get(replicas[0]!) ?? { preferred: 0, ledByOthers: 0 };
      count.preferred++;
      if (leader !== replicas[0]) count.ledByOthers++;
      counts.set(replicas[0]!, count);
    }
  }
  const unbalanced = new Set<number>();
  for (const [brokerId, { preferred, ledByOthers }] of counts) {
    if (image.isActive(brokerId) && ledByOthers * 100 > preferred * percentageMax) unbalanced.add(brokerId);
  }
  return unbalanced;
}

import type { BrokerConfigRules } from './config-decisions.ts';
import { ClusterImage } from './image.ts';
import {
  decodeMetadataRecord,
  encodeMetadataRecord,
  type MetadataRecord,
  type NewMetadataRecord,
} from './records/metadata-record.ts';

/** For tests: images of clusters, and records that go through bytes as they do in the log. */
export function idOf(n: number): string {
  return Buffer.from(String(n).padStart(16, '0')).toString('base64url');
}

export function replay(image: ClusterImage, records: readonly NewMetadataRecord[]): void {
  for (const record of records) image.replay(decodeMetadataRecord(encodeMetadataRecord(record)) as MetadataRecord);
}

export interface BrokerShape {
  readonly fenced?: boolean;
  readonly inControlledShutdown?: boolean;
  readonly rack?: string | null;
  readonly logDirs?: readonly string[];
  readonly brokerEpoch?: number;
}

/** Its epoch is 100 and its id, its only log dir `idOf(100 + brokerId)`. */
export function addBroker(image: ClusterImage, brokerId: number, shape: BrokerShape = {}): void {
  replay(image, [
    {
      kind: 'registerBroker',
      brokerId,
      incarnationId: idOf(brokerId),
      brokerEpoch: shape.brokerEpoch ?? 100 + brokerId,
      endPoints: [{ name: 'PLAINTEXT', host: 'h', port: 9000 + brokerId, securityProtocol: 0 }],
      features: [],
      rack: shape.rack ?? null,
      fenced: shape.fenced ?? false,
      inControlledShutdown: shape.inControlledShutdown ?? false,
      logDirs: shape.logDirs ?? [idOf(100 + brokerId)],
    },
  ]);
}

/** Brokers 1, 2, … that serve. */
export function cluster(brokers: number): ClusterImage {
  const image = new ClusterImage();
  for (let brokerId = 1; brokerId <= brokers; brokerId++) addBroker(image, brokerId);
  return image;
}

export interface PartitionShape {
  readonly replicas: readonly number[];
  readonly isr?: readonly number[];
  readonly leader?: number;
  readonly adding?: readonly number[];
  readonly removing?: readonly number[];
  readonly directories?: readonly string[];
  readonly leaderRecoveryState?: number;
  readonly eligibleLeaderReplicas?: readonly number[];
}

/** A topic with these partitions, each in leader epoch 5 and partition epoch 7; its id. */
export function addTopic(image: ClusterImage, name: string, partitions: readonly PartitionShape[]): string {
  const topicId = idOf(10_000 + image.topics.size);
  replay(image, [
    { kind: 'topic', name, topicId },
    ...partitions.map(
      (shape, partitionId): NewMetadataRecord => ({
        kind: 'partition',
        partitionId,
        topicId,
        replicas: shape.replicas,
        isr: shape.isr ?? shape.replicas,
        removingReplicas: shape.removing ?? [],
        addingReplicas: shape.adding ?? [],
        leader: shape.leader ?? (shape.isr ?? shape.replicas)[0]!,
        leaderRecoveryState: shape.leaderRecoveryState ?? 0,
        leaderEpoch: 5,
        partitionEpoch: 7,
        directories: shape.directories ?? shape.replicas.map((id) => idOf(100 + id)),
        eligibleLeaderReplicas: shape.eligibleLeaderReplicas ?? null,
      }),
    ),
  ]);
  return topicId;
}

/** [leader, leader epoch, in-sync replicas] of each partition. */
export function leadership(image: ClusterImage, name: string): [number, number, readonly number[]][] {
  return image.topics.get(name)!.partitions.map((each) => [each.leader, each.leaderEpoch, each.inSyncReplicas]);
}

export const NEVER = () => false;
export const ALWAYS = () => true;

/** No setting of brokers but these. */
export function rulesWith(settings: Readonly<Record<string, string>> = {}): BrokerConfigRules {
  return {
    definition: () => undefined,
    dynamicProblem: () => null,
    valueOf: (name) => settings[name] ?? '',
    isExpression: () => true,
  };
}

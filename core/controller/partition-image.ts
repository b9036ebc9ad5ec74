import { ZERO_UUID } from '../protocol/writer.ts';
import type { MetadataRecord, NewMetadataRecord } from './records/metadata-record.ts';

/**
 * A partition as the metadata log says it is, and what a record makes of it.
 *
 * Invariant: the leader, when there is one, is in sync; who is in sync is a replica; the leader epoch rises with every leader that is named, be it the same,
 * the partition epoch with every change.
 */
export interface PartitionImage {
  readonly partition: number;
  readonly replicas: readonly number[];
  readonly inSyncReplicas: readonly number[];
  /** Not in sync any more, but sure to have every committed record (KIP-966); from logs that Kafka wrote. */
  readonly eligibleLeaderReplicas: readonly number[];
  /** −1 = none. */
  readonly leader: number;
  /** RECOVERED, or RECOVERING: the leader came by an unclean election and did not yet say that it is done with it. */
  readonly leaderRecoveryState: number;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
  readonly directories: readonly string[];
  /** Of a reassignment under way: those that are to come, and those that are to go. */
  readonly addingReplicas: readonly number[];
  readonly removingReplicas: readonly number[];
}

export const NO_LEADER = -1;
const LEADER_UNCHANGED = -2;
export const RECOVERED = 0;
export const RECOVERING = 1;
const RECOVERY_STATE_UNCHANGED = -1;

/** A log dir that the broker is still to choose (KIP-858). The zero id says the same, of partitions older than that. */
export const UNASSIGNED_DIRECTORY = 'AAAAAAAAAAAAAAAAAAAAAQ';

/** The log dir of a broker's replica; the zero id when the broker has not chosen one. */
export function directoryIdOf({ replicas, directories }: PartitionImage, brokerId: number): string {
  const directoryId = directories[replicas.indexOf(brokerId)] ?? ZERO_UUID;
  return directoryId === UNASSIGNED_DIRECTORY ? ZERO_UUID : directoryId;
}

type PartitionRecord = Extract<MetadataRecord, { kind: 'partition' }>;
type PartitionChange = Extract<NewMetadataRecord, { kind: 'partitionChange' }>;

export function newPartitionImage(record: PartitionRecord): PartitionImage {
  return {
    partition: record.partitionId,
    replicas: record.replicas,
    inSyncReplicas: record.isr,
    eligibleLeaderReplicas: record.eligibleLeaderReplicas ?? [],
    leader: record.leader,
    leaderRecoveryState: record.leaderRecoveryState,
    leaderEpoch: record.leaderEpoch,
    partitionEpoch: record.partitionEpoch,
    directories: record.directories,
    addingReplicas: record.addingReplicas,
    removingReplicas: record.removingReplicas,
  };
}

/** What the record leaves out stays. */
export function changedPartitionImage(before: PartitionImage, record: PartitionChange): PartitionImage {
  const { leader = LEADER_UNCHANGED, leaderRecoveryState = RECOVERY_STATE_UNCHANGED } = record;
  const isNewLeader = leader !== LEADER_UNCHANGED;
  return {
    partition: before.partition,
    replicas: record.replicas ?? before.replicas,
    inSyncReplicas: record.isr ?? before.inSyncReplicas,
    eligibleLeaderReplicas: record.eligibleLeaderReplicas ?? before.eligibleLeaderReplicas,
    leader: isNewLeader ? leader : before.leader,
    leaderRecoveryState:
      leaderRecoveryState === RECOVERY_STATE_UNCHANGED ? before.leaderRecoveryState : leaderRecoveryState,
    leaderEpoch: isNewLeader ? before.leaderEpoch + 1 : before.leaderEpoch,
    partitionEpoch: before.partitionEpoch + 1,
    directories: record.directories ?? before.directories,
    addingReplicas: record.addingReplicas ?? before.addingReplicas,
    removingReplicas: record.removingReplicas ?? before.removingReplicas,
  };
}

import type { LeaderEpochEntry } from '../log/leader-epochs.ts';
import type { Leadership } from './leadership.ts';

/** What a partition is at one moment. */
export interface FollowerSnapshot {
  readonly brokerId: number;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly lastFetchMs: number;
  readonly lastCaughtUpMs: number;
  readonly brokerEpoch: number | null;
}

export interface PartitionSnapshot extends Leadership {
  readonly topic: string;
  readonly partition: number;
  readonly role: 'leader' | 'follower' | 'deleted';
  /** With those that an expansion under way would bring. */
  readonly maximalInSyncReplicas: readonly number[];
  readonly logStartOffset: number;
  readonly highWatermark: number;
  readonly logEndOffset: number;
  readonly epochs: readonly LeaderEpochEntry[];
  /** Of a leader, in the order of assignment. */
  readonly followers: readonly FollowerSnapshot[];
}

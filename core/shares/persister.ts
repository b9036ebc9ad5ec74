/**
 * Where the durable state of share partitions is kept (KIP-932): per group and topic partition a start offset, the records after it that are not
 * simply available, and two epochs that fence. The group coordinator initializes, deletes and sums up; the partition's leader reads and writes.
 *
 * Handlers and rooms of the broker get it as `broker.sharePersister` (`BrokerServices`); a test may give any object of this shape.
 *
 * Every call takes many partitions and answers for each, in the order in which they were asked for. Never rejects: what went wrong is the answer's
 * Kafka error code. An answer tells of state that is committed. Errors:
 * - COORDINATOR_NOT_AVAILABLE, COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR: try again later;
 * - FENCED_STATE_EPOCH (124): the state epoch is older than the stored one; the group coordinator has begun anew;
 * - FENCED_LEADER_EPOCH (74): another leader of the partition has been here since;
 * - INVALID_REQUEST (42): a field makes no sense, or a read or write of a partition that was never initialized;
 * - UNKNOWN_TOPIC_OR_PARTITION (3): the metadata has no such partition.
 */
export interface SharePersister {
  /** Begins a share partition, or begins it anew when `stateEpoch` is higher than the stored one. */
  initializeState(groupId: string, partitions: readonly StateToInitialize[]): Promise<readonly PersisterAnswer[]>;
  /** The whole state, for a leader that takes the partition over: older leaders are fenced by it. */
  readState(groupId: string, partitions: readonly StateToRead[]): Promise<readonly StateRead[]>;
  /** What changed since the last write. */
  writeState(groupId: string, partitions: readonly StateToWrite[]): Promise<readonly PersisterAnswer[]>;
  /** Epoch, start offset and count alone. Fences nobody. A partition without state answers NONE with UNINITIALIZED_OFFSET and epochs of 0. */
  readStateSummary(groupId: string, partitions: readonly StateToRead[]): Promise<readonly StateSummary[]>;
  /** Forgets it. To delete what is not there succeeds. */
  deleteState(groupId: string, partitions: readonly SharePartitionName[]): Promise<readonly PersisterAnswer[]>;
}

/** The start offset of a share partition that is still to be found by share.auto.offset.reset. */
export const UNINITIALIZED_OFFSET = -1;
/** A delivery-complete count that nobody told. */
export const UNKNOWN_DELIVERY_COMPLETE_COUNT = -1;
/** For readers that are no leader: nobody is fenced. */
export const NO_LEADER_EPOCH = -1;

export interface SharePartitionName {
  readonly topicId: string;
  readonly partition: number;
}

/** Kafka's numbers for what became of records, as stored: 0 available, 2 acknowledged, 4 archived. */
export type StoredDeliveryState = 0 | 2 | 4;

/** Records from `firstOffset` to `lastOffset`, both inclusive, in one state. */
export interface StateBatch {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly deliveryState: number;
  readonly deliveryCount: number;
}

export interface StateToInitialize extends SharePartitionName {
  readonly stateEpoch: number;
  /** UNINITIALIZED_OFFSET: the leader finds it by share.auto.offset.reset. */
  readonly startOffset: number;
}

export interface StateToRead extends SharePartitionName {
  readonly leaderEpoch: number;
}

export interface StateToWrite extends SharePartitionName {
  readonly stateEpoch: number;
  readonly leaderEpoch: number;
  /** UNINITIALIZED_OFFSET: unchanged. */
  readonly startOffset: number;
  /** Offsets from the start offset on whose delivery is over (KIP-1226). */
  readonly deliveryCompleteCount: number;
  readonly stateBatches: readonly StateBatch[];
}

export interface PersisterAnswer extends SharePartitionName {
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

export interface StateRead extends PersisterAnswer {
  readonly stateEpoch: number;
  readonly startOffset: number;
  readonly stateBatches: readonly StateBatch[];
}

export interface StateSummary extends PersisterAnswer {
  readonly stateEpoch: number;
  readonly leaderEpoch: number;
  readonly startOffset: number;
  readonly deliveryCompleteCount: number;
}

import { ErrorCode } from '../protocol/errors.ts';
import { type TopicPartitions, topicPartitionsOf } from './topic-partitions.ts';

/**
 * Who keeps the durable state of share partitions, as share groups see it: the three of its calls that they make (`shares/persister.ts` has them all).
 * It answers for each partition in the order in which they were asked for, of committed state, and never rejects.
 */
export interface ShareStateKeeper {
  /** Begins a state, or begins it anew when `stateEpoch` is higher than the stored one. */
  initializeState(
    groupId: string,
    partitions: readonly (SharePartitionName & { readonly stateEpoch: number; readonly startOffset: number })[],
  ): Promise<readonly KeeperAnswer[]>;
  /** A partition without state answers NONE with UNINITIALIZED_OFFSET. */
  readStateSummary(
    groupId: string,
    partitions: readonly (SharePartitionName & { readonly leaderEpoch: number })[],
  ): Promise<readonly ShareStateSummary[]>;
  deleteState(groupId: string, partitions: readonly SharePartitionName[]): Promise<readonly KeeperAnswer[]>;
}

export interface SharePartitionName {
  readonly topicId: string;
  readonly partition: number;
}

export interface KeeperAnswer extends SharePartitionName {
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

export interface ShareStateSummary extends KeeperAnswer {
  readonly leaderEpoch: number;
  readonly startOffset: number;
  readonly deliveryCompleteCount: number;
}

/** A start offset that is still to be found by share.auto.offset.reset. */
export const UNINITIALIZED_OFFSET = -1;
/** A delivery-complete count that nobody told. */
export const UNKNOWN_DELIVERY_COMPLETE_COUNT = -1;
/** Of readers that lead no partition. */
export const NO_LEADER_EPOCH = -1;

/** Which partitions it did, and which not. */
export function partitionAnswers(answers: readonly KeeperAnswer[]): {
  readonly done: TopicPartitions;
  readonly failed: TopicPartitions;
} {
  const of = (isDone: boolean): TopicPartitions =>
    topicPartitionsOf(
      answers
        .filter(({ errorCode }) => (errorCode === ErrorCode.NONE) === isDone)
        .map(({ topicId, partition }) => ({ topicId, partitions: [partition] })),
    );
  return { done: of(true), failed: of(false) };
}

/** Where nobody keeps states. */
export const NO_STATE_KEEPER: ShareStateKeeper = {
  initializeState: (_, partitions) => Promise.resolve(partitions.map(unavailable)),
  readStateSummary: (_, partitions) =>
    Promise.resolve(
      partitions.map((each) => ({
        ...unavailable(each),
        leaderEpoch: 0,
        startOffset: UNINITIALIZED_OFFSET,
        deliveryCompleteCount: UNKNOWN_DELIVERY_COMPLETE_COUNT,
      })),
    ),
  deleteState: (_, partitions) => Promise.resolve(partitions.map(unavailable)),
};

function unavailable({ topicId, partition }: SharePartitionName): KeeperAnswer {
  return { topicId, partition, errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE, errorMessage: null };
}

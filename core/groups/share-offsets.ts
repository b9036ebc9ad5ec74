import { ErrorCode, errorOf } from '../protocol/errors.ts';
import { ZERO_UUID } from '../protocol/writer.ts';
import { ShareGroup, type SharePartitions } from './share-group.ts';
import type { ShareGroups } from './share-groups.ts';
import { deleted, deletingTopics, initializing, initializingFailed } from './share-partition-states.ts';
import {
  NO_LEADER_EPOCH,
  partitionAnswers,
  type ShareStateSummary,
  UNINITIALIZED_OFFSET,
  UNKNOWN_DELIVERY_COMPLETE_COUNT,
} from './share-state-keeper.ts';

/**
 * The start offsets of a share group, as its administrators see them: described with the lag, set, and forgotten (KIP-932, KIP-1226). They are kept with the
 * states of its partitions, not here; setting and forgetting asks for an empty group.
 */
interface Failure {
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

const DONE: Failure = { errorCode: ErrorCode.NONE, errorMessage: null };
const UNKNOWN_LAG = -1;
const NO_EPOCH = 0;

export function failureOf(errorCode: number, errorMessage: string | null = null): Failure {
  return { errorCode, errorMessage: errorMessage ?? errorOf(errorCode).message };
}

export interface DescribedShareTopic {
  readonly topicName: string;
  readonly topicId: string;
  readonly partitions: readonly (Failure & {
    readonly partitionIndex: number;
    readonly startOffset: number;
    readonly leaderEpoch: number;
    readonly lag: number;
  })[];
}

interface PartitionName {
  readonly topic: string;
  readonly partition: number;
}

/** The offset that the next record of a partition gets, or a Kafka error code. */
export type EndOffset = { readonly offset: number } | number;

/** Finds the ends of partitions, wherever they are led. Never rejects. */
export type EndOffsetLookup = (
  partitions: readonly PartitionName[],
) => Promise<(partition: PartitionName) => EndOffset>;

/** `wanted` null: every partition that the group has a state for. What has none is told without an error: −1. */
export async function describeShareOffsets(
  shares: ShareGroups,
  groupId: string,
  wanted: readonly { readonly topicName: string; readonly partitions: readonly number[] }[] | null,
  endOffsets: EndOffsetLookup,
): Promise<readonly DescribedShareTopic[]> {
  const { topics } = shares;
  const initialized = shares.groups.get(groupId)?.partitionStates?.initialized ?? new Map<string, SharePartitions>();
  const asked =
    wanted ??
    [...initialized].flatMap(([topicId, { partitions }]) => {
      const topicName = topics.nameOf(topicId);
      return topicName === undefined ? [] : [{ topicName, partitions: [...partitions].sort((a, b) => a - b) }];
    });
  const known = asked.map(({ topicName, partitions }) => {
    return { topicName, topicId: topics.byName(topicName)?.topicId ?? null, partitions };
  });
  const toRead = known.flatMap(({ topicId, partitions }) =>
    topicId === null ? [] : partitions.map((partition) => ({ topicId, partition, leaderEpoch: NO_LEADER_EPOCH })),
  );
  const summaries = toRead.length === 0 ? [] : await shares.keeper.readStateSummary(groupId, toRead);
  const endOffsetOf = await endOffsets(
    summaries.filter(hasLag).map(({ topicId, partition }) => ({ topic: topics.nameOf(topicId) ?? '', partition })),
  );
  let next = 0;
  return known.map(({ topicName, topicId, partitions }) => ({
    topicName,
    topicId: topicId ?? ZERO_UUID,
    partitions: partitions.map((partitionIndex) => ({
      partitionIndex,
      ...(topicId === null ? NOTHING : describedOffset(summaries[next++]!, topicName, endOffsetOf)),
    })),
  }));
}

const NOTHING = { ...DONE, startOffset: UNINITIALIZED_OFFSET, leaderEpoch: NO_EPOCH, lag: UNKNOWN_LAG };

function hasLag({ errorCode, startOffset, deliveryCompleteCount }: ShareStateSummary): boolean {
  const isKnown = startOffset !== UNINITIALIZED_OFFSET && deliveryCompleteCount !== UNKNOWN_DELIVERY_COMPLETE_COUNT;
  return errorCode === ErrorCode.NONE && isKnown;
}

function describedOffset(
  summary: ShareStateSummary,
  topic: string,
  endOffsetOf: (partition: PartitionName) => EndOffset,
) {
  const { startOffset, leaderEpoch, deliveryCompleteCount } = summary;
  if (summary.errorCode !== ErrorCode.NONE) return NOTHING;
  // No leader has been there yet.
  const known = Math.max(0, leaderEpoch);
  if (!hasLag(summary)) return { ...NOTHING, startOffset, leaderEpoch: known };
  const end = endOffsetOf({ topic, partition: summary.partition });
  if (typeof end === 'number') return { ...failureOf(end), startOffset: 0, leaderEpoch: NO_EPOCH, lag: UNKNOWN_LAG };
  return { ...DONE, startOffset, leaderEpoch: known, lag: end.offset - startOffset - deliveryCompleteCount };
}

export interface AlteredShareTopic {
  readonly topicName: string;
  readonly topicId: string;
  readonly partitions: readonly (Failure & { readonly partitionIndex: number })[];
}

/** The group is made if there is none of the name. */
export async function alterShareOffsets(
  shares: ShareGroups,
  groupId: string,
  wanted: readonly {
    readonly topicName: string;
    readonly partitions: readonly { readonly partitionIndex: number; readonly startOffset: number }[];
  }[],
): Promise<Failure & { readonly topics: readonly AlteredShareTopic[] }> {
  const refused = (failure: Failure) => ({ ...failure, topics: [] });
  const group = shares.groups.get(groupId) ?? new ShareGroup(groupId);
  if (group.members.size > 0) return refused(failureOf(ErrorCode.NON_EMPTY_GROUP));
  const offsets = new Map<string, { readonly topicName: string; readonly byPartition: Map<number, number> }>();
  for (const { topicName, partitions } of wanted) {
    const topic = shares.topics.byName(topicName);
    if (topic === undefined) continue;
    const byPartition = new Map(
      partitions
        .filter(({ partitionIndex }) => partitionIndex >= 0 && partitionIndex < topic.partitionCount)
        .map(({ partitionIndex, startOffset }) => [partitionIndex, startOffset]),
    );
    if (byPartition.size > 0) offsets.set(topic.topicId, { topicName, byPartition });
  }
  const begun = new Map(
    [...offsets].map(([topicId, { topicName, byPartition }]) => [
      topicId,
      { topicName, partitions: new Set(byPartition.keys()) },
    ]),
  );
  const failures = new Map<string, Failure>();
  if (begun.size > 0) {
    const stored = await shares.store(group, [initializing(group, begun)]);
    if (stored !== ErrorCode.NONE) return refused(failureOf(stored));
    const answers = await shares.keeper.initializeState(
      groupId,
      [...offsets].flatMap(([topicId, { byPartition }]) =>
        [...byPartition].map(([partition, startOffset]) => {
          return { topicId, partition, stateEpoch: group.groupEpoch, startOffset };
        }),
      ),
    );
    for (const { topicId, partition, errorCode, errorMessage } of answers) {
      if (errorCode !== ErrorCode.NONE) failures.set(`${topicId}:${partition}`, failureOf(errorCode, errorMessage));
    }
    const { done, failed } = partitionAnswers(answers);
    if (!shares.isCurrent(group)) return refused(failureOf(ErrorCode.NOT_COORDINATOR));
    const ended = done.size > 0 ? await shares.markInitialized(group, done) : ErrorCode.NONE;
    if (ended !== ErrorCode.NONE) return refused(failureOf(ended));
    const record = initializingFailed(group, failed);
    if (record !== null) await shares.store(group, [record]);
  }
  return {
    ...DONE,
    topics: wanted.map(({ topicName, partitions }) => {
      const topicId = shares.topics.byName(topicName)?.topicId ?? ZERO_UUID;
      return {
        topicName,
        topicId,
        partitions: partitions.map(({ partitionIndex }) => {
          const isKnown = offsets.get(topicId)?.byPartition.has(partitionIndex) === true;
          const failure = isKnown
            ? failures.get(`${topicId}:${partitionIndex}`)
            : failureOf(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
          return { partitionIndex, ...(failure ?? DONE) };
        }),
      };
    }),
  };
}

export interface DeletedShareTopic extends Failure {
  readonly topicName: string;
  readonly topicId: string;
}

export async function deleteShareOffsets(
  shares: ShareGroups,
  group: ShareGroup,
  topicNames: readonly string[],
): Promise<Failure & { readonly topics: readonly DeletedShareTopic[] }> {
  const refused = (failure: Failure) => ({ ...failure, topics: [] });
  if (group.members.size > 0) return refused(failureOf(ErrorCode.NON_EMPTY_GROUP));
  const ids = new Map(topicNames.map((name) => [name, shares.topics.byName(name)?.topicId ?? null]));
  const known = [...ids.values()].filter((topicId) => topicId !== null);
  const { record, partitions, unknown } = deletingTopics(group, known, shares.topics);
  // Kafka tells nothing of the topics of a group that never had offsets.
  if (record === null) return { ...DONE, topics: [] };
  const stored = await shares.store(group, [record]);
  if (stored !== ErrorCode.NONE) return refused(failureOf(stored));
  const answers = partitions.length === 0 ? [] : await shares.keeper.deleteState(group.groupId, partitions);
  const failures = new Map(
    answers
      .filter(({ errorCode }) => errorCode !== ErrorCode.NONE)
      .map(({ topicId, errorCode }) => [topicId, failureOf(errorCode)]),
  );
  const gone = new Set(partitions.map(({ topicId }) => topicId).filter((topicId) => !failures.has(topicId)));
  if (gone.size > 0) {
    if (!shares.isCurrent(group)) return refused(failureOf(ErrorCode.NOT_COORDINATOR));
    const ended = await shares.store(group, [deleted(group, gone)]);
    if (ended !== ErrorCode.NONE) return refused(failureOf(ended));
  }
  return {
    ...DONE,
    topics: [...ids].map(([topicName, topicId]) => {
      const failure =
        topicId === null
          ? failureOf(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
          : unknown.has(topicId)
            ? failureOf(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 'There is no offset information to delete.')
            : failures.get(topicId);
      const isTold = topicId !== null && !unknown.has(topicId);
      return { topicName, topicId: isTold ? topicId : ZERO_UUID, ...(failure ?? DONE) };
    }),
  };
}

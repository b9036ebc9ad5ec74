import { ErrorCode } from '../protocol/errors.ts';
import { OffsetCommit } from '../protocol/messages/08-offset-commit.ts';
import { OffsetFetch } from '../protocol/messages/09-offset-fetch.ts';
import type { Link } from '../rpc/link.ts';
import type { OffsetAndMetadata, PartitionOffset } from './consumer/offsets.ts';
import { groupByTopic, keyOf, type TopicPartition } from './consumer/topic-partition.ts';

/**
 * Committing and reading a group's offsets at its coordinator, for members and for the admin alike. One attempt each.
 * Versions above 9 name topics by id; names are what a group's user has, so 9 is the highest that is asked for.
 */
const VERSION_MAX = 9;

/** Who commits: a member of a generation, or nobody in particular (generation −1), which only an empty group takes. */
export interface Committer {
  readonly groupId: string;
  readonly memberId: string;
  readonly generation: number;
  readonly groupInstanceId: string | null;
}

export function anonymousCommitter(groupId: string): Committer {
  return { groupId, memberId: '', generation: -1, groupInstanceId: null };
}

/** The error code of each partition, 0 where the offset is stored. Rejects with RpcError. */
export async function commitOffsets(
  coordinator: Link,
  committer: Committer,
  offsets: readonly PartitionOffset[],
): Promise<ReadonlyMap<string, number>> {
  const topics = [...groupByTopic(offsets)].map(([name, partitions]) => ({
    name,
    partitions: partitions.map((each) => ({
      partitionIndex: each.partition,
      committedOffset: each.offset,
      committedLeaderEpoch: each.leaderEpoch ?? -1,
      committedMetadata: each.metadata ?? '',
    })),
  }));
  const response = await coordinator.request(
    OffsetCommit,
    {
      groupId: committer.groupId,
      generationIdOrMemberEpoch: committer.generation,
      memberId: committer.memberId,
      groupInstanceId: committer.groupInstanceId,
      topics,
    },
    { versionMax: VERSION_MAX },
  );
  const codes = new Map<string, number>();
  for (const topic of response.topics) {
    for (const each of topic.partitions) {
      codes.set(keyOf({ topic: topic.name, partition: each.partitionIndex }), each.errorCode);
    }
  }
  return codes;
}

export interface FetchedOffsets {
  /** Of the whole answer, or of the first partition that has one. */
  readonly errorCode: number;
  /** Only what is committed. */
  readonly offsets: readonly (TopicPartition & Required<OffsetAndMetadata>)[];
}

/** `partitions` null: all that the group has. Rejects with RpcError. */
export async function fetchOffsets(
  coordinator: Link,
  groupId: string,
  partitions: readonly TopicPartition[] | null,
  requireStable: boolean,
): Promise<FetchedOffsets> {
  const topics =
    partitions === null
      ? null
      : [...groupByTopic(partitions)].map(([name, group]) => ({
          name,
          partitionIndexes: group.map((each) => each.partition),
        }));
  const response = await coordinator.request(
    OffsetFetch,
    { groupId, topics, groups: [{ groupId, topics }], requireStable },
    { versionMax: VERSION_MAX },
  );
  const group = response.groups[0];
  const answered = group?.topics ?? response.topics;
  let errorCode = group?.errorCode ?? response.errorCode;
  const offsets: (TopicPartition & Required<OffsetAndMetadata>)[] = [];
  for (const topic of answered) {
    for (const each of topic.partitions) {
      if (each.errorCode !== ErrorCode.NONE && errorCode === ErrorCode.NONE) errorCode = each.errorCode;
      if (each.errorCode !== ErrorCode.NONE || each.committedOffset < 0) continue;
      offsets.push({
        topic: topic.name,
        partition: each.partitionIndex,
        offset: each.committedOffset,
        leaderEpoch: each.committedLeaderEpoch,
        metadata: each.metadata ?? '',
      });
    }
  }
  return { errorCode, offsets };
}

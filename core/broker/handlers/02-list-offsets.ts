import { ErrorCode } from '../../protocol/errors.ts';
import { ListOffsets } from '../../protocol/messages/02-list-offsets.ts';
import type { Partition } from '../../replica/partition.ts';
import { handlerOf } from '../handler.ts';

/**
 * ListOffsets 1–11: where a partition begins, ends, or reaches a time.
 *
 *     −1 latest: high watermark, or last stable offset for read_committed     −4 earliest on this machine
 *     −2 earliest: log start                                                   −5 latest, −6 earliest pending, of tiered storage: none here
 *     −3 the record with the largest timestamp                                 ≥ 0 the first record at or after that time
 *
 * What is not committed is not named: a record at or above the reader's end counts as absent (−1, −1). A follower (replicaId ≥ 0) is told of the log's end.
 * A new leader whose watermark has not reached the start of its epoch cannot say where the end is: OFFSET_NOT_AVAILABLE, before v5 LEADER_NOT_AVAILABLE.
 * A negative time that the version does not have is refused with UNSUPPORTED_VERSION.
 */
const LATEST = -1;
const EARLIEST = -2;
const MAX_TIMESTAMP = -3;
const EARLIEST_LOCAL = -4;
const LATEST_TIERED = -5;
const EARLIEST_PENDING_UPLOAD = -6;
const READ_COMMITTED = 1;
const OFFSET_NOT_AVAILABLE_SINCE = 5;
/** Special times by the version that brought them. */
const SINCE: ReadonlyMap<number, number> = new Map([
  [LATEST, 1],
  [EARLIEST, 1],
  [MAX_TIMESTAMP, 7],
  [EARLIEST_LOCAL, 8],
  [LATEST_TIERED, 9],
  [EARLIEST_PENDING_UPLOAD, 11],
]);

interface Found {
  readonly errorCode: number;
  readonly timestamp: number;
  readonly offset: number;
  readonly leaderEpoch: number;
}

const ABSENT: Found = { errorCode: ErrorCode.NONE, timestamp: -1, offset: -1, leaderEpoch: -1 };

export const listOffsetsHandler = handlerOf(ListOffsets, (broker, request, call) => {
  const isFollower = request.replicaId >= 0;
  if (isFollower) call.throttle.exempt();
  const isolationLevel = request.isolationLevel === READ_COMMITTED ? 'read_committed' : 'read_uncommitted';
  const unavailable =
    call.apiVersion >= OFFSET_NOT_AVAILABLE_SINCE ? ErrorCode.OFFSET_NOT_AVAILABLE : ErrorCode.LEADER_NOT_AVAILABLE;
  const readableOf = (partition: Partition): ReadableEnd => ({
    end: isFollower ? partition.log.logEndOffset : partition.readableEnd(isolationLevel),
    problem: isFollower || partition.isWatermarkKnown ? ErrorCode.NONE : unavailable,
  });
  return {
    topics: request.topics.map(({ name, partitions }) => {
      const asked = new Map<number, number>();
      for (const { partitionIndex } of partitions) asked.set(partitionIndex, (asked.get(partitionIndex) ?? 0) + 1);
      return {
        name,
        partitions: once(partitions).map(({ partitionIndex, currentLeaderEpoch, timestamp }) => {
          const partition = broker.replicas.partition(name, partitionIndex);
          const found =
            asked.get(partitionIndex)! > 1
              ? { ...ABSENT, errorCode: ErrorCode.INVALID_REQUEST }
              : timestamp < 0 && call.apiVersion < (SINCE.get(timestamp) ?? Number.POSITIVE_INFINITY)
                ? { ...ABSENT, errorCode: ErrorCode.UNSUPPORTED_VERSION }
                : partition === undefined
                  ? { ...ABSENT, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }
                  : find(partition, currentLeaderEpoch, timestamp, readableOf(partition));
          return { partitionIndex, ...found };
        }),
      };
    }),
  };
});

/** A partition that is named twice is answered once, with an error. */
function once<T extends { readonly partitionIndex: number }>(partitions: readonly T[]): readonly T[] {
  return [...new Map(partitions.map((each) => [each.partitionIndex, each])).values()];
}

/** Up to where the asker may read; and the error when nobody knows whether that is all. */
interface ReadableEnd {
  readonly end: number;
  readonly problem: number;
}

function find(partition: Partition, currentLeaderEpoch: number, timestamp: number, readable: ReadableEnd): Found {
  const problem = partition.check(currentLeaderEpoch);
  if (problem !== ErrorCode.NONE) return { ...ABSENT, errorCode: problem };
  const { log } = partition;
  const at = (offset: number): Found => ({ ...ABSENT, offset, leaderEpoch: epochOf(partition, offset) });
  switch (timestamp) {
    case LATEST:
      if (readable.problem !== ErrorCode.NONE) return { ...ABSENT, errorCode: readable.problem };
      return { ...ABSENT, offset: readable.end, leaderEpoch: partition.leaderEpoch };
    case EARLIEST:
    case EARLIEST_LOCAL:
      return at(log.logStartOffset);
    case LATEST_TIERED:
    case EARLIEST_PENDING_UPLOAD:
      return ABSENT;
    default: {
      const record = timestamp === MAX_TIMESTAMP ? log.maxTimestampRecord() : log.offsetForTimestamp(timestamp);
      if (record === null || record.offset >= readable.end) return { ...ABSENT, errorCode: readable.problem };
      return { ...record, errorCode: ErrorCode.NONE };
    }
  }
}

function epochOf(partition: Partition, offset: number): number {
  const epoch = partition.log.epochs.epochFor(offset);
  return epoch >= 0 ? epoch : partition.leaderEpoch;
}

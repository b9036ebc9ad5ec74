import { isInternalTopic } from '../../controller/topic-name.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { DeleteRecords } from '../../protocol/messages/21-delete-records.ts';
import type { ResponseInput } from '../../protocol/schema.ts';
import type { Partition } from '../../replica/partition.ts';
import { handlerOf } from '../handler.ts';
import type { BrokerServices } from '../services.ts';

/**
 * DeleteRecords 0–2: raises the log start; −1 means up to the high watermark. Compacted topics and internal ones keep theirs.
 * Answered when the records are gone on every live replica, or when the request's time is over (REQUEST_TIMED_OUT).
 */
interface Deletion {
  readonly partitionIndex: number;
  readonly partition: Partition | null;
  readonly errorCode: number;
  /** Up to here records are to go everywhere. */
  readonly offset: number;
}

export const deleteRecordsHandler = handlerOf(DeleteRecords, (broker, request, call) => {
  const topics = request.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex, offset }) => deleteOne(broker, name, partitionIndex, offset)),
  }));
  const answer = (): ResponseInput<typeof DeleteRecords> => ({
    topics: topics.map(({ name, partitions }) => ({ name, partitions: partitions.map(outcomeOf) })),
  });
  const waiting = topics.flatMap(({ partitions }) => partitions).filter((each) => !isDone(each));
  if (waiting.length === 0) return answer();
  return broker.purgatory
    .park({
      partitions: waiting.map(({ partition }) => partition!),
      timeoutMs: Math.max(0, request.timeoutMs),
      connection: call.connection,
      isSatisfied: () => waiting.every(isDone),
    })
    .then(answer);
});

function deleteOne(broker: BrokerServices, name: string, partitionIndex: number, offset: number): Deletion {
  const refused = (errorCode: number): Deletion => ({ partitionIndex, partition: null, errorCode, offset: -1 });
  const partition = broker.replicas.partition(name, partitionIndex);
  if (partition === undefined) return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  if (isInternalTopic(name)) return refused(ErrorCode.INVALID_TOPIC_EXCEPTION);
  if (!partition.log.config.cleanupPolicy.includes('delete')) return refused(ErrorCode.POLICY_VIOLATION);
  const { errorCode, offset: until } = partition.deleteRecords(offset);
  return { partitionIndex, partition: errorCode === ErrorCode.NONE ? partition : null, errorCode, offset: until };
}

function isDone({ partition, offset }: Deletion): boolean {
  return partition === null || partition.check(-1) !== ErrorCode.NONE || partition.lowWatermark >= offset;
}

function outcomeOf({ partitionIndex, partition, errorCode, offset }: Deletion) {
  if (partition === null) return { partitionIndex, lowWatermark: -1, errorCode };
  const problem = partition.check(-1);
  if (problem !== ErrorCode.NONE) return { partitionIndex, lowWatermark: -1, errorCode: problem };
  const { lowWatermark } = partition;
  if (lowWatermark >= offset) return { partitionIndex, lowWatermark, errorCode: ErrorCode.NONE };
  return { partitionIndex, lowWatermark, errorCode: ErrorCode.REQUEST_TIMED_OUT };
}

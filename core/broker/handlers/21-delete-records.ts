import { isInternalTopic } from '../../controller/topic-name.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { DeleteRecords } from '../../protocol/messages/21-delete-records.ts';
import { handlerOf } from '../handler.ts';

/** DeleteRecords 0–2: raises the log start; −1 means up to the high watermark. Compacted topics and internal ones keep theirs. */
export const deleteRecordsHandler = handlerOf(DeleteRecords, (broker, request) => ({
  topics: request.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex, offset }) => {
      const refused = (errorCode: number) => ({ partitionIndex, lowWatermark: -1, errorCode });
      const partition = broker.replicas.partition(name, partitionIndex);
      if (partition === undefined) return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
      if (isInternalTopic(name)) return refused(ErrorCode.INVALID_TOPIC_EXCEPTION);
      if (!partition.log.config.cleanupPolicy.includes('delete')) return refused(ErrorCode.POLICY_VIOLATION);
      return { partitionIndex, ...partition.deleteRecords(offset) };
    }),
  })),
}));

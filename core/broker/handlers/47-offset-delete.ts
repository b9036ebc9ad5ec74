import { ErrorCode } from '../../protocol/errors.ts';
import { OffsetDelete } from '../../protocol/messages/47-offset-delete.ts';
import { handlerOf } from '../handler.ts';

/** OffsetDelete 0: forgets single positions of a group, as long as no member subscribes to their topic. */
export const offsetDeleteHandler = handlerOf(OffsetDelete, async (broker, request) => {
  if (request.groupId === '') return { errorCode: ErrorCode.INVALID_GROUP_ID, topics: [] };
  const asked = request.topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex }) => ({ topic: name, partition: partitionIndex })),
  );
  const isKnown = ({ topic, partition }: (typeof asked)[number]) =>
    broker.image.topics.get(topic)?.partitions[partition] !== undefined;
  const { errorCode, partitionErrorCodes } = await broker.groups.offsets.delete(request.groupId, asked.filter(isKnown));
  if (errorCode !== ErrorCode.NONE) return { errorCode, topics: [] };
  const codes = partitionErrorCodes.values();
  return {
    errorCode,
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: isKnown({ topic: name, partition: partitionIndex })
          ? (codes.next().value ?? ErrorCode.NONE)
          : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      })),
    })),
  };
});

import { CONSUMER_OFFSETS_TOPIC } from '../../controller/topic-name.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { AddOffsetsToTxn } from '../../protocol/messages/25-add-offsets-to-txn.ts';
import { handlerOf } from '../handler.ts';

/** AddOffsetsToTxn 0–4: enters the partition of `__consumer_offsets` that holds a group. v2 knows PRODUCER_FENCED. */
const FENCED_SINCE = 2;

export const addOffsetsToTxnHandler = handlerOf(AddOffsetsToTxn, async (broker, request, { apiVersion }) => {
  const { transactionalId, producerId, producerEpoch, groupId } = request;
  if (!(await broker.topicCreation.ensureOffsetsTopic())) return { errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE };
  const partitions = [{ topic: CONSUMER_OFFSETS_TOPIC, partition: broker.groups.partitionOf(groupId) }];
  const producer = { producerId, producerEpoch };
  const errorCode = await broker.transactions.addPartitions(transactionalId, producer, partitions, 0);
  const isFenced = errorCode === ErrorCode.PRODUCER_FENCED && apiVersion < FENCED_SINCE;
  return { errorCode: isFenced ? ErrorCode.INVALID_PRODUCER_EPOCH : errorCode };
});

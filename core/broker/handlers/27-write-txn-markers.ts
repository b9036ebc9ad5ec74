import { WriteTxnMarkers } from '../../protocol/messages/27-write-txn-markers.ts';
import { handlerOf } from '../handler.ts';

/**
 * WriteTxnMarkers 1–2: markers for partitions that this broker leads, from the coordinator on another broker, or from an administrator who ends a
 * transaction that hangs. Each partition answers for itself.
 */
export const writeTxnMarkersHandler = handlerOf(WriteTxnMarkers, async (broker, request) => {
  const markers = [];
  for (const { producerId, producerEpoch, coordinatorEpoch, transactionResult, topics } of request.markers) {
    const marker = { producerId, producerEpoch, coordinatorEpoch, isCommit: transactionResult };
    const answers = [];
    for (const { name, partitionIndexes } of topics) {
      const partitions = await Promise.all(
        partitionIndexes.map(async (partitionIndex) => ({
          partitionIndex,
          errorCode: await broker.markers.writeOne(marker, { topic: name, partition: partitionIndex }),
        })),
      );
      answers.push({ name, partitions });
    }
    markers.push({ producerId, topics: answers });
  }
  return { markers };
});

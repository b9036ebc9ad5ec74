import { WriteTxnMarkers } from '../../protocol/messages/27-write-txn-markers.ts';
import { handlerOf } from '../handler.ts';

/**
 * WriteTxnMarkers 1–2: markers for partitions that this broker leads, from the coordinator on another broker, or from an administrator who ends a
 * transaction that hangs. Each partition answers for itself, once its marker is committed. v2 names the transaction version (KIP-1228).
 */
export const writeTxnMarkersHandler = handlerOf(WriteTxnMarkers, async (broker, request) => {
  const markers = request.markers.map(async ({ topics, transactionResult, ...identity }) => {
    const { producerId, producerEpoch, coordinatorEpoch, transactionVersion } = identity;
    const isCommit = transactionResult;
    const marker = { producerId, producerEpoch, coordinatorEpoch, isCommit, transactionVersion };
    const answers = topics.map(async ({ name, partitionIndexes }) => {
      const partitions = partitionIndexes.map(async (partitionIndex) => ({
        partitionIndex,
        errorCode: await broker.markers.writeOne(marker, { topic: name, partition: partitionIndex }),
      }));
      return { name, partitions: await Promise.all(partitions) };
    });
    return { producerId, topics: await Promise.all(answers) };
  });
  return { markers: await Promise.all(markers) };
});

import { topicNameProblem } from '../../controller/topic-name.ts';
import { ErrorCode, errorOf } from '../../protocol/errors.ts';
import { DescribeProducers } from '../../protocol/messages/61-describe-producers.ts';
import { handlerOf } from '../handler.ts';

/** DescribeProducers 0: what the leader of a partition knows of its producers, and since which offset their transactions are open (KIP-664). */
export const describeProducersHandler = handlerOf(DescribeProducers, (broker, request) => ({
  topics: request.topics.map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((partitionIndex) => {
      const partition = broker.replicas.partition(name, partitionIndex);
      const missing =
        topicNameProblem(name) === null ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.INVALID_TOPIC_EXCEPTION;
      const errorCode = partition === undefined ? missing : partition.check(-1);
      if (partition === undefined || errorCode !== ErrorCode.NONE) {
        return { partitionIndex, errorCode, errorMessage: errorOf(errorCode).message, activeProducers: [] };
      }
      return {
        partitionIndex,
        errorCode,
        activeProducers: [...partition.log.producers.entries.values()].map((entry) => ({
          producerId: entry.producerId,
          producerEpoch: entry.producerEpoch,
          lastSequence: entry.lastSequence,
          lastTimestamp: entry.lastTimestamp,
          coordinatorEpoch: entry.coordinatorEpoch,
          currentTxnStartOffset: entry.currentTxnFirstOffset ?? -1,
        })),
      };
    }),
  })),
}));

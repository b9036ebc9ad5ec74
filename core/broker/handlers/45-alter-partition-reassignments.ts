import { ErrorCode } from '../../protocol/errors.ts';
import { AlterPartitionReassignments } from '../../protocol/messages/45-alter-partition-reassignments.ts';
import { nodeHandlerOf } from '../handler.ts';

/** AlterPartitionReassignments 0–1: the brokers that are to hold a partition; null replicas cancel. v1 may forbid another number of replicas (KIP-860). */
export const alterPartitionReassignmentsHandler = nodeHandlerOf(
  AlterPartitionReassignments,
  async (node, { topics, allowReplicationFactorChange }) => {
    const wanted = topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, replicas }) => ({ name, partition: partitionIndex, replicas })),
    );
    const outcomes = (await node.controller.reassignPartitions(wanted, { allowReplicationFactorChange })).values();
    return {
      allowReplicationFactorChange,
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      responses: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => {
          const { errorCode, errorMessage } = outcomes.next().value!;
          return { partitionIndex, errorCode, errorMessage };
        }),
      })),
    };
  },
);

import type { ElectionType } from '../../controller/election.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { ElectLeaders } from '../../protocol/messages/43-elect-leaders.ts';
import { nodeHandlerOf } from '../handler.ts';

/**
 * ElectLeaders 0–2: makes the preferred replica the leader, or with type 1 (v1+) any live one of a partition without leader. null means all partitions, and
 * names only those where something happened.
 */
const TYPES: ReadonlyMap<number, ElectionType> = new Map([
  [0, 'preferred'],
  [1, 'unclean'],
]);

export const electLeadersHandler = nodeHandlerOf(ElectLeaders, async (node, request, call) => {
  const { electionType, topicPartitions } = request;
  const type = TYPES.get(call.apiVersion === 0 ? 0 : electionType);
  if (type === undefined) {
    const outcome = { errorCode: ErrorCode.INVALID_REQUEST, errorMessage: `Unknown election type ${electionType}` };
    return {
      errorCode: ErrorCode.INVALID_REQUEST,
      replicaElectionResults: (topicPartitions ?? []).map(({ topic, partitions }) => ({
        topic,
        partitionResult: partitions.map((partitionId) => ({ partitionId, ...outcome })),
      })),
    };
  }
  const elected = await node.controller.electLeaders(type, topicPartitions);
  return {
    errorCode: ErrorCode.NONE,
    replicaElectionResults: elected.map(({ topic, partitions }) => ({
      topic,
      partitionResult: partitions.map(({ partition, errorCode, errorMessage }) => ({
        partitionId: partition,
        errorCode,
        errorMessage,
      })),
    })),
  };
});

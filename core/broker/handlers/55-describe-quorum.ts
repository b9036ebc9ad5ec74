import { CLUSTER_METADATA_TOPIC } from '../../controller/topic-name.ts';
import { ErrorCode, errorOf } from '../../protocol/errors.ts';
import { DescribeQuorum } from '../../protocol/messages/55-describe-quorum.ts';
import { nodeHandlerOf } from '../handler.ts';

/**
 * DescribeQuorum 0–2: leader, voters and observers of the metadata log, as the leader knows them; another controller says that it is not the leader.
 * A request for anything but the one partition of the metadata log is answered with UNKNOWN_TOPIC_OR_PARTITION for all that it names.
 */
export const describeQuorumHandler = nodeHandlerOf(DescribeQuorum, (node, { topics }) => {
  const isMetadata =
    topics.length === 1 &&
    topics[0]!.topicName === CLUSTER_METADATA_TOPIC &&
    topics[0]!.partitions.length === 1 &&
    topics[0]!.partitions[0]!.partitionIndex === 0;
  if (!isMetadata) {
    const { message } = errorOf(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    return {
      errorCode: ErrorCode.NONE,
      errorMessage: '',
      topics: topics.map(({ topicName, partitions }) => ({
        topicName,
        partitions: partitions.map(({ partitionIndex }) => ({
          partitionIndex,
          errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
          errorMessage: message,
          leaderId: 0,
          leaderEpoch: 0,
          highWatermark: 0,
          currentVoters: [],
          observers: [],
        })),
      })),
      nodes: [],
    };
  }
  const { isLeader, leaderId, leaderEpoch, highWatermark, voters, observers } = node.quorum.describe();
  const errorCode = isLeader ? ErrorCode.NONE : ErrorCode.NOT_LEADER_OR_FOLLOWER;
  const replicaOf = ({ directoryId, ...each }: (typeof voters)[number]) => ({
    ...each,
    replicaDirectoryId: directoryId,
  });
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: '',
    topics: [
      {
        topicName: CLUSTER_METADATA_TOPIC,
        partitions: [
          {
            partitionIndex: 0,
            errorCode,
            errorMessage: isLeader ? '' : errorOf(errorCode).message,
            leaderId,
            leaderEpoch,
            highWatermark,
            currentVoters: voters.map(replicaOf),
            observers: observers.map(replicaOf),
          },
        ],
      },
    ],
    nodes: node.controllers().map(({ nodeId, ...listener }) => ({ nodeId, listeners: [listener] })),
  };
});

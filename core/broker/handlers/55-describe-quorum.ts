import { CLUSTER_METADATA_TOPIC } from '../../controller/topic-name.ts';
import { ErrorCode, errorOf } from '../../protocol/errors.ts';
import { DescribeQuorum } from '../../protocol/messages/55-describe-quorum.ts';
import { handlerOf } from '../handler.ts';

/**
 * DescribeQuorum 0–2: leader and voters of the metadata log. This controller is the only voter: it leads, and is never behind.
 * A request for anything but the one partition of the metadata log is answered with UNKNOWN_TOPIC_OR_PARTITION for all that it names.
 */
export const describeQuorumHandler = handlerOf(DescribeQuorum, (broker, { topics }) => {
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
  const { nodeId, clock, quorum } = broker;
  const nowMs = clock.now();
  const self = {
    replicaId: nodeId,
    replicaDirectoryId: quorum.directoryId,
    logEndOffset: quorum.logEndOffset(),
    lastFetchTimestamp: nowMs,
    lastCaughtUpTimestamp: nowMs,
  };
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: '',
    topics: [
      {
        topicName: CLUSTER_METADATA_TOPIC,
        partitions: [
          {
            partitionIndex: 0,
            errorCode: ErrorCode.NONE,
            errorMessage: '',
            leaderId: nodeId,
            leaderEpoch: quorum.leaderEpoch,
            highWatermark: quorum.logEndOffset(),
            currentVoters: [self],
            observers: [],
          },
        ],
      },
    ],
    nodes: [{ nodeId, listeners: quorum.listeners() }],
  };
});

import { ErrorCode } from '../../protocol/errors.ts';
import { OffsetForLeaderEpoch } from '../../protocol/messages/23-offset-for-leader-epoch.ts';
import { handlerOf } from '../handler.ts';

/** OffsetForLeaderEpoch 2–4: where the largest epoch not above the one asked for ends, so that a client finds out whether its position was truncated away (KIP-320). */
export const offsetForLeaderEpochHandler = handlerOf(OffsetForLeaderEpoch, (broker, request) => ({
  topics: request.topics.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map(({ partition: index, currentLeaderEpoch, leaderEpoch }) => {
      const partition = broker.replicas.partition(topic, index);
      const errorCode = partition?.check(currentLeaderEpoch) ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
      if (partition === undefined || errorCode !== ErrorCode.NONE) {
        return { partition: index, errorCode, leaderEpoch: -1, endOffset: -1 };
      }
      const { log } = partition;
      if (leaderEpoch === partition.leaderEpoch) {
        return { partition: index, errorCode, leaderEpoch, endOffset: log.logEndOffset };
      }
      const { epoch, endOffset } = log.epochs.endOffsetFor(leaderEpoch, log.logEndOffset);
      return { partition: index, errorCode, leaderEpoch: epoch, endOffset };
    }),
  })),
}));

import { isInternalTopic, topicNameProblem } from '../../controller/topic-name.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { DescribeTopicPartitions } from '../../protocol/messages/75-describe-topic-partitions.ts';
import type { ResponseInput } from '../../protocol/schema.ts';
import { ZERO_UUID } from '../../protocol/writer.ts';
import { TOPIC_OPERATIONS } from '../authorized-operations.ts';
import { handlerOf } from '../handler.ts';

/** DescribeTopicPartitions 0: topics in the order of their names, page by page; the cursor names the first partition of the next page. No names: all topics. */
type TopicAnswer = ResponseInput<typeof DescribeTopicPartitions>['topics'][number];

export const describeTopicPartitionsHandler = handlerOf(DescribeTopicPartitions, (broker, request) => {
  const { image } = broker;
  const { cursor } = request;
  if (cursor !== null && cursor.partitionIndex < 0) {
    const errorCode = ErrorCode.INVALID_REQUEST;
    const refused = request.topics.map(({ name }) => ({
      errorCode,
      name,
      topicId: ZERO_UUID,
      isInternal: isInternalTopic(name),
      partitions: [],
    }));
    return { topics: refused, nextCursor: null };
  }
  const live = new Set(image.liveBrokers().map((each) => each.brokerId));
  const asked = request.topics.length === 0 ? [...image.topics.keys()] : request.topics.map((each) => each.name);
  const names = [...new Set(asked)].sort().filter((name) => cursor === null || name >= cursor.topicName);
  let left = Math.max(
    1,
    Math.min(request.responsePartitionLimit, broker.config.number('max.request.partition.size.limit')),
  );
  const topics: TopicAnswer[] = [];
  for (const name of names) {
    const topic = image.topics.get(name);
    if (topic === undefined) {
      const errorCode =
        topicNameProblem(name) === null ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.INVALID_TOPIC_EXCEPTION;
      const topicAuthorizedOperations = TOPIC_OPERATIONS;
      const isInternal = isInternalTopic(name);
      topics.push({ errorCode, name, topicId: ZERO_UUID, isInternal, topicAuthorizedOperations, partitions: [] });
      continue;
    }
    const first = cursor !== null && cursor.topicName === name ? cursor.partitionIndex : 0;
    if (left === 0) return { topics, nextCursor: { topicName: name, partitionIndex: first } };
    const page = topic.partitions.slice(first, first + left);
    left -= page.length;
    topics.push({
      errorCode: ErrorCode.NONE,
      name,
      topicId: topic.topicId,
      isInternal: isInternalTopic(name),
      topicAuthorizedOperations: TOPIC_OPERATIONS,
      partitions: page.map((each) => ({
        errorCode: live.has(each.leader) ? ErrorCode.NONE : ErrorCode.LEADER_NOT_AVAILABLE,
        partitionIndex: each.partition,
        leaderId: each.leader,
        leaderEpoch: each.leaderEpoch,
        replicaNodes: each.replicas,
        isrNodes: each.inSyncReplicas,
        eligibleLeaderReplicas: [],
        lastKnownElr: [],
        offlineReplicas: each.replicas.filter((id) => !live.has(id)),
      })),
    });
    if (first + page.length < topic.partitions.length) {
      return { topics, nextCursor: { topicName: name, partitionIndex: first + page.length } };
    }
  }
  return { topics, nextCursor: null };
});

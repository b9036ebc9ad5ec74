import { NO_LEADER, type TopicImage } from '../../controller/image.ts';
import { isInternalTopic, topicNameProblem } from '../../controller/topic-name.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { Metadata } from '../../protocol/messages/03-metadata.ts';
import type { RequestOf, ResponseInput } from '../../protocol/schema.ts';
import { ZERO_UUID } from '../../protocol/writer.ts';
import { CLUSTER_OPERATIONS, TOPIC_OPERATIONS } from '../authorized-operations.ts';
import { handlerOf, type RequestCall } from '../handler.ts';
import type { BrokerServices } from '../services.ts';

/**
 * Metadata 0–13: brokers, topics, partitions, leaders.
 *
 * v0 asks for all topics by an empty list, later versions by null. A missing topic that is asked for by name is made when the server's
 * auto.create.topics.enable and the request (v4+) both allow it; the answer then already has it.
 */
type AskedTopics = RequestOf<typeof Metadata>['topics'];
type TopicAnswer = ResponseInput<typeof Metadata>['topics'][number];

export const metadataHandler = handlerOf(Metadata, (broker, request, call) => {
  const asked: AskedTopics = call.apiVersion === 0 && request.topics?.length === 0 ? null : request.topics;
  const names = missingNames(broker, asked);
  if (names.length === 0 || !request.allowAutoTopicCreation || !mayCreate(broker)) {
    return answer(broker, request, call, asked, new Map());
  }
  // Counted, but never refused: Metadata has no answer that would say so.
  const { gate } = broker.quotas.mutations.open(call.throttle.holder, false);
  return broker.topicCreation.createMissing(names, gate).then((created) => {
    const failures = new Map([...created].map(([name, { errorCode }]) => [name, failureOf(errorCode)]));
    return answer(broker, request, call, asked, failures);
  });
});

/** Somebody else was quicker, and the news is not here yet: who asks again will find it. */
function failureOf(errorCode: number): number {
  return errorCode === ErrorCode.TOPIC_ALREADY_EXISTS ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : errorCode;
}

function mayCreate(broker: BrokerServices): boolean {
  return broker.config.boolean('auto.create.topics.enable');
}

function missingNames(broker: BrokerServices, asked: AskedTopics): string[] {
  const names = new Set<string>();
  for (const { name, topicId } of asked ?? []) {
    if (topicId !== ZERO_UUID || name === null) continue;
    if (!broker.image.topics.has(name) && topicNameProblem(name) === null) names.add(name);
  }
  return [...names];
}

function answer(
  broker: BrokerServices,
  request: RequestOf<typeof Metadata>,
  call: RequestCall,
  asked: AskedTopics,
  failures: ReadonlyMap<string, number>,
): ResponseInput<typeof Metadata> {
  const topicOperations = request.includeTopicAuthorizedOperations ? TOPIC_OPERATIONS : undefined;
  const brokers = broker.image.liveBrokers().flatMap(({ brokerId, rack }) => {
    const endPoint = broker.endPointOf(brokerId, call.listenerName);
    return endPoint === null ? [] : [{ nodeId: brokerId, host: endPoint.host, port: endPoint.port, rack }];
  });
  const live = new Set(brokers.map((each) => each.nodeId));
  const topics =
    asked === null
      ? [...broker.image.topics.values()].map((topic) => describe(topic, live, topicOperations))
      : once(asked).map((each) => lookUp(broker, each, live, topicOperations, failures));
  return {
    brokers,
    clusterId: broker.clusterId,
    // Any live broker: requests for the controller are served by every one (KRaft).
    controllerId: broker.nodeId,
    topics,
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? CLUSTER_OPERATIONS : undefined,
  };
}

/** A topic that is asked for twice is told once. */
function once(asked: NonNullable<AskedTopics>): NonNullable<AskedTopics> {
  if (asked.length < 2) return asked;
  return [...new Map(asked.map((each) => [`${each.topicId} ${each.name}`, each])).values()];
}

function lookUp(
  broker: BrokerServices,
  asked: { readonly name: string | null; readonly topicId: string },
  live: ReadonlySet<number>,
  operations: number | undefined,
  failures: ReadonlyMap<string, number>,
): TopicAnswer {
  const { name, topicId } = asked;
  if (topicId !== ZERO_UUID) {
    const topic = broker.image.topicById(topicId);
    return topic === undefined ? missing(ErrorCode.UNKNOWN_TOPIC_ID, null, topicId) : describe(topic, live, operations);
  }
  const topic = broker.image.topics.get(name ?? '');
  if (topic !== undefined) return describe(topic, live, operations);
  if (name === null || topicNameProblem(name) !== null) {
    return missing(ErrorCode.INVALID_TOPIC_EXCEPTION, name ?? '', ZERO_UUID);
  }
  const failure = failures.get(name) ?? ErrorCode.NONE;
  const errorCode = failure === ErrorCode.NONE ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : failure;
  return missing(errorCode, name, ZERO_UUID);
}

function missing(errorCode: number, name: string | null, topicId: string): TopicAnswer {
  return { errorCode, name, topicId, isInternal: name !== null && isInternalTopic(name), partitions: [] };
}

function describe(topic: TopicImage, live: ReadonlySet<number>, operations: number | undefined): TopicAnswer {
  return {
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.topicId,
    isInternal: isInternalTopic(topic.name),
    topicAuthorizedOperations: operations,
    partitions: topic.partitions.map((each) => {
      const hasLeader = each.leader !== NO_LEADER && live.has(each.leader);
      return {
        errorCode: hasLeader ? ErrorCode.NONE : ErrorCode.LEADER_NOT_AVAILABLE,
        partitionIndex: each.partition,
        leaderId: hasLeader ? each.leader : NO_LEADER,
        leaderEpoch: each.leaderEpoch,
        replicaNodes: each.replicas,
        isrNodes: each.inSyncReplicas,
        offlineReplicas: each.replicas.filter((id) => !live.has(id)),
      };
    }),
  };
}

import { TOPIC_CONFIGS } from '../../controller/topic-config.ts';
import type { CreatedTopic } from '../../controller/topic-decisions.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { CreateTopics } from '../../protocol/messages/19-create-topics.ts';
import { topicConfigEntry } from '../config-entries.ts';
import { nodeHandlerOf } from '../handler.ts';
import type { NodeServices } from '../services.ts';

/** CreateTopics 2–7: v5+ answers counts and settings, v6+ knows THROTTLING_QUOTA_EXCEEDED, v7 answers the id. The decision is the controller's. */
export const createTopicsHandler = nodeHandlerOf(CreateTopics, async (node, request, call) => {
  const defaults = {
    partitionCount: node.config.number('num.partitions'),
    replicationFactor: node.config.number('default.replication.factor'),
  };
  const topics = request.topics.map((topic) => ({
    name: topic.name,
    partitionCount: topic.numPartitions,
    replicationFactor: topic.replicationFactor,
    assignments: topic.assignments,
    configs: topic.configs,
  }));
  const { validateOnly } = request;
  const mutations = node.quotas.mutations.open(call.throttle.holder, call.apiVersion >= 6);
  const created = await node.controller.createTopics(topics, defaults, { validateOnly, mutations: mutations.gate });
  call.throttle.atLeast(mutations.throttleMs());
  return {
    topics: created.map((topic) => ({
      name: topic.name,
      topicId: topic.topicId,
      errorCode: topic.errorCode,
      errorMessage: topic.errorMessage,
      numPartitions: topic.partitionCount,
      replicationFactor: topic.replicationFactor,
      configs: call.apiVersion >= 5 && topic.errorCode === ErrorCode.NONE ? configsOf(node, topic) : [],
    })),
  };
});

function configsOf(node: NodeServices, topic: CreatedTopic) {
  return [...TOPIC_CONFIGS.values()].map((definition) => {
    const { name, value, readOnly, configSource, isSensitive } = topicConfigEntry(
      node.settings,
      definition,
      topic.configs,
    );
    return { name, value, readOnly, configSource, isSensitive };
  });
}

import { TOPIC_CONFIGS } from '../../controller/topic-config.ts';
import type { CreatedTopic } from '../../controller/topic-decisions.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { CreateTopics } from '../../protocol/messages/19-create-topics.ts';
import { topicConfigEntry } from '../config-entries.ts';
import { handlerOf } from '../handler.ts';
import type { BrokerServices } from '../services.ts';

/** CreateTopics 2–7: v5+ answers counts and settings, v6+ knows THROTTLING_QUOTA_EXCEEDED, v7 answers the id. The decision is the controller's. */
export const createTopicsHandler = handlerOf(CreateTopics, async (broker, request, call) => {
  const defaults = {
    partitionCount: broker.config.number('num.partitions'),
    replicationFactor: broker.config.number('default.replication.factor'),
  };
  const topics = request.topics.map((topic) => ({
    name: topic.name,
    partitionCount: topic.numPartitions,
    replicationFactor: topic.replicationFactor,
    assignments: topic.assignments,
    configs: topic.configs,
  }));
  const { validateOnly } = request;
  const mutations = broker.quotas.mutations.open(call.throttle.holder, call.apiVersion >= 6);
  const created = await broker.controller.createTopics(topics, defaults, { validateOnly, mutations: mutations.gate });
  call.throttle.atLeast(mutations.throttleMs());
  return {
    topics: created.map((topic) => ({
      name: topic.name,
      topicId: topic.topicId,
      errorCode: topic.errorCode,
      errorMessage: topic.errorMessage,
      numPartitions: topic.partitionCount,
      replicationFactor: topic.replicationFactor,
      configs: call.apiVersion >= 5 && topic.errorCode === ErrorCode.NONE ? configsOf(broker, topic) : [],
    })),
  };
});

function configsOf(broker: BrokerServices, topic: CreatedTopic) {
  return [...TOPIC_CONFIGS.values()].map((definition) => {
    const { name, value, readOnly, configSource, isSensitive } = topicConfigEntry(
      broker.settings,
      definition,
      topic.configs,
    );
    return { name, value, readOnly, configSource, isSensitive };
  });
}

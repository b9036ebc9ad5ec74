import type { ClusterImage } from '../../controller/image.ts';
import type { TopicsView } from '../../groups/topic-partitions.ts';
import type { RequestCall } from '../handler.ts';
import type { GroupRequestContext, TopicLookup } from './group-requests.ts';

/** What the group requests need to know of the caller, and of the topics. */
export function groupContext(call: RequestCall): GroupRequestContext {
  const { apiVersion, clientId, connection } = call;
  return { apiVersion, clientId, clientHost: `/${connection.remote.host}` };
}

export function topicLookup(image: ClusterImage): TopicLookup {
  return {
    partitionCount: (topic) => image.topics.get(topic)?.partitions.length,
    nameOf: (topicId) => image.topicById(topicId)?.name,
    idOf: (topic) => image.topics.get(topic)?.topicId,
  };
}

/** The topics that consumer groups subscribe to. */
export function topicsView(image: ClusterImage): TopicsView {
  return {
    byName(name) {
      const topic = image.topics.get(name);
      return topic && { topicId: topic.topicId, partitionCount: topic.partitions.length };
    },
    nameOf: (topicId) => image.topicById(topicId)?.name,
    names: () => image.topics.keys(),
  };
}

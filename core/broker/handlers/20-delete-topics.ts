import { ErrorCode } from '../../protocol/errors.ts';
import { DeleteTopics } from '../../protocol/messages/20-delete-topics.ts';
import { ZERO_UUID } from '../../protocol/writer.ts';
import { nodeHandlerOf } from '../handler.ts';

/** DeleteTopics 1–6: v6 names topics by name or by id. */
export const deleteTopicsHandler = nodeHandlerOf(DeleteTopics, async (node, request, call) => {
  const topics =
    call.apiVersion >= 6 ? request.topics : request.topicNames.map((name) => ({ name, topicId: ZERO_UUID }));
  if (!node.config.boolean('delete.topic.enable')) {
    const errorCode = call.apiVersion < 3 ? ErrorCode.INVALID_REQUEST : ErrorCode.TOPIC_DELETION_DISABLED;
    return { responses: topics.map(({ name, topicId }) => ({ name, topicId, errorCode })) };
  }
  const mutations = node.quotas.mutations.open(call.throttle.holder, call.apiVersion >= 5);
  const responses = await node.controller.deleteTopics(topics, mutations.gate);
  call.throttle.atLeast(mutations.throttleMs());
  return { responses };
});

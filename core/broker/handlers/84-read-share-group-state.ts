import { ReadShareGroupState } from '../../protocol/messages/84-read-share-group-state.ts';
import { handlerOf } from '../handler.ts';
import { flattened, groupedByTopic, isVoid } from '../shares/by-topic.ts';

/** ReadShareGroupState 0: the leader of partitions takes over what is known of them; older leaders are fenced by it (KIP-932). */
export const readShareGroupStateHandler = handlerOf(ReadShareGroupState, async (broker, request) => {
  if (isVoid(request)) return { results: [] };
  const answers = await broker.shares.readState(request.groupId, flattened(request.topics));
  return { results: groupedByTopic(answers) };
});

import { InitializeShareGroupState } from '../../protocol/messages/83-initialize-share-group-state.ts';
import { handlerOf } from '../handler.ts';
import { flattened, groupedByTopic, isVoid } from '../shares/by-topic.ts';

/** InitializeShareGroupState 0: the group coordinator begins to keep the state of share partitions here (KIP-932). */
export const initializeShareGroupStateHandler = handlerOf(InitializeShareGroupState, async (broker, request) => {
  if (isVoid(request)) return { results: [] };
  const answers = await broker.shares.initializeState(request.groupId, flattened(request.topics));
  return { results: groupedByTopic(answers) };
});

import { DeleteShareGroupState } from '../../protocol/messages/86-delete-share-group-state.ts';
import { handlerOf } from '../handler.ts';
import { flattened, groupedByTopic, isVoid } from '../shares/by-topic.ts';

/** DeleteShareGroupState 0: the group coordinator ends the state of share partitions (KIP-932). */
export const deleteShareGroupStateHandler = handlerOf(DeleteShareGroupState, async (broker, request) => {
  if (isVoid(request)) return { results: [] };
  const answers = await broker.shares.deleteState(request.groupId, flattened(request.topics));
  return { results: groupedByTopic(answers) };
});

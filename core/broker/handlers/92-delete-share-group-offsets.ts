import { DeleteShareGroupOffsets } from '../../protocol/messages/92-delete-share-group-offsets.ts';
import { handlerOf } from '../handler.ts';
import { hasShareGroups, NO_SHARE_GROUPS } from '../shares/share-answers.ts';

/** DeleteShareGroupOffsets 0: what an empty share group knows of topics is forgotten. */
export const deleteShareGroupOffsetsHandler = handlerOf(DeleteShareGroupOffsets, async (broker, request) => {
  if (!hasShareGroups(broker)) return { ...NO_SHARE_GROUPS, responses: [] };
  const names = request.topics.map(({ topicName }) => topicName);
  const { topics, ...outcome } = await broker.groups.shares.deleteOffsets(request.groupId, names);
  return { ...outcome, responses: topics };
});

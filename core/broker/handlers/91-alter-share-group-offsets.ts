import { AlterShareGroupOffsets } from '../../protocol/messages/91-alter-share-group-offsets.ts';
import { handlerOf } from '../handler.ts';
import { hasShareGroups, NO_SHARE_GROUPS } from '../shares/share-answers.ts';

/** AlterShareGroupOffsets 0: start offsets of an empty share group. */
export const alterShareGroupOffsetsHandler = handlerOf(AlterShareGroupOffsets, async (broker, request) => {
  if (!hasShareGroups(broker)) return { ...NO_SHARE_GROUPS, responses: [] };
  const { topics, ...outcome } = await broker.groups.shares.alterOffsets(request.groupId, request.topics);
  return { ...outcome, responses: topics };
});

import { AlterShareGroupOffsets } from '../../protocol/messages/91-alter-share-group-offsets.ts';
import { handlerOf } from '../handler.ts';

/** AlterShareGroupOffsets 0: start offsets of an empty share group. */
export const alterShareGroupOffsetsHandler = handlerOf(AlterShareGroupOffsets, async (broker, request) => {
  const { topics, ...outcome } = await broker.groups.shares.alterOffsets(request.groupId, request.topics);
  return { ...outcome, responses: topics };
});

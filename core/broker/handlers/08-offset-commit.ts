import { OffsetCommit } from '../../protocol/messages/08-offset-commit.ts';
import { commitOffsets, contextOf, topicLookup } from '../groups/group-requests.ts';
import { handlerOf } from '../handler.ts';

/** OffsetCommit 2–10: stores what a group has consumed. v9 tells a missing group as GROUP_ID_NOT_FOUND; v10 names topics by id. */
export const offsetCommitHandler = handlerOf(OffsetCommit, (broker, request, call) =>
  commitOffsets(broker.groups, topicLookup(broker.image), request, contextOf(call)),
);

import { OffsetCommit } from '../../protocol/messages/08-offset-commit.ts';
import { commitOffsets } from '../groups/group-requests.ts';
import { groupContext, topicLookup } from '../groups/request-context.ts';
import { handlerOf } from '../handler.ts';

/** OffsetCommit 2–10: a group's positions; v10 names topics by id. */
export const offsetCommitHandler = handlerOf(OffsetCommit, (broker, request, call) =>
  commitOffsets(broker.groups, topicLookup(broker.image), request, groupContext(call)),
);

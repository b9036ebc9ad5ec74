import { OffsetFetch } from '../../protocol/messages/09-offset-fetch.ts';
import { fetchOffsets } from '../groups/group-requests.ts';
import { groupContext, topicLookup } from '../groups/request-context.ts';
import { handlerOf } from '../handler.ts';

/** OffsetFetch 1–10: committed positions; v8 of many groups, v10 by topic id. */
export const offsetFetchHandler = handlerOf(OffsetFetch, (broker, request, call) =>
  fetchOffsets(broker.groups, topicLookup(broker.image), request, groupContext(call)),
);

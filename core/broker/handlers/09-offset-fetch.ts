import { OffsetFetch } from '../../protocol/messages/09-offset-fetch.ts';
import { contextOf, fetchOffsets, topicLookup } from '../groups/group-requests.ts';
import { handlerOf } from '../handler.ts';

/** OffsetFetch 1–10: what a group has committed. v2 null = all; v8 many groups; v10 names topics by id. */
export const offsetFetchHandler = handlerOf(OffsetFetch, (broker, request, call) =>
  fetchOffsets(broker.groups, topicLookup(broker.image), request, contextOf(call)),
);

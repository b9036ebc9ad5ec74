import { WriteShareGroupState } from '../../protocol/messages/85-write-share-group-state.ts';
import { handlerOf } from '../handler.ts';
import { flattened, groupedByTopic, isVoid } from '../shares/by-topic.ts';

/** WriteShareGroupState 0–1: the leader of partitions tells what changed. v1 adds how many deliveries are over (KIP-932, KIP-1226). */
export const writeShareGroupStateHandler = handlerOf(WriteShareGroupState, async (broker, request) => {
  if (isVoid(request)) return { results: [] };
  const answers = await broker.shares.writeState(request.groupId, flattened(request.topics));
  return { results: groupedByTopic(answers) };
});

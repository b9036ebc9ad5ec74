import { ReadShareGroupStateSummary } from '../../protocol/messages/87-read-share-group-state-summary.ts';
import { handlerOf } from '../handler.ts';
import { flattened, groupedByTopic, isVoid } from '../shares/by-topic.ts';

/** ReadShareGroupStateSummary 0–1: epochs and start offset, for who describes the group. v1 adds how many deliveries are over (KIP-932, KIP-1226). */
export const readShareGroupStateSummaryHandler = handlerOf(ReadShareGroupStateSummary, async (broker, request) => {
  if (isVoid(request)) return { results: [] };
  const answers = await broker.shares.readStateSummary(request.groupId, flattened(request.topics));
  return { results: groupedByTopic(answers) };
});

import { DescribeShareGroupOffsets } from '../../protocol/messages/90-describe-share-group-offsets.ts';
import { describeShareGroupOffsets } from '../groups/share-group-requests.ts';
import { handlerOf } from '../handler.ts';
import { endOffsets } from '../shares/end-offsets.ts';
import { hasShareGroups, NO_SHARE_GROUPS } from '../shares/share-answers.ts';

/** DescribeShareGroupOffsets 0–1: start offsets of share groups; v1 tells the lag, up to the high watermark (KIP-1226). */
export const describeShareGroupOffsetsHandler = handlerOf(DescribeShareGroupOffsets, (broker, request) => {
  if (!hasShareGroups(broker)) {
    return { groups: request.groups.map(({ groupId }) => ({ ...NO_SHARE_GROUPS, groupId, topics: [] })) };
  }
  return describeShareGroupOffsets(broker.groups, request, endOffsets(broker));
});

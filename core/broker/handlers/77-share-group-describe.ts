import { ShareGroupDescribe } from '../../protocol/messages/77-share-group-describe.ts';
import { GROUP_OPERATIONS } from '../authorized-operations.ts';
import { describeShareGroups } from '../groups/share-group-requests.ts';
import { handlerOf } from '../handler.ts';

/** ShareGroupDescribe 1: share groups only. */
export const shareGroupDescribeHandler = handlerOf(ShareGroupDescribe, (broker, request) =>
  describeShareGroups(broker.groups, request, GROUP_OPERATIONS),
);

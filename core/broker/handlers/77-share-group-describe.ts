import { ShareGroupDescribe } from '../../protocol/messages/77-share-group-describe.ts';
import { GROUP_OPERATIONS } from '../authorized-operations.ts';
import { describeShareGroups } from '../groups/share-group-requests.ts';
import { handlerOf } from '../handler.ts';
import { hasShareGroups, NO_SHARE_GROUPS } from '../shares/share-answers.ts';

/** ShareGroupDescribe 1: share groups only. */
export const shareGroupDescribeHandler = handlerOf(ShareGroupDescribe, (broker, request) => {
  if (hasShareGroups(broker)) return describeShareGroups(broker.groups, request, GROUP_OPERATIONS);
  const nothing = {
    ...NO_SHARE_GROUPS,
    groupState: '',
    groupEpoch: 0,
    assignmentEpoch: 0,
    assignorName: '',
    members: [],
  };
  return { groups: request.groupIds.map((groupId) => ({ ...nothing, groupId })) };
});

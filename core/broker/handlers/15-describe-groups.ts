import { DescribeGroups } from '../../protocol/messages/15-describe-groups.ts';
import { GROUP_OPERATIONS } from '../authorized-operations.ts';
import { describeGroups } from '../groups/group-requests.ts';
import { groupContext } from '../groups/request-context.ts';
import { handlerOf } from '../handler.ts';

/** DescribeGroups 0–6. */
export const describeGroupsHandler = handlerOf(DescribeGroups, (broker, request, call) =>
  describeGroups(broker.groups, request, groupContext(call), GROUP_OPERATIONS),
);

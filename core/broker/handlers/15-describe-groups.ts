import { DescribeGroups } from '../../protocol/messages/15-describe-groups.ts';
import { contextOf, describeGroups } from '../groups/group-requests.ts';
import { handlerOf } from '../handler.ts';

/** Bits of READ, DELETE and DESCRIBE (and DESCRIBE_CONFIGS, ALTER_CONFIGS for groups): everything, where there is no authorizer. */
const GROUP_OPERATIONS_ALL = (1 << 3) | (1 << 6) | (1 << 8);

/** DescribeGroups 0–6: v6 tells a missing group as GROUP_ID_NOT_FOUND (KIP-1043). */
export const describeGroupsHandler = handlerOf(DescribeGroups, (broker, request, call) =>
  describeGroups(broker.groups, request, contextOf(call), GROUP_OPERATIONS_ALL),
);

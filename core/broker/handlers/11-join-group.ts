import { JoinGroup } from '../../protocol/messages/11-join-group.ts';
import { joinGroup } from '../groups/group-requests.ts';
import { groupContext } from '../groups/request-context.ts';
import { handlerOf } from '../handler.ts';

/** JoinGroup 0–9: parked until the rebalance ends. */
export const joinGroupHandler = handlerOf(JoinGroup, (broker, request, call) =>
  joinGroup(broker.groups, request, groupContext(call)),
);

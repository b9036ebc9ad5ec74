import { LeaveGroup } from '../../protocol/messages/13-leave-group.ts';
import { leaveGroup } from '../groups/group-requests.ts';
import { groupContext } from '../groups/request-context.ts';
import { handlerOf } from '../handler.ts';

/** LeaveGroup 0–5. */
export const leaveGroupHandler = handlerOf(LeaveGroup, (broker, request, call) =>
  leaveGroup(broker.groups, request, groupContext(call)),
);

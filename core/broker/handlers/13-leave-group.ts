import { LeaveGroup } from '../../protocol/messages/13-leave-group.ts';
import { contextOf, leaveGroup } from '../groups/group-requests.ts';
import { handlerOf } from '../handler.ts';

/** LeaveGroup 0–5: v3 many members in one request, static ones by instance id (KIP-345). */
export const leaveGroupHandler = handlerOf(LeaveGroup, (broker, request, call) =>
  leaveGroup(broker.groups, request, contextOf(call)),
);

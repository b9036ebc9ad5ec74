import { JoinGroup } from '../../protocol/messages/11-join-group.ts';
import { contextOf, joinGroup } from '../groups/group-requests.ts';
import { handlerOf } from '../handler.ts';

/** JoinGroup 0–9: parked until the join phase ends. v4 asks dynamic members to come back with an id; v5 static members; v9 skipAssignment. */
export const joinGroupHandler = handlerOf(JoinGroup, (broker, request, call) =>
  joinGroup(broker.groups, request, contextOf(call)),
);

import { SyncGroup } from '../../protocol/messages/14-sync-group.ts';
import { contextOf, syncGroup } from '../groups/group-requests.ts';
import { handlerOf } from '../handler.ts';

/** SyncGroup 0–5: the leader brings the assignment, everybody takes their part; parked until it is stored. */
export const syncGroupHandler = handlerOf(SyncGroup, (broker, request, call) =>
  syncGroup(broker.groups, request, contextOf(call)),
);

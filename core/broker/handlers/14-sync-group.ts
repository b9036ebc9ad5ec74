import { SyncGroup } from '../../protocol/messages/14-sync-group.ts';
import { syncGroup } from '../groups/group-requests.ts';
import { groupContext } from '../groups/request-context.ts';
import { handlerOf } from '../handler.ts';

/** SyncGroup 0–5: parked until the leader's assignment is there. */
export const syncGroupHandler = handlerOf(SyncGroup, (broker, request, call) =>
  syncGroup(broker.groups, request, groupContext(call)),
);

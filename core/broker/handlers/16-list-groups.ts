import { ListGroups } from '../../protocol/messages/16-list-groups.ts';
import { listGroups } from '../groups/group-requests.ts';
import { handlerOf } from '../handler.ts';

/** ListGroups 0–5: v4 filters by state, v5 by type. */
export const listGroupsHandler = handlerOf(ListGroups, (broker, request) => listGroups(broker.groups, request));

import { DeleteGroups } from '../../protocol/messages/42-delete-groups.ts';
import { handlerOf } from '../handler.ts';

/** DeleteGroups 0–2: empty groups only, with all their offsets. */
export const deleteGroupsHandler = handlerOf(DeleteGroups, async (broker, request) => ({
  results: await Promise.all(
    request.groupsNames.map(async (groupId) => ({ groupId, errorCode: await broker.groups.deleteGroup(groupId) })),
  ),
}));

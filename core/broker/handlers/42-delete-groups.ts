import { DeleteGroups } from '../../protocol/messages/42-delete-groups.ts';
import { handlerOf } from '../handler.ts';

/** DeleteGroups 0–2: empty groups with their offsets. */
export const deleteGroupsHandler = handlerOf(DeleteGroups, async (broker, request) => {
  const results: { groupId: string; errorCode: number }[] = [];
  for (const groupId of request.groupsNames) {
    results.push({ groupId, errorCode: await broker.groups.deleteGroup(groupId) });
  }
  return { results };
});

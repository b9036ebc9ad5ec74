import type { GroupCoordinator } from '../../groups/group-coordinator.ts';
import type { EndOffsetLookup } from '../../groups/share-offsets.ts';
import { listed } from '../../groups/topic-partitions.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import type { ShareGroupHeartbeat } from '../../protocol/messages/76-share-group-heartbeat.ts';
import type { ShareGroupDescribe } from '../../protocol/messages/77-share-group-describe.ts';
import type { DescribeShareGroupOffsets } from '../../protocol/messages/90-describe-share-group-offsets.ts';
import type { RequestOf, ResponseInput } from '../../protocol/schema.ts';
import type { GroupRequestContext } from './group-requests.ts';

/** The requests of share groups (KIP-932), as calls of the group coordinator. */
const UNKNOWN_OPERATIONS = -2_147_483_648;

export async function shareGroupHeartbeat(
  groups: GroupCoordinator,
  request: RequestOf<typeof ShareGroupHeartbeat>,
  context: GroupRequestContext,
): Promise<ResponseInput<typeof ShareGroupHeartbeat>> {
  const { groupId, ...fields } = request;
  const { clientId, clientHost } = context;
  const result = await groups.shares.heartbeat(groupId, { ...fields, clientId: clientId ?? '', clientHost });
  if (!('memberId' in result)) return { ...result, memberEpoch: 0, heartbeatIntervalMs: 0 };
  const { assignment, ...answer } = result;
  return { ...answer, assignment: assignment && { topicPartitions: listed(assignment) } };
}

export function describeShareGroups(
  groups: GroupCoordinator,
  request: RequestOf<typeof ShareGroupDescribe>,
  /** What `authorizedOperations` holds when the client asks for it. */
  operations: number,
): ResponseInput<typeof ShareGroupDescribe> {
  return {
    groups: request.groupIds.map((groupId) => {
      const described = groups.shares.describe(groupId);
      const tellsOperations = described.errorCode === ErrorCode.NONE && request.includeAuthorizedOperations;
      return { ...described, authorizedOperations: tellsOperations ? operations : UNKNOWN_OPERATIONS };
    }),
  };
}

export async function describeShareGroupOffsets(
  groups: GroupCoordinator,
  request: RequestOf<typeof DescribeShareGroupOffsets>,
  endOffsets: EndOffsetLookup,
): Promise<ResponseInput<typeof DescribeShareGroupOffsets>> {
  const described = request.groups.map(async ({ groupId, topics }) => ({
    groupId,
    ...(await groups.shares.describeOffsets(groupId, topics, endOffsets)),
  }));
  return { groups: await Promise.all(described) };
}

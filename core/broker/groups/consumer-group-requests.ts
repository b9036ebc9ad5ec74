import type { DescribedPartitions } from '../../groups/consumer-description.ts';
import type { GroupCoordinator } from '../../groups/group-coordinator.ts';
import { listed, topicPartitionsOf } from '../../groups/topic-partitions.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import type { ConsumerGroupHeartbeat } from '../../protocol/messages/68-consumer-group-heartbeat.ts';
import type { ConsumerGroupDescribe } from '../../protocol/messages/69-consumer-group-describe.ts';
import type { RequestOf, ResponseInput } from '../../protocol/schema.ts';
import type { GroupRequestContext } from './group-requests.ts';

/** The requests of the consumer group protocol (KIP-848), as calls of the group coordinator. */
const MEMBER_MAKES_ID_SINCE = 1;
const CLASSIC_MEMBER = 0;
const CONSUMER_MEMBER = 1;
const UNKNOWN_OPERATIONS = -2_147_483_648;

export async function consumerGroupHeartbeat(
  groups: GroupCoordinator,
  request: RequestOf<typeof ConsumerGroupHeartbeat>,
  context: GroupRequestContext,
): Promise<ResponseInput<typeof ConsumerGroupHeartbeat>> {
  const { groupId, topicPartitions, ...fields } = request;
  const result = await groups.consumerGroupHeartbeat(groupId, {
    ...fields,
    owned: topicPartitions === null ? null : topicPartitionsOf(topicPartitions),
    clientId: context.clientId ?? '',
    clientHost: context.clientHost,
    requiresMemberId: context.apiVersion >= MEMBER_MAKES_ID_SINCE,
  });
  if (!('memberEpoch' in result)) return { ...result, memberEpoch: 0, heartbeatIntervalMs: 0 };
  const { assignment, ...answer } = result;
  return { ...answer, assignment: assignment === null ? null : { topicPartitions: listed(assignment) } };
}

export function describeConsumerGroups(
  groups: GroupCoordinator,
  request: RequestOf<typeof ConsumerGroupDescribe>,
  /** What `authorizedOperations` holds when the client asks for it. */
  authorizedOperations: number,
): ResponseInput<typeof ConsumerGroupDescribe> {
  const assignment = (partitions: readonly DescribedPartitions[]) => ({ topicPartitions: partitions });
  return {
    groups: request.groupIds.map((groupId) => {
      const { state, members, ...described } = groups.describeConsumerGroup(groupId);
      const tellsOperations = request.includeAuthorizedOperations && described.errorCode === ErrorCode.NONE;
      return {
        ...described,
        groupState: state,
        members: members.map(({ isClassic, ...member }) => ({
          ...member,
          assignment: assignment(member.assignment),
          targetAssignment: assignment(member.targetAssignment),
          memberType: isClassic ? CLASSIC_MEMBER : CONSUMER_MEMBER,
        })),
        authorizedOperations: tellsOperations ? authorizedOperations : UNKNOWN_OPERATIONS,
      };
    }),
  };
}

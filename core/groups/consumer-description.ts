import { ErrorCode } from '../protocol/errors.ts';
import type { ConsumerGroup } from './consumer-group.ts';
import { listed, NO_PARTITIONS, type TopicsView } from './topic-partitions.ts';

/** What ConsumerGroupDescribe tells of a group. */
export interface ConsumerGroupDescription {
  /** NONE, or NOT_COORDINATOR, INVALID_GROUP_ID, GROUP_ID_NOT_FOUND. */
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly groupId: string;
  readonly state: string;
  readonly groupEpoch: number;
  readonly assignmentEpoch: number;
  readonly assignorName: string;
  readonly members: readonly DescribedMember[];
}

export interface DescribedPartitions {
  readonly topicId: string;
  readonly topicName: string;
  readonly partitions: readonly number[];
}

export interface DescribedMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly memberEpoch: number;
  readonly clientId: string;
  readonly clientHost: string;
  readonly subscribedTopicNames: readonly string[];
  readonly subscribedTopicRegex: string;
  readonly assignment: readonly DescribedPartitions[];
  readonly targetAssignment: readonly DescribedPartitions[];
  /** Whether the member speaks the classic protocol. */
  readonly isClassic: boolean;
}

export function failedDescription(
  groupId: string,
  errorCode: number,
  errorMessage: string | null,
): ConsumerGroupDescription {
  return {
    errorCode,
    errorMessage,
    groupId,
    state: '',
    groupEpoch: 0,
    assignmentEpoch: 0,
    assignorName: '',
    members: [],
  };
}

export function describe(group: ConsumerGroup, topics: TopicsView, defaultAssignor: string): ConsumerGroupDescription {
  // Topics that are gone have no name to tell.
  const named = (partitions: Parameters<typeof listed>[0]): DescribedPartitions[] =>
    listed(partitions).flatMap((each) => {
      const topicName = topics.nameOf(each.topicId);
      return topicName === undefined ? [] : [{ ...each, topicName }];
    });
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    groupId: group.groupId,
    state: group.state,
    groupEpoch: group.groupEpoch,
    assignmentEpoch: group.assignmentEpoch,
    assignorName: group.preferredAssignor() ?? defaultAssignor,
    members: [...group.members.values()].map((member) => ({
      memberId: member.memberId,
      instanceId: member.instanceId,
      rackId: member.rackId,
      memberEpoch: member.memberEpoch,
      clientId: member.clientId,
      clientHost: member.clientHost,
      subscribedTopicNames: member.subscribedTopicNames,
      subscribedTopicRegex: member.subscribedTopicRegex,
      assignment: named(member.assigned),
      targetAssignment: named(group.targets.get(member.memberId) ?? NO_PARTITIONS),
      isClassic: member.classic !== null,
    })),
  };
}

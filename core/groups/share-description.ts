import { ErrorCode } from '../protocol/errors.ts';
import type { DescribedPartitions } from './consumer-description.ts';
import type { ShareGroup } from './share-group.ts';
import { listed, type TopicsView } from './topic-partitions.ts';

/** What ShareGroupDescribe tells of a group. */
export interface ShareGroupDescription {
  /** NONE, or NOT_COORDINATOR, INVALID_GROUP_ID, GROUP_ID_NOT_FOUND. */
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly groupId: string;
  readonly groupState: string;
  readonly groupEpoch: number;
  readonly assignmentEpoch: number;
  readonly assignorName: string;
  readonly members: readonly {
    readonly memberId: string;
    readonly rackId: string | null;
    readonly memberEpoch: number;
    readonly clientId: string;
    readonly clientHost: string;
    readonly subscribedTopicNames: readonly string[];
    readonly assignment: { readonly topicPartitions: readonly DescribedPartitions[] };
  }[];
}

const ASSIGNOR_NAME = 'simple';

export function failedShareDescription(
  groupId: string,
  errorCode: number,
  errorMessage: string | null,
): ShareGroupDescription {
  const nothing = { groupState: '', groupEpoch: 0, assignmentEpoch: 0, assignorName: '', members: [] };
  return { errorCode, errorMessage, groupId, ...nothing };
}

export function describeShareGroup(group: ShareGroup, topics: TopicsView): ShareGroupDescription {
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    groupId: group.groupId,
    groupState: group.state,
    groupEpoch: group.groupEpoch,
    assignmentEpoch: group.assignmentEpoch,
    assignorName: ASSIGNOR_NAME,
    members: [...group.members.values()].map((member) => ({
      memberId: member.memberId,
      rackId: member.rackId,
      memberEpoch: member.memberEpoch,
      clientId: member.clientId,
      clientHost: member.clientHost,
      subscribedTopicNames: member.subscribedTopicNames,
      assignment: {
        // Topics that are gone have no name to tell.
        topicPartitions: listed(member.assigned).flatMap((each) => {
          const topicName = topics.nameOf(each.topicId);
          return topicName === undefined ? [] : [{ ...each, topicName }];
        }),
      },
    })),
  };
}

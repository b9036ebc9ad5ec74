import { ErrorCode } from '../../protocol/errors.ts';
import { DescribeGroups } from '../../protocol/messages/15-describe-groups.ts';
import { ListGroups } from '../../protocol/messages/16-list-groups.ts';
import { DeleteGroups } from '../../protocol/messages/42-delete-groups.ts';
import { ConsumerGroupDescribe } from '../../protocol/messages/69-consumer-group-describe.ts';
import { ShareGroupDescribe } from '../../protocol/messages/77-share-group-describe.ts';
import { DescribeShareGroupOffsets } from '../../protocol/messages/90-describe-share-group-offsets.ts';
import { AlterShareGroupOffsets } from '../../protocol/messages/91-alter-share-group-offsets.ts';
import type { Link } from '../../rpc/link.ts';
import { brokerError, ClientError, connectionError } from '../client-error.ts';
import { decodeAssignment } from '../consumer/consumer-protocol.ts';
import type { OffsetAndMetadata, PartitionOffset } from '../consumer/offsets.ts';
import { keyOf, type TopicPartition } from '../consumer/topic-partition.ts';
import { anonymousCommitter, commitOffsets, fetchOffsets } from '../group-offsets.ts';
import type { AdminCalls } from './admin-calls.ts';

/** Groups of the three kinds: classic, consumer (KIP-848) and share (KIP-932). */
export interface GroupListing {
  readonly groupId: string;
  readonly protocolType: string;
  readonly state: string;
  readonly type: string;
}

export interface GroupMemberDescription {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly host: string;
  readonly partitions: readonly TopicPartition[];
}

export type GroupType = 'Classic' | 'Consumer' | 'Share';

export interface GroupDescription {
  readonly type: GroupType;
  readonly groupId: string;
  readonly state: string;
  readonly protocolType: string;
  readonly assignor: string;
  readonly coordinator: number;
  readonly members: readonly GroupMemberDescription[];
}

export type CommittedOffset = TopicPartition & Required<OffsetAndMetadata>;

export interface ShareGroupOffset extends TopicPartition {
  /** Everything before it is settled; −1 while the group has not begun there. */
  readonly startOffset: number;
  /** −1 where the broker does not say. */
  readonly lag: number;
}

export async function listGroups(calls: AdminCalls): Promise<readonly GroupListing[]> {
  const { brokers } = await calls.retrying('describe cluster', () => calls.describeCluster());
  const groups = new Map<string, GroupListing>();
  for (const { nodeId } of brokers) {
    await calls.retrying('list groups', async () => {
      const response = await calls.atBroker(nodeId, ListGroups, {});
      calls.check(response.errorCode, `groups of broker ${nodeId}`);
      for (const { groupId, protocolType, groupState, groupType } of response.groups) {
        groups.set(groupId, { groupId, protocolType, state: groupState, type: groupType });
      }
    });
  }
  return [...groups.values()].sort((a, b) => (a.groupId < b.groupId ? -1 : 1));
}

/** Of the kind that the group is: asked for in turn, since a coordinator answers each kind by an API of its own. */
export async function describeGroups(
  calls: AdminCalls,
  groupIds: readonly string[],
): Promise<readonly GroupDescription[]> {
  const described: GroupDescription[] = [];
  for (const groupId of groupIds) {
    await calls.atCoordinator('group', groupId, async (link, coordinator) => {
      const found =
        (await asConsumerGroup(calls, link, groupId, coordinator)) ??
        (await asShareGroup(calls, link, groupId, coordinator)) ??
        (await asClassicGroup(calls, link, groupId, coordinator));
      described.push(found);
    });
  }
  return described;
}

/** Codes by which a coordinator says that the group is none of this kind, or that it does not know the kind. */
const NOT_OF_THIS_KIND: readonly number[] = [
  ErrorCode.GROUP_ID_NOT_FOUND,
  ErrorCode.UNSUPPORTED_VERSION,
  ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
];

/** Null where the broker has no such API. */
async function ifServed<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof ClientError && error.kind === 'UNSUPPORTED_VERSION') return null;
    throw error;
  }
}

interface NewDescription {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly groupState: string;
  readonly assignorName: string;
  readonly members: readonly {
    readonly memberId: string;
    readonly instanceId?: string | null;
    readonly clientId: string;
    readonly clientHost: string;
    readonly assignment: {
      readonly topicPartitions: readonly { readonly topicName: string; readonly partitions: readonly number[] }[];
    };
  }[];
}

function newGroup(
  calls: AdminCalls,
  type: GroupType,
  protocolType: string,
  groupId: string,
  coordinator: number,
  group: NewDescription | undefined,
): GroupDescription | null {
  if (group === undefined || NOT_OF_THIS_KIND.includes(group.errorCode)) return null;
  calls.check(group.errorCode, `group ${groupId}`, group.errorMessage);
  return {
    groupId,
    type,
    state: group.groupState,
    protocolType,
    assignor: group.assignorName,
    coordinator,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.instanceId ?? null,
      clientId: member.clientId,
      host: member.clientHost,
      partitions: member.assignment.topicPartitions.flatMap(({ topicName, partitions }) =>
        partitions.map((partition) => ({ topic: topicName, partition })),
      ),
    })),
  };
}

async function asConsumerGroup(calls: AdminCalls, link: Link, groupId: string, coordinator: number) {
  const response = await ifServed(() =>
    calls.at(link, ConsumerGroupDescribe, { groupIds: [groupId], includeAuthorizedOperations: false }),
  );
  return newGroup(calls, 'Consumer', 'consumer', groupId, coordinator, response?.groups[0]);
}

async function asShareGroup(calls: AdminCalls, link: Link, groupId: string, coordinator: number) {
  const response = await ifServed(() =>
    calls.at(link, ShareGroupDescribe, { groupIds: [groupId], includeAuthorizedOperations: false }),
  );
  return newGroup(calls, 'Share', 'share', groupId, coordinator, response?.groups[0]);
}

async function asClassicGroup(
  calls: AdminCalls,
  link: Link,
  groupId: string,
  coordinator: number,
): Promise<GroupDescription> {
  const response = await calls.at(link, DescribeGroups, { groups: [groupId] });
  const group = response.groups[0]!;
  const isAbsent = group.errorCode === ErrorCode.GROUP_ID_NOT_FOUND;
  if (!isAbsent) calls.check(group.errorCode, `group ${groupId}`, group.errorMessage);
  return {
    groupId,
    type: 'Classic',
    state: isAbsent ? 'Dead' : group.groupState,
    protocolType: group.protocolType,
    assignor: group.protocolData,
    coordinator,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      host: member.clientHost,
      partitions: group.protocolType === 'consumer' ? decodeAssignment(member.memberAssignment) : [],
    })),
  };
}

export async function deleteGroups(calls: AdminCalls, groupIds: readonly string[]): Promise<void> {
  for (const groupId of groupIds) {
    await calls.atCoordinator('group', groupId, async (link) => {
      const response = await calls.at(link, DeleteGroups, { groupsNames: [groupId] });
      for (const each of response.results) calls.check(each.errorCode, `group ${each.groupId}`);
    });
  }
}

export async function listGroupOffsets(
  calls: AdminCalls,
  groupId: string,
  partitions: readonly TopicPartition[] | null,
): Promise<ReadonlyMap<string, CommittedOffset>> {
  const found = new Map<string, CommittedOffset>();
  await calls.atCoordinator('group', groupId, async (link) => {
    const { errorCode, offsets } = await fetchOffsets(link, groupId, partitions, false).catch((error) => {
      throw connectionError(error, `offsets of group ${groupId}`);
    });
    calls.check(errorCode, `offsets of group ${groupId}`);
    for (const each of offsets) found.set(keyOf(each), each);
  });
  return found;
}

export async function alterGroupOffsets(
  calls: AdminCalls,
  groupId: string,
  offsets: readonly PartitionOffset[],
): Promise<void> {
  await calls.atCoordinator('group', groupId, async (link) => {
    const codes = await commitOffsets(link, anonymousCommitter(groupId), offsets).catch((error) => {
      throw connectionError(error, `offsets of group ${groupId}`);
    });
    for (const [partition, code] of codes) {
      // The coordinator does not know the caller as a member: that is, it has others.
      if (code === ErrorCode.UNKNOWN_MEMBER_ID) throw brokerError(ErrorCode.NON_EMPTY_GROUP, `group ${groupId}`);
      calls.check(code, `offset of ${partition}`);
    }
  });
}

export async function listShareGroupOffsets(
  calls: AdminCalls,
  groupId: string,
): Promise<ReadonlyMap<string, ShareGroupOffset>> {
  const found = new Map<string, ShareGroupOffset>();
  await calls.atCoordinator('group', groupId, async (link) => {
    const response = await calls.at(link, DescribeShareGroupOffsets, { groups: [{ groupId, topics: null }] });
    const group = response.groups[0]!;
    calls.check(group.errorCode, `offsets of group ${groupId}`, group.errorMessage);
    for (const { topicName, partitions } of group.topics) {
      for (const { partitionIndex, startOffset, lag, errorCode, errorMessage } of partitions) {
        const place = { topic: topicName, partition: partitionIndex };
        calls.check(errorCode, `offset of ${keyOf(place)}`, errorMessage);
        found.set(keyOf(place), { ...place, startOffset, lag });
      }
    }
  });
  return found;
}

export async function alterShareGroupOffsets(
  calls: AdminCalls,
  groupId: string,
  offsets: readonly PartitionOffset[],
): Promise<void> {
  const topics = new Map<string, { partitionIndex: number; startOffset: number }[]>();
  for (const { topic, partition, offset } of offsets) {
    const partitions = topics.get(topic) ?? [];
    topics.set(topic, partitions);
    partitions.push({ partitionIndex: partition, startOffset: offset });
  }
  await calls.atCoordinator('group', groupId, async (link) => {
    const response = await calls.at(link, AlterShareGroupOffsets, {
      groupId,
      topics: [...topics].map(([topicName, partitions]) => ({ topicName, partitions })),
    });
    calls.check(response.errorCode, `offsets of group ${groupId}`, response.errorMessage);
    for (const { topicName, partitions } of response.responses)
      for (const { partitionIndex, errorCode, errorMessage } of partitions)
        calls.check(errorCode, `offset of ${topicName}-${partitionIndex}`, errorMessage);
  });
}

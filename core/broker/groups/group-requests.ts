import type { ClusterImage } from '../../controller/image.ts';
import type { GroupCoordinator } from '../../groups/group-coordinator.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import type { OffsetCommit } from '../../protocol/messages/08-offset-commit.ts';
import type { OffsetFetch } from '../../protocol/messages/09-offset-fetch.ts';
import type { JoinGroup } from '../../protocol/messages/11-join-group.ts';
import type { LeaveGroup } from '../../protocol/messages/13-leave-group.ts';
import type { SyncGroup } from '../../protocol/messages/14-sync-group.ts';
import type { DescribeGroups } from '../../protocol/messages/15-describe-groups.ts';
import type { ListGroups } from '../../protocol/messages/16-list-groups.ts';
import type { OffsetDelete } from '../../protocol/messages/47-offset-delete.ts';
import type { RequestOf, ResponseInput } from '../../protocol/schema.ts';
import type { RequestCall } from '../handler.ts';

/**
 * The group requests of the wire, all their versions, as calls of the group coordinator. Each function is one API: what versions mean
 * differently is decided here, what groups do is decided in `groups/`.
 */
export interface GroupRequestContext {
  readonly apiVersion: number;
  readonly clientId: string | null;
  /** As Kafka prints it: `/127.0.0.1`. */
  readonly clientHost: string;
}

/** What offsets are checked against. */
export interface TopicLookup {
  partitionCount(topic: string): number | undefined;
  nameOf(topicId: string): string | undefined;
  idOf(topic: string): string | undefined;
}

export function topicLookup(image: ClusterImage): TopicLookup {
  return {
    partitionCount: (topic) => image.topics.get(topic)?.partitions.length,
    nameOf: (topicId) => image.topicById(topicId)?.name,
    idOf: (topic) => image.topics.get(topic)?.topicId,
  };
}

export function contextOf(call: RequestCall): GroupRequestContext {
  return { apiVersion: call.apiVersion, clientId: call.clientId, clientHost: `/${call.connection.remote.host}` };
}

const NO_OFFSET = -1;

export async function joinGroup(
  groups: GroupCoordinator,
  request: RequestOf<typeof JoinGroup>,
  context: GroupRequestContext,
): Promise<ResponseInput<typeof JoinGroup>> {
  const { apiVersion } = context;
  const result = await groups.joinGroup(request.groupId, {
    memberId: request.memberId,
    groupInstanceId: request.groupInstanceId,
    clientId: context.clientId ?? '',
    clientHost: context.clientHost,
    sessionTimeoutMs: request.sessionTimeoutMs,
    // v0 has no rebalance timeout of its own.
    rebalanceTimeoutMs: apiVersion === 0 ? request.sessionTimeoutMs : request.rebalanceTimeoutMs,
    protocolType: request.protocolType,
    protocols: request.protocols,
    requireKnownMemberId: apiVersion >= 4,
    supportsSkipAssignment: apiVersion >= 9,
  });
  return {
    errorCode: result.errorCode,
    generationId: result.generationId,
    protocolType: result.protocolType,
    // Not nullable before v7.
    protocolName: result.protocolName ?? (apiVersion >= 7 ? null : ''),
    leader: result.leader,
    skipAssignment: result.skipAssignment,
    memberId: result.memberId,
    members: result.members,
  };
}

export async function syncGroup(
  groups: GroupCoordinator,
  request: RequestOf<typeof SyncGroup>,
  context: GroupRequestContext,
): Promise<ResponseInput<typeof SyncGroup>> {
  // v5+ names the protocol, so that a member that another protocol was chosen for finds out (KIP-559).
  const lacksProtocol = context.apiVersion >= 5 && (request.protocolType === null || request.protocolName === null);
  if (lacksProtocol) return { errorCode: ErrorCode.INCONSISTENT_GROUP_PROTOCOL, assignment: Buffer.alloc(0) };
  return groups.syncGroup(request.groupId, {
    memberId: request.memberId,
    groupInstanceId: request.groupInstanceId,
    generationId: request.generationId,
    protocolType: request.protocolType,
    protocolName: request.protocolName,
    assignments: request.assignments,
  });
}

export async function leaveGroup(
  groups: GroupCoordinator,
  request: RequestOf<typeof LeaveGroup>,
  context: GroupRequestContext,
): Promise<ResponseInput<typeof LeaveGroup>> {
  if (context.apiVersion < 3) {
    const { errorCode, memberErrorCodes } = await groups.leaveGroup(request.groupId, [
      { memberId: request.memberId, groupInstanceId: null },
    ]);
    return { errorCode: errorCode === ErrorCode.NONE ? (memberErrorCodes[0] ?? ErrorCode.NONE) : errorCode };
  }
  const { errorCode, memberErrorCodes } = await groups.leaveGroup(request.groupId, request.members);
  return {
    errorCode,
    members:
      errorCode === ErrorCode.NONE
        ? request.members.map(({ memberId, groupInstanceId }, i) => ({
            memberId,
            groupInstanceId,
            errorCode: memberErrorCodes[i] as number,
          }))
        : [],
  };
}

export async function commitOffsets(
  groups: GroupCoordinator,
  topics: TopicLookup,
  request: RequestOf<typeof OffsetCommit>,
  context: GroupRequestContext,
): Promise<ResponseInput<typeof OffsetCommit>> {
  const { apiVersion } = context;
  const byId = apiVersion >= 10;
  const answers = request.topics.map((topic) => {
    const name = byId ? topics.nameOf(topic.topicId) : topic.name;
    const count = name === undefined ? undefined : topics.partitionCount(name);
    const missing = byId && name === undefined ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    return {
      name: topic.name,
      topicId: topic.topicId,
      known: name,
      partitions: topic.partitions.map((partition) => ({
        ...partition,
        errorCode:
          count === undefined || partition.partitionIndex < 0 || partition.partitionIndex >= count
            ? missing
            : ErrorCode.NONE,
      })),
    };
  });
  const valid = answers.flatMap((topic) =>
    topic.partitions.filter((each) => each.errorCode === ErrorCode.NONE).map((each) => ({ topic, each })),
  );
  const { offsetErrorCodes } = await groups.offsets.commit(
    request.groupId,
    {
      memberId: request.memberId,
      groupInstanceId: request.groupInstanceId,
      generationId: request.generationIdOrMemberEpoch,
    },
    valid.map(({ topic, each }) => ({
      topic: topic.known as string,
      partition: each.partitionIndex,
      offset: each.committedOffset,
      leaderEpoch: each.committedLeaderEpoch,
      metadata: each.committedMetadata ?? '',
    })),
    { apiVersion, retentionMs: request.retentionTimeMs < 0 ? null : request.retentionTimeMs },
  );
  valid.forEach(({ each }, i) => {
    (each as { errorCode: number }).errorCode = offsetErrorCodes[i] as number;
  });
  return {
    topics: answers.map(({ name, topicId, partitions }) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex, errorCode }) => ({ partitionIndex, errorCode })),
    })),
  };
}

interface FetchedTopic {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: {
    readonly partitionIndex: number;
    readonly committedOffset: number;
    readonly committedLeaderEpoch: number;
    readonly metadata: string;
    readonly errorCode: number;
  }[];
}

function fetchGroup(
  groups: GroupCoordinator,
  topics: TopicLookup,
  groupId: string,
  wanted:
    | readonly { readonly name: string; readonly topicId: string; readonly partitionIndexes: readonly number[] }[]
    | null,
  apiVersion: number,
  requireStable: boolean,
  member?: { readonly memberId: string | null; readonly memberEpoch: number },
): { readonly errorCode: number; readonly topics: readonly FetchedTopic[] } {
  const { errorCode, offsets } = groups.offsets.fetch(groupId, member);
  const isUnstable = (topic: string, partition: number) => requireStable && offsets.isUnstable(topic, partition);
  const answer = (partitionIndex: number, value: ReturnType<typeof offsets.get>, code: number = ErrorCode.NONE) => ({
    partitionIndex,
    committedOffset: value?.offset ?? NO_OFFSET,
    committedLeaderEpoch: value?.leaderEpoch ?? -1,
    metadata: value?.metadata ?? '',
    errorCode: code,
  });
  if (wanted === null) {
    const byTopic = new Map<string, FetchedTopic>();
    for (const { topic, partition, value } of errorCode === ErrorCode.NONE ? offsets.all() : []) {
      const topicId = topics.idOf(topic);
      if (apiVersion >= 10 && topicId === undefined) continue;
      let entry = byTopic.get(topic);
      if (entry === undefined)
        byTopic.set(topic, (entry = { name: topic, topicId: topicId ?? 'AAAAAAAAAAAAAAAAAAAAAA', partitions: [] }));
      entry.partitions.push(
        isUnstable(topic, partition)
          ? answer(partition, undefined, ErrorCode.UNSTABLE_OFFSET_COMMIT)
          : answer(partition, value),
      );
    }
    return { errorCode, topics: [...byTopic.values()] };
  }
  return {
    errorCode,
    topics: wanted.map(({ name, topicId, partitionIndexes }) => {
      const known = apiVersion >= 10 ? topics.nameOf(topicId) : name;
      const code = known === undefined ? ErrorCode.UNKNOWN_TOPIC_ID : errorCode;
      return {
        name,
        topicId,
        partitions: partitionIndexes.map((index) => {
          if (known === undefined || code !== ErrorCode.NONE) return answer(index, undefined, code);
          if (isUnstable(known, index)) return answer(index, undefined, ErrorCode.UNSTABLE_OFFSET_COMMIT);
          return answer(index, offsets.get(known, index));
        }),
      };
    }),
  };
}

export function fetchOffsets(
  groups: GroupCoordinator,
  topics: TopicLookup,
  request: RequestOf<typeof OffsetFetch>,
  context: GroupRequestContext,
): ResponseInput<typeof OffsetFetch> {
  const { apiVersion } = context;
  if (apiVersion >= 8) {
    return {
      groups: request.groups.map((group) => {
        const { groupId, memberId, memberEpoch } = group;
        const member = { memberId, memberEpoch };
        const fetched = fetchGroup(groups, topics, groupId, group.topics, apiVersion, request.requireStable, member);
        // The error of a group stands once, at the group.
        const isFailed = fetched.errorCode !== ErrorCode.NONE;
        return { groupId, errorCode: fetched.errorCode, topics: isFailed ? [] : fetched.topics };
      }),
    };
  }
  const wanted = request.topics?.map((topic) => ({ ...topic, topicId: '' })) ?? null;
  const fetched = fetchGroup(groups, topics, request.groupId, wanted, apiVersion, request.requireStable);
  return { errorCode: fetched.errorCode, topics: fetched.topics };
}

const UNKNOWN_OPERATIONS = -2_147_483_648;

export function describeGroups(
  groups: GroupCoordinator,
  request: RequestOf<typeof DescribeGroups>,
  context: GroupRequestContext,
  /** What `authorizedOperations` holds when the client asks for it. */
  authorizedOperations: number,
): ResponseInput<typeof DescribeGroups> {
  return {
    groups: request.groups.map((groupId) => {
      const described = groups.describeGroup(groupId);
      const isMissing = described.errorCode === ErrorCode.GROUP_ID_NOT_FOUND;
      return {
        // Before v6 a missing group is a dead one, without an error (KIP-1043).
        errorCode: isMissing && context.apiVersion < 6 ? ErrorCode.NONE : described.errorCode,
        errorMessage: described.errorMessage,
        groupId,
        groupState: described.state,
        protocolType: described.protocolType,
        protocolData: described.protocolName,
        members: described.members.map((member) => ({
          memberId: member.memberId,
          groupInstanceId: member.groupInstanceId,
          clientId: member.clientId,
          clientHost: member.clientHost,
          memberMetadata: member.metadata,
          memberAssignment: member.assignment,
        })),
        authorizedOperations: request.includeAuthorizedOperations ? authorizedOperations : UNKNOWN_OPERATIONS,
      };
    }),
  };
}

/** A list that is empty filters nothing; names are compared without case. */
function matches(filter: readonly string[], name: string): boolean {
  return filter.length === 0 || filter.some((each) => each.toLowerCase() === name.toLowerCase());
}

export function listGroups(
  groups: GroupCoordinator,
  request: RequestOf<typeof ListGroups>,
): ResponseInput<typeof ListGroups> {
  const listed = groups.listGroups();
  return {
    errorCode: listed.errorCode,
    groups: listed.groups
      .filter((group) => matches(request.statesFilter, group.state) && matches(request.typesFilter, group.type))
      .map((group) => ({
        groupId: group.groupId,
        protocolType: group.protocolType,
        groupState: group.state,
        groupType: group.type,
      })),
  };
}

export async function deleteOffsets(
  groups: GroupCoordinator,
  request: RequestOf<typeof OffsetDelete>,
): Promise<ResponseInput<typeof OffsetDelete>> {
  const wanted = request.topics.flatMap((topic) =>
    topic.partitions.map(({ partitionIndex }) => ({ topic: topic.name, partition: partitionIndex })),
  );
  const { errorCode, partitionErrorCodes } = await groups.offsets.delete(request.groupId, wanted);
  if (errorCode !== ErrorCode.NONE) return { errorCode, topics: [] };
  let next = 0;
  return {
    errorCode,
    topics: request.topics.map((topic) => ({
      name: topic.name,
      partitions: topic.partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: partitionErrorCodes[next++] as number,
      })),
    })),
  };
}

import type { ClassicGroup } from './classic-group.ts';
import type { ConsumerGroup } from './consumer-group.ts';
import { GroupDraft } from './consumer-group.ts';
import type { ConsumerGroupRecord } from './consumer-group-records.ts';
import { encodeAssignment, parseAssignment, parseSubscription } from './consumer-protocol.ts';
import type { StoredGroup } from './records.ts';
import { metadataHashOf } from './target-assignment.ts';
import { NO_PARTITIONS, type TopicsView } from './topic-partitions.ts';

/**
 * A group that changes its protocol while its members work on (KIP-848, "online migration"): members and what they have stay, the generation
 * becomes the epoch and the other way round. Pure.
 */
/** The records that make a consumer group of a classic one; null: its members are no consumers, or what they say cannot be read. */
export function upgraded(
  classic: ClassicGroup,
  empty: ConsumerGroup,
  topics: TopicsView,
  wallNowMs: number,
): readonly ConsumerGroupRecord[] | null {
  if (classic.protocolType !== 'consumer') return null;
  const { groupId } = classic;
  const draft = new GroupDraft(empty);
  const epoch = classic.generationId;
  for (const member of classic.members.values()) {
    const { memberId } = member;
    const metadata = classic.metadataOf(member, classic.protocolName ?? member.protocols[0]?.name ?? null);
    const subscription = parseSubscription(metadata);
    const target = parseAssignment(member.assignment, topics);
    if (subscription === null || target === null) return null;
    const value = {
      instanceId: member.groupInstanceId,
      rackId: subscription.rackId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      subscribedTopicNames: [...new Set(subscription.topics)].sort(),
      subscribedTopicRegex: '',
      rebalanceTimeoutMs: member.rebalanceTimeoutMs,
      serverAssignor: null,
      classic: { sessionTimeoutMs: member.sessionTimeoutMs, protocols: member.protocols },
    };
    draft.emit({ type: 'memberMetadata', groupId, memberId, value });
    draft.emit({ type: 'targetMember', groupId, memberId, value: target });
    const assigned = new Map(
      [...target].map(([topicId, each]) => [topicId, new Map([...each].map((partition) => [partition, epoch]))]),
    );
    draft.emit({
      type: 'currentAssignment',
      groupId,
      memberId,
      value: {
        memberEpoch: epoch,
        previousMemberEpoch: epoch,
        state: 'Stable',
        assigned,
        pendingRevocation: NO_PARTITIONS,
      },
    });
  }
  const metadataHash = metadataHashOf(topics, draft.group.subscribedTopics());
  draft.emit({ type: 'consumerGroup', groupId, value: { epoch, metadataHash } });
  draft.emit({ type: 'targetEpoch', groupId, value: { epoch, timestampMs: wallNowMs } });
  return draft.records;
}

/**
 * The classic group that takes over when the last members of the consumer protocol go; null: not all that stay speak the classic one. Its generation is the
 * group's epoch as it stands, so that who stays is asked to rejoin and not thrown out.
 */
export function downgraded(
  group: ConsumerGroup,
  leaving: readonly string[],
  topics: TopicsView,
  wallNowMs: number,
): StoredGroup | null {
  const members = [...group.members.values()].filter((member) => !leaving.includes(member.memberId));
  const [first] = members;
  if (first === undefined || members.some((member) => member.classic === null)) return null;
  const name = first.classic!.protocols.find((protocol) =>
    members.every((member) => member.classic!.protocols.some((each) => each.name === protocol.name)),
  )?.name;
  if (name === undefined) return null;
  return {
    protocolType: 'consumer',
    generationId: group.groupEpoch,
    protocolName: name,
    leaderId: first.memberId,
    stateTimestampMs: wallNowMs,
    members: members.map((member) => {
      const subscription = member.classic!.protocols.find((protocol) => protocol.name === name)!.metadata;
      const version = parseSubscription(subscription)?.version ?? 0;
      return {
        memberId: member.memberId,
        groupInstanceId: member.instanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        rebalanceTimeoutMs: member.rebalanceTimeoutMs,
        sessionTimeoutMs: member.classic!.sessionTimeoutMs,
        subscription,
        assignment: encodeAssignment(member.assigned, topics, version),
      };
    }),
  };
}

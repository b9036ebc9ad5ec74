import type { ConsumerGroupRecord, MemberMetadata } from './consumer-group-records.ts';
import { type AssignedPartitions, NO_PARTITIONS, type TopicPartitions } from './topic-partitions.ts';

/**
 * A group of the consumer protocol (KIP-848): its members, what each should have (target assignment) and what each has (current assignment).
 *
 *     group epoch ──── a new target is computed ───► assignment epoch ──── each member reconciles ───► member epoch
 *     (subscriptions or topics changed)
 *
 * Invariant: only `replay` changes a group; a member object never changes; a partition has at most one owner, and what a member is still to revoke is its own.
 * How a group moves is in `consumer-heartbeat.ts`; deadlines are kept by the shell in `consumer-groups.ts`, since they are not stored.
 */
export type MemberState = 'Stable' | 'UnrevokedPartitions' | 'UnreleasedPartitions';

/** Of a static member that left for a while; also what it sends for it. */
export const LEFT_FOR_A_WHILE_EPOCH = -2;
export const LEAVE_EPOCH = -1;
export const JOIN_EPOCH = 0;
/** Of a group that nobody has joined yet: its first member raises it to 2, as with Kafka. */
const FIRST_EPOCH = 1;

export interface ConsumerMember extends MemberMetadata {
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly previousMemberEpoch: number;
  readonly state: MemberState;
  readonly assigned: AssignedPartitions;
  readonly pendingRevocation: AssignedPartitions;
}

export interface ResolvedRegex {
  readonly topics: ReadonlySet<string>;
  /** Of the metadata that it was resolved against. */
  readonly version: number;
  readonly timestampMs: number;
}

export type ConsumerGroupState = 'Empty' | 'Assigning' | 'Reconciling' | 'Stable';

const UNKNOWN_METADATA: MemberMetadata = {
  instanceId: null,
  rackId: null,
  clientId: '',
  clientHost: '',
  subscribedTopicNames: [],
  subscribedTopicRegex: '',
  rebalanceTimeoutMs: -1,
  serverAssignor: null,
  classic: null,
};

export function newMember(memberId: string): ConsumerMember {
  return {
    ...UNKNOWN_METADATA,
    memberId,
    memberEpoch: JOIN_EPOCH,
    previousMemberEpoch: JOIN_EPOCH,
    state: 'Stable',
    assigned: NO_PARTITIONS,
    pendingRevocation: NO_PARTITIONS,
  };
}

export class ConsumerGroup {
  readonly groupId: string;
  groupEpoch = FIRST_EPOCH;
  /** Over the subscribed topics, their ids and partition counts: when it changes, so does the group epoch. */
  metadataHash = 0n;
  assignmentEpoch = 0;
  /** Wall clock, ms, of the last target; 0: none yet. */
  assignmentTimestampMs = 0;
  /** A log of before Kafka 4.1 has a record of type 4, which goes with the group. */
  hasPartitionMetadata = false;
  readonly members = new Map<string, ConsumerMember>();
  readonly targets = new Map<string, TopicPartitions>();
  readonly staticMembers = new Map<string, string>();
  readonly regexes = new Map<string, ResolvedRegex>();
  /** topic id → partition → the member that has it. */
  private readonly owners = new Map<string, Map<number, string>>();

  constructor(groupId: string) {
    this.groupId = groupId;
  }

  copy(): ConsumerGroup {
    const copy = new ConsumerGroup(this.groupId);
    copy.groupEpoch = this.groupEpoch;
    copy.metadataHash = this.metadataHash;
    copy.assignmentEpoch = this.assignmentEpoch;
    copy.assignmentTimestampMs = this.assignmentTimestampMs;
    copy.hasPartitionMetadata = this.hasPartitionMetadata;
    for (const [id, member] of this.members) copy.members.set(id, member);
    for (const [id, target] of this.targets) copy.targets.set(id, target);
    for (const [instanceId, id] of this.staticMembers) copy.staticMembers.set(instanceId, id);
    for (const [text, regex] of this.regexes) copy.regexes.set(text, regex);
    for (const [topicId, partitions] of this.owners) copy.owners.set(topicId, new Map(partitions));
    return copy;
  }

  get state(): ConsumerGroupState {
    if (this.members.size === 0) return 'Empty';
    if (this.groupEpoch > this.assignmentEpoch) return 'Assigning';
    for (const member of this.members.values()) {
      if (member.state !== 'Stable' || member.memberEpoch !== this.assignmentEpoch) return 'Reconciling';
    }
    return 'Stable';
  }

  /** Who has the partition, be it to give up; undefined: it is free. */
  ownerOf(topicId: string, partition: number): string | undefined {
    return this.owners.get(topicId)?.get(partition);
  }

  staticMember(instanceId: string): ConsumerMember | undefined {
    const memberId = this.staticMembers.get(instanceId);
    return memberId === undefined ? undefined : this.members.get(memberId);
  }

  topicsOf(member: MemberMetadata): ReadonlySet<string> {
    const topics = new Set(member.subscribedTopicNames);
    for (const topic of this.regexes.get(member.subscribedTopicRegex)?.topics ?? []) topics.add(topic);
    return topics;
  }

  /** Of all members. */
  subscribedTopics(): Set<string> {
    const topics = new Set<string>();
    for (const member of this.members.values()) for (const topic of this.topicsOf(member)) topics.add(topic);
    return topics;
  }

  isRegexInUse(regex: string): boolean {
    for (const member of this.members.values()) if (member.subscribedTopicRegex === regex) return true;
    return false;
  }

  /** The assignor that most members ask for; null when none asks. */
  preferredAssignor(): string | null {
    const votes = new Map<string, number>();
    let winner: string | null = null;
    for (const { serverAssignor } of this.members.values()) {
      if (serverAssignor === null) continue;
      const count = (votes.get(serverAssignor) ?? 0) + 1;
      votes.set(serverAssignor, count);
      if (winner === null || count > votes.get(winner)!) winner = serverAssignor;
    }
    return winner;
  }

  replay(record: ConsumerGroupRecord): void {
    switch (record.type) {
      case 'consumerGroup':
        this.groupEpoch = record.value?.epoch ?? FIRST_EPOCH;
        this.metadataHash = record.value?.metadataHash ?? 0n;
        return;
      case 'partitionMetadata':
        this.hasPartitionMetadata = record.isPresent;
        return;
      case 'memberMetadata':
        this.replayMember(record.memberId, record.value);
        return;
      case 'targetEpoch':
        this.assignmentEpoch = record.value?.epoch ?? 0;
        this.assignmentTimestampMs = record.value?.timestampMs ?? 0;
        return;
      case 'targetMember':
        if (record.value === null) this.targets.delete(record.memberId);
        else this.targets.set(record.memberId, record.value);
        return;
      case 'currentAssignment': {
        const before = this.members.get(record.memberId);
        if (before === undefined && record.value === null) return;
        const { memberId } = record;
        const member = {
          ...(before ?? newMember(memberId)),
          ...(record.value ?? {
            memberEpoch: JOIN_EPOCH,
            previousMemberEpoch: JOIN_EPOCH,
            state: 'Stable' as const,
            assigned: NO_PARTITIONS,
            pendingRevocation: NO_PARTITIONS,
          }),
        };
        if (before !== undefined) this.disown(before);
        this.members.set(memberId, member);
        for (const owned of [member.assigned, member.pendingRevocation]) this.own(memberId, owned);
        return;
      }
      case 'regex':
        if (record.value === null) this.regexes.delete(record.regex);
        else this.regexes.set(record.regex, record.value);
        return;
    }
  }

  private replayMember(memberId: string, value: MemberMetadata | null): void {
    const before = this.members.get(memberId);
    const { instanceId } = value ?? before ?? UNKNOWN_METADATA;
    if (value !== null) {
      this.members.set(memberId, { ...(before ?? newMember(memberId)), ...value });
      if (instanceId !== null) this.staticMembers.set(instanceId, memberId);
      return;
    }
    if (before !== undefined) this.disown(before);
    this.members.delete(memberId);
    if (instanceId !== null && this.staticMembers.get(instanceId) === memberId) this.staticMembers.delete(instanceId);
  }

  private own(memberId: string, partitions: AssignedPartitions): void {
    for (const [topicId, epochs] of partitions) {
      let owners = this.owners.get(topicId);
      if (owners === undefined) this.owners.set(topicId, (owners = new Map()));
      for (const partition of epochs.keys()) owners.set(partition, memberId);
    }
  }

  private disown(member: ConsumerMember): void {
    for (const partitions of [member.assigned, member.pendingRevocation]) {
      for (const [topicId, epochs] of partitions) {
        const owners = this.owners.get(topicId);
        for (const partition of epochs.keys()) {
          if (owners?.get(partition) === member.memberId) owners.delete(partition);
        }
        if (owners?.size === 0) this.owners.delete(topicId);
      }
    }
  }
}

/** A group while one event is decided: records that are emitted are seen at once by what follows, and the group itself stays as it is. */
export class GroupDraft {
  group: ConsumerGroup;
  readonly records: ConsumerGroupRecord[] = [];

  constructor(group: ConsumerGroup) {
    this.group = group;
  }

  emit(record: ConsumerGroupRecord): void {
    if (this.records.length === 0) this.group = this.group.copy();
    this.records.push(record);
    this.group.replay(record);
  }
}

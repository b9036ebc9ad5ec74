import type { ShareGroupRecord, ShareMemberMetadata } from './share-group-records.ts';
import { NO_PARTITIONS, type TopicPartitions } from './topic-partitions.ts';

/**
 * A share group (KIP-932): its members, what each is to have (target) and has (current assignment), and how far the state of its topics' partitions is.
 *
 *     group epoch ──── a new target is computed ───► assignment epoch ──── the member's next heartbeat ───► member epoch
 *
 * A partition has many members, so nobody waits for another to give it up: a member takes its target in one step. A partition is a target only once its
 * state is initialized (`share-partition-states.ts`).
 *
 * Invariant: only `replay` changes a group, and a member object never changes. How a group moves is in `share-heartbeat.ts`; deadlines are kept by the shell in
 * `share-groups.ts`, since they are not stored.
 */
export const JOIN_EPOCH = 0;
export const LEAVE_EPOCH = -1;
const NO_EPOCH = -1;
/** Of a group that nobody has joined yet; its target, of nothing, is of the same epoch. */
const FIRST_EPOCH = 1;

export interface ShareMember extends ShareMemberMetadata {
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly previousMemberEpoch: number;
  readonly assigned: TopicPartitions;
}

export interface SharePartitions {
  readonly topicName: string;
  readonly partitions: ReadonlySet<number>;
}

/** By topic id. */
export interface SharePartitionStates {
  readonly initializing: ReadonlyMap<string, SharePartitions>;
  readonly initialized: ReadonlyMap<string, SharePartitions>;
  /** Names of topics whose state is to go. */
  readonly deleting: ReadonlyMap<string, string>;
}

export const NO_PARTITION_STATES: SharePartitionStates = {
  initializing: new Map(),
  initialized: new Map(),
  deleting: new Map(),
};

export type ShareGroupState = 'Empty' | 'Stable';

export function newShareMember(memberId: string): ShareMember {
  return {
    rackId: null,
    clientId: '',
    clientHost: '',
    subscribedTopicNames: [],
    memberId,
    memberEpoch: JOIN_EPOCH,
    previousMemberEpoch: NO_EPOCH,
    assigned: NO_PARTITIONS,
  };
}

export class ShareGroup {
  readonly groupId: string;
  groupEpoch = FIRST_EPOCH;
  /** Over the subscribed topics, their ids and partition counts. */
  metadataHash = 0n;
  assignmentEpoch = FIRST_EPOCH;
  /** Wall clock, ms, of the last target; 0: none yet. */
  assignmentTimestampMs = 0;
  readonly members = new Map<string, ShareMember>();
  readonly targets = new Map<string, TopicPartitions>();
  /** Null: no record of them was ever stored. */
  partitionStates: SharePartitionStates | null = null;
  /** Wall clock, ms, when they last changed: initializing that takes long is tried again. */
  partitionStatesAtMs = 0;

  constructor(groupId: string) {
    this.groupId = groupId;
  }

  copy(): ShareGroup {
    const copy = new ShareGroup(this.groupId);
    copy.groupEpoch = this.groupEpoch;
    copy.metadataHash = this.metadataHash;
    copy.assignmentEpoch = this.assignmentEpoch;
    copy.assignmentTimestampMs = this.assignmentTimestampMs;
    copy.partitionStates = this.partitionStates;
    copy.partitionStatesAtMs = this.partitionStatesAtMs;
    for (const [id, member] of this.members) copy.members.set(id, member);
    for (const [id, target] of this.targets) copy.targets.set(id, target);
    return copy;
  }

  get state(): ShareGroupState {
    return this.members.size === 0 ? 'Empty' : 'Stable';
  }

  /** Of all members. */
  subscribedTopics(): Set<string> {
    const topics = new Set<string>();
    for (const member of this.members.values()) for (const topic of member.subscribedTopicNames) topics.add(topic);
    return topics;
  }

  replay(record: ShareGroupRecord, wallNowMs: number): void {
    switch (record.type) {
      case 'shareGroup':
        this.groupEpoch = record.value?.epoch ?? FIRST_EPOCH;
        this.metadataHash = record.value?.metadataHash ?? 0n;
        return;
      case 'shareMember': {
        const { memberId, value } = record;
        if (value === null) this.members.delete(memberId);
        else this.members.set(memberId, { ...(this.members.get(memberId) ?? newShareMember(memberId)), ...value });
        return;
      }
      case 'shareTargetEpoch':
        this.assignmentEpoch = record.value?.epoch ?? FIRST_EPOCH;
        this.assignmentTimestampMs = record.value?.timestampMs ?? 0;
        return;
      case 'shareTargetMember':
        if (record.value === null) this.targets.delete(record.memberId);
        else this.targets.set(record.memberId, record.value);
        return;
      case 'shareCurrentAssignment': {
        const { memberId, value } = record;
        const before = this.members.get(memberId);
        if (before === undefined && value === null) return;
        const left = { memberEpoch: LEAVE_EPOCH, previousMemberEpoch: LEAVE_EPOCH, assigned: NO_PARTITIONS };
        this.members.set(memberId, { ...(before ?? newShareMember(memberId)), ...(value ?? left) });
        return;
      }
      case 'sharePartitionStates':
        this.partitionStates = record.value;
        this.partitionStatesAtMs = wallNowMs;
        return;
    }
  }
}

/** A group while one event is decided: records that are emitted are seen at once by what follows, and the group itself stays as it is. */
export class ShareGroupDraft {
  group: ShareGroup;
  readonly records: ShareGroupRecord[] = [];
  private readonly wallNowMs: number;

  constructor(group: ShareGroup, wallNowMs: number) {
    this.group = group;
    this.wallNowMs = wallNowMs;
  }

  emit(record: ShareGroupRecord): void {
    if (this.records.length === 0) this.group = this.group.copy();
    this.records.push(record);
    this.group.replay(record, this.wallNowMs);
  }
}

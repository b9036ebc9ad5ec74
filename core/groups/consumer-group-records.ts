import type { Reader } from '../protocol/reader.ts';
import { Reader as BytesReader } from '../protocol/reader.ts';
import { array, bits64, bytes, int8, int32, int64, message, string, struct, uuid } from '../protocol/schema.ts';
import { Writer } from '../protocol/writer.ts';
import type { ConsumerMember, MemberState, ResolvedRegex } from './consumer-group.ts';
import type { CoordinatorRecord } from './records.ts';
import { type AssignedPartitions, listed, type TopicPartitions, topicPartitionsOf } from './topic-partitions.ts';

/**
 * The records of consumer groups in `__consumer_offsets`, in Kafka's format (types 3 to 8 and 16). A null value is a tombstone.
 *
 *     3  group epoch and hash of the subscribed topics      6  epoch of the target assignment
 *     4  what the hash has replaced: read, never written    7  target of a member
 *     5  a member's metadata                                8  what a member has, and its epoch
 *                                                           16 topics that a regular expression stands for
 */
export interface ClassicMemberMetadata {
  readonly sessionTimeoutMs: number;
  readonly protocols: readonly { readonly name: string; readonly metadata: Buffer }[];
}

export interface MemberMetadata {
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly subscribedTopicNames: readonly string[];
  /** Empty: none. */
  readonly subscribedTopicRegex: string;
  readonly rebalanceTimeoutMs: number;
  readonly serverAssignor: string | null;
  /** Of a member that speaks the classic protocol; null for one of this protocol. */
  readonly classic: ClassicMemberMetadata | null;
}

export type CurrentAssignment = Pick<
  ConsumerMember,
  'memberEpoch' | 'previousMemberEpoch' | 'state' | 'assigned' | 'pendingRevocation'
>;

interface Group {
  readonly groupId: string;
}
interface Member extends Group {
  readonly memberId: string;
}

export type ConsumerGroupRecord =
  | (Group & { readonly type: 'consumerGroup'; readonly value: { epoch: number; metadataHash: bigint } | null })
  | (Group & { readonly type: 'partitionMetadata'; readonly isPresent: boolean })
  | (Member & { readonly type: 'memberMetadata'; readonly value: MemberMetadata | null })
  | (Group & { readonly type: 'targetEpoch'; readonly value: { epoch: number; timestampMs: number } | null })
  | (Member & { readonly type: 'targetMember'; readonly value: TopicPartitions | null })
  | (Member & { readonly type: 'currentAssignment'; readonly value: CurrentAssignment | null })
  | (Group & { readonly type: 'regex'; readonly regex: string; readonly value: ResolvedRegex | null });

const TYPE = {
  consumerGroup: 3,
  partitionMetadata: 4,
  memberMetadata: 5,
  targetEpoch: 6,
  targetMember: 7,
  currentAssignment: 8,
  regex: 16,
} as const;

const KEY = { versions: '0', flexible: 'none' } as const;
const VALUE = { versions: '0', flexible: '0+' } as const;

const GroupKey = message('ConsumerGroupMetadataKey', KEY, { groupId: string() });
const MemberKey = message('ConsumerGroupMemberMetadataKey', KEY, { groupId: string(), memberId: string() });
const RegexKey = message('ConsumerGroupRegularExpressionKey', KEY, { groupId: string(), regularExpression: string() });

const GroupValue = message('ConsumerGroupMetadataValue', VALUE, {
  epoch: int32(),
  metadataHash: bits64('0+', { tag: 0 }),
});

const MemberValue = message('ConsumerGroupMemberMetadataValue', VALUE, {
  instanceId: string('0+', { nullable: '0+', default: null }),
  rackId: string('0+', { nullable: '0+', default: null }),
  clientId: string(),
  clientHost: string(),
  subscribedTopicNames: array(string()),
  subscribedTopicRegex: string('0+', { nullable: '0+', default: null }),
  rebalanceTimeoutMs: int32('0+', { default: -1 }),
  serverAssignor: string('0+', { nullable: '0+', default: null }),
  classicMemberMetadata: struct(
    {
      sessionTimeoutMs: int32(),
      supportedProtocols: array({ name: string(), metadata: bytes() }),
    },
    '0+',
    { nullable: '0+', default: null, tag: 0 },
  ),
});

const TargetEpochValue = message('ConsumerGroupTargetAssignmentMetadataValue', VALUE, {
  assignmentEpoch: int32(),
  assignmentTimestamp: int64('0+', { tag: 0 }),
});

const TargetMemberValue = message('ConsumerGroupTargetAssignmentMemberValue', VALUE, {
  topicPartitions: array({ topicId: uuid(), partitions: array(int32()) }),
});

const epochPartitions = array({
  topicId: uuid(),
  partitions: array(int32()),
  assignmentEpochs: array(int32(), '0+', { nullable: '0+', default: null, tag: 0 }),
});

const CurrentValue = message('ConsumerGroupCurrentMemberAssignmentValue', VALUE, {
  memberEpoch: int32(),
  previousMemberEpoch: int32(),
  state: int8(),
  assignedPartitions: epochPartitions,
  partitionsPendingRevocation: epochPartitions,
});

const RegexValue = message('ConsumerGroupRegularExpressionValue', VALUE, {
  topics: array(string()),
  version: int64(),
  timestamp: int64(),
});

const STATES: readonly MemberState[] = ['Stable', 'UnrevokedPartitions', 'UnreleasedPartitions'];

function encoded(
  type: number,
  key: (writer: Writer) => void,
  value: ((writer: Writer) => void) | null,
): CoordinatorRecord {
  const bytesOf = (prefix: number, write: (writer: Writer) => void): Buffer => {
    const writer = new Writer(128);
    writer.int16(prefix);
    write(writer);
    return writer.toBuffer();
  };
  return { key: bytesOf(type, key), value: value === null ? null : bytesOf(0, value) };
}

function listedWithEpochs(partitions: AssignedPartitions) {
  return listed(partitions).map((each) => ({
    ...each,
    assignmentEpochs: each.partitions.map((partition) => partitions.get(each.topicId)!.get(partition)!),
  }));
}

export function encodeConsumerGroupRecord(record: ConsumerGroupRecord): CoordinatorRecord {
  const { groupId } = record;
  const type = TYPE[record.type];
  const groupKey = (w: Writer): void => GroupKey.write(w, 0, { groupId });
  switch (record.type) {
    case 'consumerGroup': {
      const { value } = record;
      return encoded(type, groupKey, value && ((w) => GroupValue.write(w, 0, value)));
    }
    case 'partitionMetadata':
      if (record.isPresent) throw new Error('partition metadata of consumer groups is only removed');
      return encoded(type, groupKey, null);
    case 'memberMetadata': {
      const { memberId, value } = record;
      const key = (w: Writer): void => MemberKey.write(w, 0, { groupId, memberId });
      if (value === null) return encoded(type, key, null);
      const { classic, ...metadata } = value;
      const classicMemberMetadata = classic && {
        sessionTimeoutMs: classic.sessionTimeoutMs,
        supportedProtocols: classic.protocols,
      };
      return encoded(type, key, (w) => MemberValue.write(w, 0, { ...metadata, classicMemberMetadata }));
    }
    case 'targetEpoch': {
      const { value } = record;
      const written = value && { assignmentEpoch: value.epoch, assignmentTimestamp: value.timestampMs };
      return encoded(type, groupKey, written && ((w) => TargetEpochValue.write(w, 0, written)));
    }
    case 'targetMember': {
      const { memberId, value } = record;
      const key = (w: Writer): void => MemberKey.write(w, 0, { groupId, memberId });
      return encoded(type, key, value && ((w) => TargetMemberValue.write(w, 0, { topicPartitions: listed(value) })));
    }
    case 'currentAssignment': {
      const { memberId, value } = record;
      const key = (w: Writer): void => MemberKey.write(w, 0, { groupId, memberId });
      if (value === null) return encoded(type, key, null);
      return encoded(type, key, (w) =>
        CurrentValue.write(w, 0, {
          memberEpoch: value.memberEpoch,
          previousMemberEpoch: value.previousMemberEpoch,
          state: STATES.indexOf(value.state),
          assignedPartitions: listedWithEpochs(value.assigned),
          partitionsPendingRevocation: listedWithEpochs(value.pendingRevocation),
        }),
      );
    }
    case 'regex': {
      const { regex, value } = record;
      const key = (w: Writer): void => RegexKey.write(w, 0, { groupId, regularExpression: regex });
      if (value === null) return encoded(type, key, null);
      const { topics, version, timestampMs } = value;
      return encoded(type, key, (w) =>
        RegexValue.write(w, 0, { topics: [...topics], version, timestamp: timestampMs }),
      );
    }
  }
}

/** Null: a record of another kind. Throws WireError on bytes that are no such record. */
export function decodeConsumerGroupRecord(key: Buffer, value: Buffer | null): ConsumerGroupRecord | null {
  const k = new BytesReader(key);
  const type = k.int16();
  const v = value === null ? null : new BytesReader(value);
  const version = v?.int16() ?? 0;
  switch (type) {
    case TYPE.consumerGroup:
      return { type: 'consumerGroup', ...GroupKey.read(k, 0), value: v && GroupValue.read(v, version) };
    case TYPE.partitionMetadata:
      return { type: 'partitionMetadata', ...GroupKey.read(k, 0), isPresent: v !== null };
    case TYPE.memberMetadata:
      return { type: 'memberMetadata', ...MemberKey.read(k, 0), value: v && memberMetadata(v, version) };
    case TYPE.targetEpoch: {
      const target = v && TargetEpochValue.read(v, version);
      const read = target && { epoch: target.assignmentEpoch, timestampMs: target.assignmentTimestamp };
      return { type: 'targetEpoch', ...GroupKey.read(k, 0), value: read };
    }
    case TYPE.targetMember: {
      const target = v && topicPartitionsOf(TargetMemberValue.read(v, version).topicPartitions);
      return { type: 'targetMember', ...MemberKey.read(k, 0), value: target };
    }
    case TYPE.currentAssignment:
      return { type: 'currentAssignment', ...MemberKey.read(k, 0), value: v && currentAssignment(v, version) };
    case TYPE.regex: {
      const { groupId, regularExpression: regex } = RegexKey.read(k, 0);
      const read = v && RegexValue.read(v, version);
      const resolved = read && { topics: new Set(read.topics), version: read.version, timestampMs: read.timestamp };
      return { type: 'regex', groupId, regex, value: resolved };
    }
    default:
      return null;
  }
}

function memberMetadata(reader: Reader, version: number): MemberMetadata {
  const { classicMemberMetadata: classic, subscribedTopicRegex, ...read } = MemberValue.read(reader, version);
  return {
    ...read,
    subscribedTopicRegex: subscribedTopicRegex ?? '',
    classic: classic && {
      sessionTimeoutMs: classic.sessionTimeoutMs,
      protocols: classic.supportedProtocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) })),
    },
  };
}

function currentAssignment(reader: Reader, version: number): CurrentAssignment {
  const read = CurrentValue.read(reader, version);
  const partitions = (list: typeof read.assignedPartitions): AssignedPartitions =>
    new Map(
      list.map(({ topicId, partitions, assignmentEpochs }) => [
        topicId,
        // Before Kafka 4.3 without epochs: whatever the member may commit, it may commit.
        new Map(partitions.map((partition, i) => [partition, assignmentEpochs?.[i] ?? read.memberEpoch])),
      ]),
    );
  return {
    memberEpoch: read.memberEpoch,
    previousMemberEpoch: read.previousMemberEpoch,
    // A state that a later Kafka added: as if it had to start over with its next target.
    state: STATES[read.state] ?? 'UnreleasedPartitions',
    assigned: partitions(read.assignedPartitions),
    pendingRevocation: partitions(read.partitionsPendingRevocation),
  };
}

import { Reader } from '../protocol/reader.ts';
import { array, bits64, int8, int32, int64, message, string, uuid } from '../protocol/schema.ts';
import { Writer } from '../protocol/writer.ts';
import type { CoordinatorRecord } from './records.ts';
import type { ShareMember, SharePartitionStates, SharePartitions } from './share-group.ts';
import { listed, type TopicPartitions, topicPartitionsOf } from './topic-partitions.ts';

/**
 * The records of share groups in `__consumer_offsets`, in Kafka's format (types 10 to 15). A null value is a tombstone.
 *
 *     10  a member's metadata                           13  target of a member
 *     11  group epoch, hash of the subscribed topics    14  what a member has, and its epoch
 *     12  epoch of the target assignment                15  partitions whose state is being initialized, is initialized, is being deleted
 */
export interface ShareMemberMetadata {
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly subscribedTopicNames: readonly string[];
}

export type ShareCurrentAssignment = Pick<ShareMember, 'memberEpoch' | 'previousMemberEpoch' | 'assigned'>;

interface Group {
  readonly groupId: string;
}
interface Member extends Group {
  readonly memberId: string;
}

export type ShareGroupRecord =
  | (Member & { readonly type: 'shareMember'; readonly value: ShareMemberMetadata | null })
  | (Group & { readonly type: 'shareGroup'; readonly value: { epoch: number; metadataHash: bigint } | null })
  | (Group & { readonly type: 'shareTargetEpoch'; readonly value: { epoch: number; timestampMs: number } | null })
  | (Member & { readonly type: 'shareTargetMember'; readonly value: TopicPartitions | null })
  | (Member & { readonly type: 'shareCurrentAssignment'; readonly value: ShareCurrentAssignment | null })
  | (Group & { readonly type: 'sharePartitionStates'; readonly value: SharePartitionStates | null });

const TYPE = {
  shareMember: 10,
  shareGroup: 11,
  shareTargetEpoch: 12,
  shareTargetMember: 13,
  shareCurrentAssignment: 14,
  sharePartitionStates: 15,
} as const;

/** A member of a share group has nothing to wait for. */
const STABLE = 0;

const KEY = { versions: '0', flexible: 'none' } as const;
const VALUE = { versions: '0', flexible: '0+' } as const;

const GroupKey = message('ShareGroupMetadataKey', KEY, { groupId: string() });
const MemberKey = message('ShareGroupMemberMetadataKey', KEY, { groupId: string(), memberId: string() });

const MemberValue = message('ShareGroupMemberMetadataValue', VALUE, {
  rackId: string('0+', { nullable: '0+', default: null }),
  clientId: string(),
  clientHost: string(),
  subscribedTopicNames: array(string()),
});

const GroupValue = message('ShareGroupMetadataValue', VALUE, { epoch: int32(), metadataHash: bits64() });

const TargetEpochValue = message('ShareGroupTargetAssignmentMetadataValue', VALUE, {
  assignmentEpoch: int32(),
  assignmentTimestamp: int64('0+', { tag: 0 }),
});

const topicPartitions = array({ topicId: uuid(), partitions: array(int32()) });

const TargetMemberValue = message('ShareGroupTargetAssignmentMemberValue', VALUE, { topicPartitions });

const CurrentValue = message('ShareGroupCurrentMemberAssignmentValue', VALUE, {
  memberEpoch: int32(),
  previousMemberEpoch: int32(),
  state: int8(),
  assignedPartitions: topicPartitions,
});

const namedPartitions = array({ topicId: uuid(), topicName: string(), partitions: array(int32()) });

const PartitionStatesValue = message('ShareGroupStatePartitionMetadataValue', VALUE, {
  initializingTopics: namedPartitions,
  initializedTopics: namedPartitions,
  deletingTopics: array({ topicId: uuid(), topicName: string() }),
});

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

export function encodeShareGroupRecord(record: ShareGroupRecord): CoordinatorRecord {
  const { groupId } = record;
  const type = TYPE[record.type];
  const groupKey = (w: Writer): void => GroupKey.write(w, 0, { groupId });
  const memberKey =
    (memberId: string) =>
    (w: Writer): void =>
      MemberKey.write(w, 0, { groupId, memberId });
  switch (record.type) {
    case 'shareMember': {
      const { memberId, value } = record;
      return encoded(type, memberKey(memberId), value && ((w) => MemberValue.write(w, 0, value)));
    }
    case 'shareGroup': {
      const { value } = record;
      return encoded(type, groupKey, value && ((w) => GroupValue.write(w, 0, value)));
    }
    case 'shareTargetEpoch': {
      const { value } = record;
      const written = value && { assignmentEpoch: value.epoch, assignmentTimestamp: value.timestampMs };
      return encoded(type, groupKey, written && ((w) => TargetEpochValue.write(w, 0, written)));
    }
    case 'shareTargetMember': {
      const { memberId, value } = record;
      const written = value && { topicPartitions: listed(value) };
      return encoded(type, memberKey(memberId), written && ((w) => TargetMemberValue.write(w, 0, written)));
    }
    case 'shareCurrentAssignment': {
      const { memberId, value } = record;
      if (value === null) return encoded(type, memberKey(memberId), null);
      const { memberEpoch, previousMemberEpoch } = value;
      const written = { memberEpoch, previousMemberEpoch, state: STABLE, assignedPartitions: listed(value.assigned) };
      return encoded(type, memberKey(memberId), (w) => CurrentValue.write(w, 0, written));
    }
    case 'sharePartitionStates': {
      const { value } = record;
      return encoded(type, groupKey, value && ((w) => PartitionStatesValue.write(w, 0, writtenStates(value))));
    }
  }
}

function writtenStates({ initializing, initialized, deleting }: SharePartitionStates) {
  const named = (topics: ReadonlyMap<string, SharePartitions>) =>
    [...topics].map(([topicId, { topicName, partitions }]) => ({
      topicId,
      topicName,
      partitions: [...partitions].sort((a, b) => a - b),
    }));
  return {
    initializingTopics: named(initializing),
    initializedTopics: named(initialized),
    deletingTopics: [...deleting].map(([topicId, topicName]) => ({ topicId, topicName })),
  };
}

/** Null: a record of another kind. Throws WireError on bytes that are no such record. */
export function decodeShareGroupRecord(key: Buffer, value: Buffer | null): ShareGroupRecord | null {
  const k = new Reader(key);
  const type = k.int16();
  const v = value === null ? null : new Reader(value);
  const version = v?.int16() ?? 0;
  switch (type) {
    case TYPE.shareMember:
      return { type: 'shareMember', ...MemberKey.read(k, 0), value: v && MemberValue.read(v, version) };
    case TYPE.shareGroup:
      return { type: 'shareGroup', ...GroupKey.read(k, 0), value: v && GroupValue.read(v, version) };
    case TYPE.shareTargetEpoch: {
      const read = v && TargetEpochValue.read(v, version);
      const target = read && { epoch: read.assignmentEpoch, timestampMs: read.assignmentTimestamp };
      return { type: 'shareTargetEpoch', ...GroupKey.read(k, 0), value: target };
    }
    case TYPE.shareTargetMember: {
      const target = v && topicPartitionsOf(TargetMemberValue.read(v, version).topicPartitions);
      return { type: 'shareTargetMember', ...MemberKey.read(k, 0), value: target };
    }
    case TYPE.shareCurrentAssignment: {
      const read = v && CurrentValue.read(v, version);
      const current = read && {
        memberEpoch: read.memberEpoch,
        previousMemberEpoch: read.previousMemberEpoch,
        assigned: topicPartitionsOf(read.assignedPartitions),
      };
      return { type: 'shareCurrentAssignment', ...MemberKey.read(k, 0), value: current };
    }
    case TYPE.sharePartitionStates:
      return { type: 'sharePartitionStates', ...GroupKey.read(k, 0), value: v && partitionStates(v, version) };
    default:
      return null;
  }
}

function partitionStates(reader: Reader, version: number): SharePartitionStates {
  const read = PartitionStatesValue.read(reader, version);
  const byId = (topics: typeof read.initializedTopics): Map<string, SharePartitions> =>
    new Map(
      topics.map(({ topicId, topicName, partitions }) => [topicId, { topicName, partitions: new Set(partitions) }]),
    );
  return {
    initializing: byId(read.initializingTopics),
    initialized: byId(read.initializedTopics),
    deleting: new Map(read.deletingTopics.map(({ topicId, topicName }) => [topicId, topicName])),
  };
}

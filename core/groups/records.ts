import { Reader } from '../protocol/reader.ts';
import { array, bytes, int32, int64, message, string, uuid } from '../protocol/schema.ts';
import { Writer } from '../protocol/writer.ts';

/**
 * The records of `__consumer_offsets`, in Kafka's format: key and value each begin with an int16, the key's naming the record type,
 * the value's its version. A null value is a tombstone. Values are written at `VALUE_VERSION` and read at any version.
 *
 * Types 0 and 1 are one: a committed offset (0 is a form of before 0.9). Type 2 is a classic group's metadata. Types that are unknown
 * here are left alone when a log is replayed.
 */
const OFFSET_COMMIT_TYPE = 1;
const GROUP_METADATA_TYPE = 2;
const OFFSET_COMMIT_VALUE_VERSION = 4;
const GROUP_METADATA_VALUE_VERSION = 3;

const OffsetCommitKey = message(
  'OffsetCommitKey',
  { versions: '0-1', flexible: 'none' },
  {
    group: string(),
    topic: string(),
    partition: int32(),
  },
);

const OffsetCommitValue = message(
  'OffsetCommitValue',
  { versions: '0-4', flexible: '4+' },
  {
    offset: int64(),
    leaderEpoch: int32('3+', { default: -1 }),
    metadata: string(),
    commitTimestamp: int64(),
    expireTimestamp: int64('1', { default: -1 }),
    topicId: uuid('4+', { tag: 0 }),
  },
);

const GroupMetadataKey = message('GroupMetadataKey', { versions: '2', flexible: 'none' }, { group: string() });

const GroupMetadataValue = message(
  'GroupMetadataValue',
  { versions: '0-4', flexible: '4+' },
  {
    protocolType: string(),
    generation: int32(),
    protocol: string('0+', { nullable: '0+', default: null }),
    leader: string('0+', { nullable: '0+', default: null }),
    currentStateTimestamp: int64('2+', { default: -1 }),
    members: array({
      memberId: string(),
      groupInstanceId: string('3+', { nullable: '3+', default: null }),
      clientId: string(),
      clientHost: string(),
      rebalanceTimeout: int32('1+', { default: -1 }),
      sessionTimeout: int32(),
      subscription: bytes(),
      assignment: bytes(),
    }),
  },
);

export interface CoordinatorRecord {
  readonly key: Buffer;
  /** null: a tombstone. */
  readonly value: Buffer | null;
}

export interface CommittedOffset {
  readonly offset: number;
  /** −1: unknown. */
  readonly leaderEpoch: number;
  readonly metadata: string;
  /** Wall clock, ms. */
  readonly commitTimestampMs: number;
  /** Set by old clients that gave a retention of their own; null otherwise. */
  readonly expireTimestampMs: number | null;
}

export interface StoredMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  readonly subscription: Buffer;
  readonly assignment: Buffer;
}

export interface StoredGroup {
  readonly protocolType: string;
  readonly generationId: number;
  readonly protocolName: string | null;
  readonly leaderId: string | null;
  readonly stateTimestampMs: number;
  readonly members: readonly StoredMember[];
}

export type GroupRecord =
  | {
      readonly type: 'offset';
      readonly groupId: string;
      readonly topic: string;
      readonly partition: number;
      readonly value: CommittedOffset | null;
    }
  | { readonly type: 'group'; readonly groupId: string; readonly value: StoredGroup | null }
  | { readonly type: 'unknown'; readonly typeId: number };

function prefixed(prefix: number, write: (writer: Writer) => void): Buffer {
  const writer = new Writer(128);
  writer.int16(prefix);
  write(writer);
  return writer.toBuffer();
}

export function offsetRecord(
  groupId: string,
  topic: string,
  partition: number,
  value: CommittedOffset | null,
): CoordinatorRecord {
  return {
    key: prefixed(OFFSET_COMMIT_TYPE, (w) => OffsetCommitKey.write(w, 1, { group: groupId, topic, partition })),
    value:
      value === null
        ? null
        : value.expireTimestampMs === null
          ? prefixed(OFFSET_COMMIT_VALUE_VERSION, (w) =>
              OffsetCommitValue.write(w, OFFSET_COMMIT_VALUE_VERSION, {
                offset: value.offset,
                leaderEpoch: value.leaderEpoch,
                metadata: value.metadata,
                commitTimestamp: value.commitTimestampMs,
              }),
            )
          : prefixed(1, (w) =>
              OffsetCommitValue.write(w, 1, {
                offset: value.offset,
                metadata: value.metadata,
                commitTimestamp: value.commitTimestampMs,
                expireTimestamp: value.expireTimestampMs as number,
              }),
            ),
  };
}

export function groupRecord(groupId: string, value: StoredGroup | null): CoordinatorRecord {
  return {
    key: prefixed(GROUP_METADATA_TYPE, (w) => GroupMetadataKey.write(w, 2, { group: groupId })),
    value:
      value === null
        ? null
        : prefixed(GROUP_METADATA_VALUE_VERSION, (w) =>
            GroupMetadataValue.write(w, GROUP_METADATA_VALUE_VERSION, {
              protocolType: value.protocolType,
              generation: value.generationId,
              protocol: value.protocolName,
              leader: value.leaderId,
              currentStateTimestamp: value.stateTimestampMs,
              members: value.members.map((member) => ({
                memberId: member.memberId,
                groupInstanceId: member.groupInstanceId,
                clientId: member.clientId,
                clientHost: member.clientHost,
                rebalanceTimeout: member.rebalanceTimeoutMs,
                sessionTimeout: member.sessionTimeoutMs,
                subscription: member.subscription,
                assignment: member.assignment,
              })),
            }),
          ),
  };
}

/** Throws WireError on bytes that are no such record. */
export function decodeGroupRecord(key: Buffer, value: Buffer | null): GroupRecord {
  const keyReader = new Reader(key);
  const typeId = keyReader.int16();
  if (typeId === 0 || typeId === OFFSET_COMMIT_TYPE) {
    const { group, topic, partition } = OffsetCommitKey.read(keyReader, typeId);
    return { type: 'offset', groupId: group, topic, partition, value: value === null ? null : decodeOffset(value) };
  }
  if (typeId === GROUP_METADATA_TYPE) {
    const { group } = GroupMetadataKey.read(keyReader, typeId);
    return { type: 'group', groupId: group, value: value === null ? null : decodeGroup(value) };
  }
  return { type: 'unknown', typeId };
}

function decodeOffset(value: Buffer): CommittedOffset {
  const reader = new Reader(value);
  const decoded = OffsetCommitValue.read(reader, reader.int16());
  return {
    offset: decoded.offset,
    leaderEpoch: decoded.leaderEpoch,
    metadata: decoded.metadata,
    commitTimestampMs: decoded.commitTimestamp,
    expireTimestampMs: decoded.expireTimestamp === -1 ? null : decoded.expireTimestamp,
  };
}

function decodeGroup(value: Buffer): StoredGroup {
  const reader = new Reader(value);
  const decoded = GroupMetadataValue.read(reader, reader.int16());
  return {
    protocolType: decoded.protocolType,
    generationId: decoded.generation,
    protocolName: decoded.protocol,
    leaderId: decoded.leader,
    stateTimestampMs: decoded.currentStateTimestamp,
    members: decoded.members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      rebalanceTimeoutMs: member.rebalanceTimeout === -1 ? member.sessionTimeout : member.rebalanceTimeout,
      sessionTimeoutMs: member.sessionTimeout,
      subscription: Buffer.from(member.subscription),
      assignment: Buffer.from(member.assignment),
    })),
  };
}

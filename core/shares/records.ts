import type { CoordinatorRecord } from '../groups/records.ts';
import { Reader } from '../protocol/reader.ts';
import { array, int8, int16, int32, int64, message, string, uuid } from '../protocol/schema.ts';
import { Writer } from '../protocol/writer.ts';
import type { StateBatch } from './persister.ts';

/**
 * The records of `__share_group_state`, in Kafka's format: key and value each begin with an int16, the key's naming the record type, the value's its version.
 *
 *     key type 0  ShareSnapshot: the whole state of a share partition; a null value is a tombstone
 *     key type 1  ShareUpdate: what changed since the snapshot of the same snapshot epoch
 *
 * A start offset of −1 in an update means that it did not change.
 */
const SNAPSHOT_TYPE = 0;
const UPDATE_TYPE = 1;

const keyFields = { groupId: string(), topicId: uuid(), partition: int32() };
const ShareSnapshotKey = message('ShareSnapshotKey', { versions: '0', flexible: 'none' }, keyFields);
const ShareUpdateKey = message('ShareUpdateKey', { versions: '0', flexible: 'none' }, keyFields);

const stateBatches = array({
  firstOffset: int64(),
  lastOffset: int64(),
  deliveryState: int8(),
  deliveryCount: int16(),
});

const ShareSnapshotValue = message(
  'ShareSnapshotValue',
  { versions: '0', flexible: '0+' },
  {
    snapshotEpoch: int32(),
    stateEpoch: int32(),
    leaderEpoch: int32(),
    startOffset: int64(),
    deliveryCompleteCount: int32('0+', { tag: 0, default: -1 }),
    createTimestamp: int64(),
    writeTimestamp: int64(),
    stateBatches,
  },
);

const ShareUpdateValue = message(
  'ShareUpdateValue',
  { versions: '0', flexible: '0+' },
  {
    snapshotEpoch: int32(),
    leaderEpoch: int32(),
    startOffset: int64(),
    deliveryCompleteCount: int32('0+', { tag: 0, default: -1 }),
    stateBatches,
  },
);

/** Which share partition a record is about. */
export interface ShareKey {
  readonly groupId: string;
  readonly topicId: string;
  readonly partition: number;
}

export interface ShareSnapshot {
  readonly snapshotEpoch: number;
  readonly stateEpoch: number;
  readonly leaderEpoch: number;
  readonly startOffset: number;
  readonly deliveryCompleteCount: number;
  readonly createTimestamp: number;
  readonly writeTimestamp: number;
  readonly stateBatches: readonly StateBatch[];
}

export interface ShareUpdate {
  readonly snapshotEpoch: number;
  readonly leaderEpoch: number;
  readonly startOffset: number;
  readonly deliveryCompleteCount: number;
  readonly stateBatches: readonly StateBatch[];
}

export type ShareRecord =
  | { readonly kind: 'snapshot'; readonly key: ShareKey; readonly snapshot: ShareSnapshot }
  | { readonly kind: 'update'; readonly key: ShareKey; readonly update: ShareUpdate }
  | { readonly kind: 'tombstone'; readonly key: ShareKey };

function prefixed(prefix: number, write: (writer: Writer) => void): Buffer {
  const writer = new Writer(128);
  writer.int16(prefix);
  write(writer);
  return writer.toBuffer();
}

export function encodeShareRecord(record: ShareRecord): CoordinatorRecord {
  const { key } = record;
  switch (record.kind) {
    case 'tombstone':
      return { key: prefixed(SNAPSHOT_TYPE, (w) => ShareSnapshotKey.write(w, 0, key)), value: null };
    case 'snapshot':
      return {
        key: prefixed(SNAPSHOT_TYPE, (w) => ShareSnapshotKey.write(w, 0, key)),
        value: prefixed(0, (w) => ShareSnapshotValue.write(w, 0, record.snapshot)),
      };
    case 'update':
      return {
        key: prefixed(UPDATE_TYPE, (w) => ShareUpdateKey.write(w, 0, key)),
        value: prefixed(0, (w) => ShareUpdateValue.write(w, 0, record.update)),
      };
  }
}

/** null for a record of another type. Throws WireError on bytes that are no such record. */
export function decodeShareRecord(keyBytes: Buffer, value: Buffer | null): ShareRecord | null {
  const keyReader = new Reader(keyBytes);
  const type = keyReader.int16();
  if (type !== SNAPSHOT_TYPE && type !== UPDATE_TYPE) return null;
  const key = (type === SNAPSHOT_TYPE ? ShareSnapshotKey : ShareUpdateKey).read(keyReader, 0);
  if (value === null) return type === SNAPSHOT_TYPE ? { kind: 'tombstone', key } : null;
  const reader = new Reader(value);
  const version = reader.int16();
  if (type === SNAPSHOT_TYPE) return { kind: 'snapshot', key, snapshot: ShareSnapshotValue.read(reader, version) };
  return { kind: 'update', key, update: ShareUpdateValue.read(reader, version) };
}

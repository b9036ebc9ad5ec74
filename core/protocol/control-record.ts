import { Reader } from './reader.ts';
import { recordsOf } from './record.ts';
import type { RecordBatch } from './record-batch.ts';
import { type BatchOptions, RecordBatchBuilder } from './record-batch-builder.ts';
import {
  array,
  int16,
  int32,
  int64,
  type MessageInput,
  type MessageOf,
  message,
  string,
  struct,
  uint16,
  uuid,
} from './schema.ts';
import { WireError } from './wire-error.ts';

/**
 * Control records: written by brokers into control batches, never seen by applications.
 *
 *     key     version i16 = 0, type i16
 *     value   version i16, then by type; the types of KRaft are flexible messages whose first field is that version
 *
 * Types: 0 abort and 1 commit end a transaction (KIP-98); 2 to 6 belong to KRaft's log and snapshots (KIP-595, KIP-630, KIP-853).
 */
export const ControlType = {
  ABORT: 0,
  COMMIT: 1,
  LEADER_CHANGE: 2,
  SNAPSHOT_HEADER: 3,
  SNAPSHOT_FOOTER: 4,
  KRAFT_VERSION: 5,
  KRAFT_VOTERS: 6,
} as const;
export type ControlType = (typeof ControlType)[keyof typeof ControlType];

const KEY_VERSION = 0;
const END_TXN_VERSION = 0;

export interface EndTxnMarker {
  readonly type: typeof ControlType.ABORT | typeof ControlType.COMMIT;
  readonly coordinatorEpoch: number;
}

export function encodeControlKey(type: ControlType): Buffer {
  const key = Buffer.allocUnsafe(4);
  key.writeInt16BE(KEY_VERSION, 0);
  key.writeInt16BE(type, 2);
  return key;
}

/** The type's number; one that this version does not know is returned as it is. Throws WireError. */
export function decodeControlType(key: Buffer | null): number {
  if (key === null || key.length < 4) throw new WireError('a control record without a key');
  if (key.readInt16BE(0) < 0) throw new WireError(`a control record of version ${key.readInt16BE(0)}`);
  return key.readInt16BE(2);
}

/** One batch that ends a producer's transaction in a partition. */
export function buildEndTxnBatch(
  marker: EndTxnMarker,
  timestamp: number,
  producer: { readonly producerId: number; readonly producerEpoch: number },
  options: BatchOptions = {},
): Buffer {
  const value = Buffer.allocUnsafe(6);
  value.writeInt16BE(END_TXN_VERSION, 0);
  value.writeInt32BE(marker.coordinatorEpoch, 2);
  return buildControlBatch(marker.type, value, timestamp, { ...options, ...producer, isTransactional: true });
}

/** A control batch of one record. */
export function buildControlBatch(
  type: ControlType,
  value: Buffer,
  timestamp: number,
  options: BatchOptions = {},
): Buffer {
  const builder = new RecordBatchBuilder({ ...options, isControl: true });
  builder.append(timestamp, encodeControlKey(type), value);
  return builder.build();
}

/** The marker in a control batch, or undefined when its record is of another type. Throws WireError. */
export function endTxnMarkerOf(batch: RecordBatch): EndTxnMarker | undefined {
  const record = recordsOf(batch).next().value;
  if (!batch.isControl || !record) throw new WireError('no control record');
  const type = decodeControlType(record.key);
  if (type !== ControlType.ABORT && type !== ControlType.COMMIT) return undefined;
  if (record.value === null) throw new WireError('a transaction marker without a value');
  const reader = new Reader(record.value);
  if (reader.int16() < END_TXN_VERSION) throw new WireError('a transaction marker of a negative version');
  return { type, coordinatorEpoch: reader.int32() };
}

const voter = { voterId: int32(), voterDirectoryId: uuid('1+') };

/** Who leads from here on, first record of each epoch. v1 adds directory ids (KIP-853). */
export const LeaderChange = message(
  'LeaderChangeMessage',
  { versions: '0-1', flexible: '0+' },
  { version: int16(), leaderId: int32(), voters: array(voter), grantingVoters: array(voter) },
);

export const SnapshotHeader = message(
  'SnapshotHeaderRecord',
  { versions: '0', flexible: '0+' },
  { version: int16(), lastContainedLogTimestamp: int64() },
);

export const SnapshotFooter = message('SnapshotFooterRecord', { versions: '0', flexible: '0+' }, { version: int16() });

export const KRaftVersion = message(
  'KRaftVersionRecord',
  { versions: '0', flexible: '0+' },
  { version: int16(), kRaftVersion: int16() },
);

/** The voters with their endpoints (KIP-853). */
export const Voters = message(
  'VotersRecord',
  { versions: '0', flexible: '0+' },
  {
    version: int16(),
    voters: array({
      voterId: int32(),
      voterDirectoryId: uuid(),
      endpoints: array({ name: string(), host: string(), port: uint16() }),
      kRaftVersionFeature: struct({ minSupportedVersion: int16(), maxSupportedVersion: int16() }),
    }),
  },
);

export type LeaderChange = MessageOf<typeof LeaderChange>;
export type LeaderChangeInput = MessageInput<typeof LeaderChange>;

/** Decodes the value of one of KRaft's control records, whose version is its first field; newer versions are read as the newest known. */
export function decodeControlValue<
  M extends { readonly versionMax: number; decode(version: number, buffer: Buffer): unknown },
>(type: M, value: Buffer | null): ReturnType<M['decode']> {
  if (value === null || value.length < 2) throw new WireError('a control record without a value');
  const version = value.readInt16BE(0);
  if (version < 0) throw new WireError(`a control record of version ${version}`);
  return type.decode(Math.min(version, type.versionMax), value) as ReturnType<M['decode']>;
}

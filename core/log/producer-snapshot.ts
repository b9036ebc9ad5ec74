import { crc32c } from '@node-rs/crc32';
import { ProducerEntry } from './producer-entry.ts';

/**
 * The bytes of a producer snapshot, Kafka's format version 1. Of a producer's batches only the last one is kept.
 *
 *     version i16 = 1 | crc u32 (CRC-32C from byte 6 to the end) | count i32 | entries of 46 bytes:
 *     producerId i64 | epoch i16 | lastSequence i32 | lastOffset i64 | offsetDelta i32 | timestamp i64 | coordinatorEpoch i32 | currentTxnFirstOffset i64
 */
const VERSION = 1;
const CRC_OFFSET = 2;
const COUNT_OFFSET = 6;
const ENTRIES_OFFSET = 10;
const ENTRY_BYTES = 46;
const SEQUENCE_RANGE = 0x8000_0000;

export function encodeSnapshot(entries: Iterable<ProducerEntry>, count: number): Buffer {
  const buffer = Buffer.allocUnsafe(ENTRIES_OFFSET + count * ENTRY_BYTES);
  buffer.writeInt16BE(VERSION, 0);
  buffer.writeInt32BE(count, COUNT_OFFSET);
  let at = ENTRIES_OFFSET;
  for (const entry of entries) {
    const last = entry.batches.at(-1);
    buffer.writeBigInt64BE(BigInt(entry.producerId), at);
    buffer.writeInt16BE(entry.producerEpoch, at + 8);
    buffer.writeInt32BE(entry.lastSequence, at + 10);
    buffer.writeBigInt64BE(BigInt(entry.lastOffset), at + 14);
    buffer.writeInt32BE(last?.offsetDelta ?? 0, at + 22);
    buffer.writeBigInt64BE(BigInt(entry.lastTimestamp), at + 26);
    buffer.writeInt32BE(entry.coordinatorEpoch, at + 34);
    buffer.writeBigInt64BE(BigInt(entry.currentTxnFirstOffset ?? -1), at + 38);
    at += ENTRY_BYTES;
  }
  buffer.writeUInt32BE(crc32c(buffer.subarray(COUNT_OFFSET)), CRC_OFFSET);
  return buffer;
}

/** null when the bytes are no sound snapshot. */
export function decodeSnapshot(buffer: Buffer): ProducerEntry[] | null {
  if (buffer.length < ENTRIES_OFFSET || buffer.readInt16BE(0) !== VERSION) return null;
  if (buffer.readUInt32BE(CRC_OFFSET) !== crc32c(buffer.subarray(COUNT_OFFSET))) return null;
  const count = buffer.readInt32BE(COUNT_OFFSET);
  if (buffer.length !== ENTRIES_OFFSET + count * ENTRY_BYTES) return null;
  const entries: ProducerEntry[] = [];
  for (let at = ENTRIES_OFFSET; at < buffer.length; at += ENTRY_BYTES) {
    const entry = new ProducerEntry(Number(buffer.readBigInt64BE(at)), buffer.readInt16BE(at + 8));
    const lastSequence = buffer.readInt32BE(at + 10);
    const lastOffset = Number(buffer.readBigInt64BE(at + 14));
    const offsetDelta = buffer.readInt32BE(at + 22);
    const timestamp = Number(buffer.readBigInt64BE(at + 26));
    if (lastOffset >= 0) {
      const baseSequence = (lastSequence - offsetDelta + SEQUENCE_RANGE) % SEQUENCE_RANGE;
      entry.addBatch({ baseSequence, lastSequence, lastOffset, offsetDelta, timestamp });
    }
    entry.lastTimestamp = timestamp;
    entry.coordinatorEpoch = buffer.readInt32BE(at + 34);
    const txnFirstOffset = Number(buffer.readBigInt64BE(at + 38));
    entry.currentTxnFirstOffset = txnFirstOffset < 0 ? null : txnFirstOffset;
    entries.push(entry);
  }
  return entries;
}

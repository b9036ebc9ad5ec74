import type { Files } from '../ports/files.ts';
import { IndexFile } from './index-file.ts';

/**
 * The sparse time index of one segment: (timestamp, offset) says that no record up to that batch is younger than the timestamp.
 *
 *     entry: timestamp i64 (the largest so far, ms) | relativeOffset i32 (the last offset of the batch that holds it, less the base)
 *
 * Invariant: timestamps rise strictly; offsets never fall.
 */
const ENTRY_BYTES = 12;
export const NO_TIMESTAMP = -1;

export interface TimestampOffset {
  readonly timestamp: number;
  readonly offset: number;
}

export class TimeIndex {
  readonly baseOffset: number;
  readonly entries: IndexFile;
  private lastTimestamp: number;

  constructor(files: Files, path: string, baseOffset: number, bytesMax: number, foundBytes: number | null) {
    this.baseOffset = baseOffset;
    this.entries = new IndexFile(files, path, ENTRY_BYTES, bytesMax, foundBytes);
    this.lastTimestamp = this.last().timestamp;
  }

  /** Adds an entry unless its timestamp is not above the last one's. */
  maybeAppend(timestamp: number, offset: number): void {
    if (timestamp <= this.lastTimestamp) return;
    this.lastTimestamp = timestamp;
    const { buffer, at } = this.entries.next();
    const high = Math.floor(timestamp / 0x1_0000_0000);
    buffer.writeInt32BE(high, at);
    buffer.writeUInt32BE(timestamp - high * 0x1_0000_0000, at + 4);
    buffer.writeInt32BE(offset - this.baseOffset, at + 8);
  }

  /** An offset at or before the first record with `timestamp` or later: the base offset when no entry is low enough. */
  offsetFor(timestamp: number): number {
    const count = this.entries.countWhile((buffer, at) => timestampAt(buffer, at) < timestamp);
    return count === 0 ? this.baseOffset : this.entryAt(count - 1).offset;
  }

  /** (−1, base offset) when the index is empty. */
  last(): TimestampOffset {
    const count = this.entries.count;
    return count === 0 ? { timestamp: NO_TIMESTAMP, offset: this.baseOffset } : this.entryAt(count - 1);
  }

  private entryAt(index: number): TimestampOffset {
    const { buffer, at } = this.entries.entry(index);
    return { timestamp: timestampAt(buffer, at), offset: this.baseOffset + buffer.readInt32BE(at + 8) };
  }

  /** Drops every entry of `offset` and above. */
  truncateTo(offset: number): void {
    const relative = offset - this.baseOffset;
    this.entries.truncate(this.entries.countWhile((buffer, at) => buffer.readInt32BE(at + 8) < relative));
    this.lastTimestamp = this.last().timestamp;
  }

  /** Drops everything. */
  clear(): void {
    this.entries.reset();
    this.lastTimestamp = NO_TIMESTAMP;
  }

  /** null, or what is wrong. */
  check(): string | null {
    const fileBytes = this.entries.foundBytes ?? 0;
    if (fileBytes % ENTRY_BYTES !== 0) return `${fileBytes} bytes are no multiple of ${ENTRY_BYTES}`;
    if (this.entries.count === 0) return null;
    if (this.last().offset < this.baseOffset) return `its last offset ${this.last().offset} is below the base`;
    if (this.last().timestamp < this.entryAt(0).timestamp) return 'its last timestamp is below its first';
    return null;
  }
}

function timestampAt(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at) * 0x1_0000_0000 + buffer.readUInt32BE(at + 4);
}

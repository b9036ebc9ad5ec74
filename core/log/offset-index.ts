import type { Files } from '../ports/files.ts';
import { IndexFile } from './index-file.ts';

/**
 * The sparse offset index of one segment: from an offset to a file position at or before the batch that holds it.
 *
 *     entry: relativeOffset i32 (the LAST offset of a batch, less the segment's base) | position i32 (of that batch's first byte)
 *
 * Invariant: both fields rise strictly from entry to entry (the very first may be 0, 0).
 */
const ENTRY_BYTES = 8;

export class OffsetIndex {
  readonly baseOffset: number;
  readonly entries: IndexFile;

  constructor(files: Files, path: string, baseOffset: number, bytesMax: number, foundBytes: number | null) {
    this.baseOffset = baseOffset;
    this.entries = new IndexFile(files, path, ENTRY_BYTES, bytesMax, foundBytes);
  }

  /** `lastOffset` of the batch that begins at `position`. */
  append(lastOffset: number, position: number): void {
    const { buffer, at } = this.entries.next();
    buffer.writeInt32BE(lastOffset - this.baseOffset, at);
    buffer.writeInt32BE(position, at + 4);
  }

  /** A position from which a walk over batch headers meets the batch with `offset`: 0 when no entry is low enough. */
  positionFor(offset: number): number {
    const relative = offset - this.baseOffset;
    return this.positionOfLast(this.entries.countWhile((buffer, at) => buffer.readInt32BE(at) <= relative));
  }

  /** The largest batch start in the index that is not above `position`. */
  batchStartAtOrBelow(position: number): number {
    return this.positionOfLast(this.entries.countWhile((buffer, at) => buffer.readInt32BE(at + 4) <= position));
  }

  private positionOfLast(count: number): number {
    if (count === 0) return 0;
    const { buffer, at } = this.entries.entry(count - 1);
    return buffer.readInt32BE(at + 4);
  }

  /** The offset of the last entry, or the base offset when there is none. */
  get lastOffset(): number {
    const count = this.entries.count;
    if (count === 0) return this.baseOffset;
    const { buffer, at } = this.entries.entry(count - 1);
    return this.baseOffset + buffer.readInt32BE(at);
  }

  get lastPosition(): number {
    return this.positionOfLast(this.entries.count);
  }

  /** Drops every entry of `offset` and above. */
  truncateTo(offset: number): void {
    const relative = offset - this.baseOffset;
    this.entries.truncate(this.entries.countWhile((buffer, at) => buffer.readInt32BE(at) < relative));
  }

  /** What a sound index of a segment with `logBytes` looks like; null, or what is wrong. */
  check(logBytes: number): string | null {
    const fileBytes = this.entries.foundBytes ?? 0;
    if (fileBytes % ENTRY_BYTES !== 0) return `${fileBytes} bytes are no multiple of ${ENTRY_BYTES}`;
    if (this.entries.count === 0) return null;
    if (this.lastOffset < this.baseOffset) return `its last offset ${this.lastOffset} is below the base`;
    if (this.lastPosition >= logBytes) return `its last position ${this.lastPosition} is behind the segment's end`;
    return null;
  }
}

import type { AbortedTransaction } from '../../log/aborted-index.ts';
import { FileSlice } from '../../ports/files.ts';
import { BATCH_HEADER_BYTES, RecordBatch } from '../../protocol/record-batch.ts';
import type { LogBatch } from '../../shares/acquisition.ts';

/**
 * The batches in a slice of a segment: their headers alone, read as far as somebody walks. The records stay in the file.
 */
const WINDOW_BYTES = 4096;

interface Seen extends LogBatch {
  /** From the start of the slice. */
  readonly position: number;
  readonly bytes: number;
}

export class SliceBatches implements Iterable<LogBatch> {
  private readonly slice: FileSlice;
  private readonly aborted: readonly AbortedTransaction[];
  private readonly seen: Seen[] = [];
  private readonly window = Buffer.allocUnsafe(WINDOW_BYTES);
  private windowStart = 0;
  private windowBytes = 0;

  constructor(slice: FileSlice, aborted: readonly AbortedTransaction[]) {
    this.slice = slice;
    this.aborted = aborted;
  }

  *[Symbol.iterator](): Generator<LogBatch> {
    for (let position = 0; position + BATCH_HEADER_BYTES <= this.slice.length; ) {
      const batch = this.headerAt(position);
      const { baseOffset, lastOffset, bytes } = batch;
      const seen = { baseOffset, lastOffset, bytes, position, isAborted: this.isAborted(batch) };
      this.seen.push(seen);
      yield seen;
      position += bytes;
    }
  }

  private headerAt(position: number): RecordBatch {
    if (position < this.windowStart || position + BATCH_HEADER_BYTES > this.windowStart + this.windowBytes) {
      const bytes = Math.min(WINDOW_BYTES, this.slice.length - position);
      this.slice.file.readInto(this.window.subarray(0, bytes), this.slice.position + position);
      this.windowStart = position;
      this.windowBytes = bytes;
    }
    return new RecordBatch(this.window, position - this.windowStart);
  }

  private isAborted(batch: RecordBatch): boolean {
    if (this.aborted.length === 0 || !batch.isTransactional || batch.isControl) return false;
    const { producerId, baseOffset } = batch;
    return this.aborted.some(
      (each) => each.producerId === producerId && each.firstOffset <= baseOffset && baseOffset <= each.lastOffset,
    );
  }

  /** The whole batches that hold the offsets, of those that were walked over. */
  sliceOf(firstOffset: number, lastOffset: number): FileSlice {
    const held = this.seen.filter((each) => each.lastOffset >= firstOffset && each.baseOffset <= lastOffset);
    const first = held[0];
    const last = held.at(-1);
    if (first === undefined || last === undefined) throw new Error(`nobody walked to ${firstOffset}–${lastOffset}`);
    const { file, position } = this.slice;
    return new FileSlice(file, position + first.position, last.position + last.bytes - first.position);
  }
}

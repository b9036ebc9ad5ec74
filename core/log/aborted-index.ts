import type { Files } from '../ports/files.ts';
import { IndexFile } from './index-file.ts';

/**
 * The transactions of one segment that ended in an abort: what a read_committed reader must skip.
 *
 *     entry: version i16 = 0 | producerId i64 | firstOffset i64 | lastOffset i64 (of the marker) | lastStableOffset i64
 *
 * Invariant: lastOffset rises strictly; lastStableOffset never falls. The file exists only when a transaction was aborted.
 */
const ENTRY_BYTES = 34;
const VERSION = 0;
const BYTES_MAX = Number.MAX_SAFE_INTEGER;

export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  /** The offset of the abort marker. */
  readonly lastOffset: number;
  /** The last stable offset right after this transaction was completed. */
  readonly lastStableOffset: number;
}

export class AbortedIndex {
  readonly entries: IndexFile;

  constructor(files: Files, path: string, foundBytes: number | null) {
    this.entries = new IndexFile(files, path, ENTRY_BYTES, BYTES_MAX, foundBytes);
  }

  append(transaction: AbortedTransaction): void {
    const { buffer, at } = this.entries.next();
    buffer.writeInt16BE(VERSION, at);
    buffer.writeBigInt64BE(BigInt(transaction.producerId), at + 2);
    buffer.writeBigInt64BE(BigInt(transaction.firstOffset), at + 10);
    buffer.writeBigInt64BE(BigInt(transaction.lastOffset), at + 18);
    buffer.writeBigInt64BE(BigInt(transaction.lastStableOffset), at + 26);
  }

  at(index: number): AbortedTransaction {
    const { buffer, at } = this.entries.entry(index);
    return {
      producerId: Number(buffer.readBigInt64BE(at + 2)),
      firstOffset: Number(buffer.readBigInt64BE(at + 10)),
      lastOffset: Number(buffer.readBigInt64BE(at + 18)),
      lastStableOffset: Number(buffer.readBigInt64BE(at + 26)),
    };
  }

  /**
   * Adds to `into` those that touch [startOffset, endOffset). True when no later entry, here or in a later segment, can: the search may end.
   */
  collect(startOffset: number, endOffset: number, into: AbortedTransaction[]): boolean {
    const first = this.entries.countWhile((buffer, at) => Number(buffer.readBigInt64BE(at + 18)) < startOffset);
    for (let index = first; index < this.entries.count; index++) {
      const transaction = this.at(index);
      if (transaction.firstOffset < endOffset) into.push(transaction);
      if (transaction.lastStableOffset >= endOffset) return true;
    }
    return false;
  }

  truncateTo(offset: number): void {
    this.entries.truncate(this.entries.countWhile((buffer, at) => Number(buffer.readBigInt64BE(at + 18)) < offset));
  }
}
